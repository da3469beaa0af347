"""Who may: keys, scopes, limits, and what never gets into a log."""

from __future__ import annotations

import io
import json
import logging
import stat

import pytest
from serving import error, start, wait_until_ready
from typer.testing import CliRunner

from semrec.cli import app as cli
from semrec.config import Settings
from semrec.errors import ConfigError
from semrec.service.api_keys import ApiKeys
from semrec.service.logs import configure_logs
from semrec.service.rate_limit import RateLimiter
from semrec.service.server import is_loopback, run


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    return ApiKeys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def keys(ring):
    return {scope: ring.create(scope, scope)[0] for scope in ("read", "write", "admin")}


@pytest.fixture(scope="module")
def guarded(built_shop, tmp_path_factory, ring, keys):
    """A client of an app that needs keys."""
    import shutil

    folder = shutil.copytree(built_shop, tmp_path_factory.mktemp("guarded") / "shop")
    with start(folder, keys=ring, service={"wrong_keys": 5}) as client:
        wait_until_ready(client, bearer(keys["read"]))
        yield client


def test_only_a_hash_is_stored(tmp_path):
    ring = ApiKeys(tmp_path)
    written, key = ring.create("shop", "read")
    stored = (tmp_path / "keys.json").read_text()
    assert written.rsplit("_", 1)[1] not in stored
    assert key.hash in stored
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert ring.find(written) == key


def test_wrong_keys_are_found_to_be_wrong(tmp_path):
    ring = ApiKeys(tmp_path)
    written, key = ring.create("shop", "read")
    for wrong in (
        "",
        "semrec",
        written[:-1],
        written + "x",
        f"semrec_{key.key_id}_",
        "semrec_00_x",
        "é" * 99,
    ):
        assert ring.find(wrong) is None


def test_another_process_sees_new_and_revoked_keys(tmp_path):
    here, there = ApiKeys(tmp_path), ApiKeys(tmp_path)
    written, key = here.create("shop", "write")
    assert there.find(written) == key
    here.revoke(key.key_id)
    assert there.find(written) is None
    with pytest.raises(ConfigError, match="there is no key with the id"):
        here.revoke(key.key_id)


def test_a_broken_file_lets_nobody_in(tmp_path):
    ring = ApiKeys(tmp_path)
    written, _ = ring.create("shop", "write")
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot read the keys"):
        ring.find(written)


def test_scopes_include_those_before(keys, guarded):
    ask = {"text": "red", "k": 1}
    told = {"events": [{"user_id": "ann", "item_id": "r1"}]}
    for scope, key in keys.items():
        assert guarded.post("/recommend", json=ask, headers=bearer(key)).status_code == 200
        answer = guarded.post("/events", json=told, headers=bearer(key))
        if scope == "read":
            assert "scope write" in error(answer, 403, "not_allowed")
        else:
            assert answer.status_code == 200


def test_without_a_key_only_health_is_told(guarded):
    assert guarded.get("/health").status_code == 200
    assert guarded.get("/openapi.json").status_code == 200
    for path in ("/items/r1", "/metrics"):
        answer = guarded.get(path)
        error(answer, 401, "key_needed")
        assert answer.headers["www-authenticate"] == "Bearer"
    error(guarded.post("/recommend", json={"text": "red"}), 401, "key_needed")
    error(guarded.post("/recommend", content=b"x" * 9_000_000), 401, "key_needed")


def test_a_thousand_wrong_keys_are_limited(keys, guarded):
    statuses = [
        guarded.get("/items/r1", headers=bearer(f"semrec_{n:08x}_{'x' * 43}")).status_code
        for n in range(1000)
    ]
    assert statuses[0] == 401
    assert statuses.count(401) < 20
    assert set(statuses) == {401, 429}
    answer = guarded.get("/items/r1", headers=bearer("semrec_0_0"))
    error(answer, 429, "too_many_requests")
    assert int(answer.headers["retry-after"]) > 0
    assert guarded.get("/items/r1", headers=bearer(keys["read"])).status_code == 200


