"""API keys: what is stored, and which keys are accepted."""

from __future__ import annotations

import stat

import pytest

from semrec.errors import ConfigError
from semrec.service.api_keys import ApiKeys


def test_only_a_hash_is_stored(tmp_path):
    keys = ApiKeys(tmp_path)
    written, key = keys.create("shop", "read")
    stored = (tmp_path / "keys.json").read_text()
    assert written.rsplit("_", 1)[1] not in stored
    assert key.hash in stored
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert keys.find(written) == key


def test_wrong_keys_are_not_found(tmp_path):
    keys = ApiKeys(tmp_path)
    written, key = keys.create("shop", "read")
    for wrong in (
        "",
        "semrec",
        written[:-1],
        written + "x",
        f"semrec_{key.key_id}_",
        "semrec_00_x",
        "é" * 99,
    ):
        assert keys.find(wrong) is None


def test_another_process_sees_new_and_revoked_keys(tmp_path):
    here, there = ApiKeys(tmp_path), ApiKeys(tmp_path)
    written, key = here.create("shop", "write")
    assert there.find(written) == key
    here.revoke(key.key_id)
    assert there.find(written) is None
    with pytest.raises(ConfigError, match="there is no key with the id"):
        here.revoke(key.key_id)


def test_the_other_keys_stay_after_a_revocation(tmp_path):
    keys = ApiKeys(tmp_path)
    first, second, third = (keys.create(name, "read")[1] for name in ("a", "b", "c"))
    assert keys.revoke(second.key_id) == second
    assert keys.all() == [first, third]


@pytest.mark.parametrize("content", ["{", "[]", '{"keys": [{"key_id": "1"}]}', '{"keys": 1}'])
def test_a_damaged_file_accepts_no_key(tmp_path, content):
    keys = ApiKeys(tmp_path)
    written, _ = keys.create("shop", "write")
    (tmp_path / "keys.json").write_text(content)
    with pytest.raises(ConfigError, match="cannot read the keys"):
        keys.find(written)


def test_keys_need_a_workspace(tmp_path):
    with pytest.raises(ConfigError, match="is not a workspace"):
        ApiKeys(tmp_path / "missing").create("shop", "read")


def test_a_scope_includes_the_scopes_before_it(tmp_path):
    keys = ApiKeys(tmp_path)
    allowed = {
        scope: [other for other in ("read", "write", "admin") if keys.create("x", scope)[1].allows(other)]
        for scope in ("read", "write", "admin")
    }
    assert allowed == {"read": ["read"], "write": ["read", "write"], "admin": ["read", "write", "admin"]}


def test_a_damaged_file_names_the_command_that_makes_a_new_one(tmp_path):
    keys = ApiKeys(tmp_path)
    keys.create("web", "read")
    file = tmp_path / "keys.json"
    file.write_text(file.read_text().replace('"web"', '"wab"'))
    with pytest.raises(ConfigError, match=rf"is damaged.*`rm {file} && semrec keys create NAME --workspace"):
        ApiKeys(tmp_path).all()
