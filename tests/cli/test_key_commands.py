"""`semrec keys`."""

from __future__ import annotations

import json
import resource
import subprocess

from commands import as_json, invoke, run

from semrec.service.api_keys import ApiKeys


def test_a_key_is_created_listed_and_revoked(bare):
    made = as_json("keys", "create", "web", "--scope", "write", "-w", bare)
    assert ApiKeys(bare).find(made["key"]).scope == "write"
    status, out, _ = invoke("keys", "list", "-w", bare)
    assert status == 0
    assert made["key_id"] in out
    assert "web" in out
    assert made["key"] not in out
    assert invoke("keys", "revoke", made["key_id"], "-w", bare)[0] == 0
    assert invoke("keys", "revoke", made["key_id"], "-w", bare)[0] == 2
    assert ApiKeys(bare).find(made["key"]) is None


def test_only_the_key_is_printed_on_stdout(bare):
    status, out, err = invoke("keys", "create", "web", "-w", bare)
    assert status == 0
    assert ApiKeys(bare).find(out.strip()).scope == "read"
    assert "cannot be shown again" in err


def test_an_unknown_scope_is_wrong_use(bare):
    status, out, err = invoke("keys", "create", "web", "--scope", "root", "-w", bare)
    assert (status, out) == (2, "")
    assert "take one of read, write, admin" in err


def test_hashes_are_not_listed(bare):
    invoke("keys", "create", "web", "-w", bare)
    (key,) = json.loads(invoke("keys", "list", "--json", "-w", bare)[1])["keys"]
    assert set(key) == {"key_id", "name", "scope", "created_at"}


def test_a_key_that_cannot_be_written_is_not_printed(bare):
    """The process may not write a byte into a file, as on a full disk."""
    kept = invoke("keys", "create", "shop", "-w", bare)[1]
    status, out, err = run(
        *("keys", "create", "app", "-w", bare),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        stdout=subprocess.PIPE,
    )
    assert (status, out) == (1, b"")
    assert err == f"error: {bare / 'keys.json'}: File too large\n"
    assert [key["key_id"] for key in as_json("keys", "list", "-w", bare)["keys"]] == [kept.split("_")[1]]