def test_one_key_cannot_ask_too_often(shop, tmp_path):
    ring = ApiKeys(tmp_path)
    busy, calm = (ring.create(name, "read")[0] for name in ("busy", "calm"))
    with start(shop, keys=ring, service={"rate": 0.1, "burst": 3}) as client:
        statuses = [
            client.get("/items", params={"ids": "r1"}, headers=bearer(busy)).status_code for _ in range(5)
        ]
        assert statuses[3:] == [429, 429]
        assert client.get("/items", params={"ids": "r1"}, headers=bearer(calm)).status_code != 429


def test_tokens_come_back_with_time():
    now = [0.0]
    buckets = RateLimiter(2.0, 3.0, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    now[0] = 0.5
    assert [buckets.take("a") for _ in range(2)] == [0, 0.5]
    now[0] = 100.0
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_another_name_of_this_machine_is_refused_without_keys(client):
    error(client.get("/items/r1", headers={"Host": "evil.example"}), 403, "not_allowed")
    for name in ("127.0.0.1:8000", "[::1]:8000", "localhost"):
        assert client.get("/items/r1", headers={"Host": name}).status_code == 200


def test_other_sites_may_ask_only_when_they_are_named(serve, client):
    def preflight(client, origin):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return client.options("/recommend", headers=headers)

    assert "access-control-allow-origin" not in preflight(client, "https://shop.example").headers
    open_to = serve(wait=False, service={"origins": ("https://shop.example",)})
    allowed = preflight(open_to, "https://shop.example").headers
    assert allowed["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-origin" not in preflight(open_to, "https://evil.example").headers


@pytest.mark.parametrize(
    ("host", "only_here"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("shop.example", False),
        ("localhost.example", False),
    ],
)
def test_which_addresses_others_reach(host, only_here):
    assert is_loopback(host) is only_here


def test_a_public_address_needs_keys(shop):
    with pytest.raises(ConfigError, match="there are no keys"):
        run(shop, Settings(), host="0.0.0.0", port=0)


def test_several_processes_need_a_server(shop):
    with pytest.raises(ConfigError, match="used by one process, not by 4"):
        run(shop, Settings(), host="127.0.0.1", port=0, workers=4)


def test_keys_on_the_command_line(shop):
    def command(*words):
        return CliRunner().invoke(cli, ["keys", *words, "--workspace", str(shop)])

    made = json.loads(command("create", "web", "--scope", "write", "--json").stdout)
    assert ApiKeys(shop).find(made["key"]).scope == "write"
    listed = command("list")
    assert made["key_id"] in listed.stdout
    assert "web" in listed.stdout
    assert made["key"] not in listed.stdout
    assert command("create", "web", "--scope", "root").exit_code == 2
    assert command("revoke", made["key_id"]).exit_code == 0
    assert command("revoke", made["key_id"]).exit_code == 2
    assert ApiKeys(shop).find(made["key"]) is None


def test_no_secret_is_logged(keys, guarded):
    stream, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:], root.level
    configure_logs(stream)
    try:
        for key in (keys["write"], "semrec_0_a-wrong-secret"):
            headers = {**bearer(key), "X-Request-Id": "seen-1"}
            guarded.post("/recommend", json={"text": "my-secret-wish", "user": "a-user"}, headers=headers)
            guarded.get("/items/my-secret-item?token=my-secret-token", headers=headers)
            guarded.post(
                "/events", json={"events": [{"user_id": "a-user", "item_id": "r1"}]}, headers=headers
            )
            guarded.post("/recommend", content='{"my-secret": ', headers=headers)
    finally:
        root.handlers[:], root.level = before
    written = stream.getvalue()
    for secret in (*keys.values(), "wrong-secret", "my-secret", "a-user", "Bearer"):
        assert secret not in written
    lines = [json.loads(line) for line in written.splitlines()]
    answered = [line for line in lines if line["message"] == "answered"]
    assert len(answered) == 8
    assert answered[0]["request_id"] == "seen-1"
    assert (answered[0]["route"], answered[0]["status"]) == ("/recommend", 200)
    assert answered[0]["key"] == keys["write"].split("_")[1]
