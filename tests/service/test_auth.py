"""Which requests are accepted: keys, scopes, rates, host names."""

from __future__ import annotations

import pytest
from serving import bearer, error, start, wait_until_ready
from workspace_copies import copy_workspace

from semrec.service.api_keys import ApiKeys


@pytest.fixture(scope="module")
def guarded(built_shop, tmp_path_factory, api_keys, headers):
    """A client of an app that needs keys."""
    folder = copy_workspace(built_shop, tmp_path_factory.mktemp("guarded") / "shop")
    with start(folder, api_keys, service={"wrong_keys": 5}) as client:
        wait_until_ready(client)
        yield client


def test_scopes(guarded, headers):
    events = {"events": [{"user_id": "ann", "item_id": "r1"}]}
    for scope, with_key in headers.items():
        query = guarded.post("/recommend", json={"text": "red", "k": 1}, headers=with_key)
        assert query.status_code == 200
        change = guarded.post("/events", json=events, headers=with_key)
        if scope == "read":
            assert "scope write" in error(change, 403, "not_allowed")
        else:
            assert change.status_code == 200


def test_without_a_key_only_health_is_answered(guarded):
    for path in ("/health", "/ready", "/openapi.json"):
        assert guarded.get(path).status_code == 200
    for path in ("/items/r1", "/metrics"):
        answer = guarded.get(path)
        error(answer, 401, "key_needed")
        assert answer.headers["www-authenticate"] == "Bearer"
    error(guarded.post("/recommend", json={"text": "red"}), 401, "key_needed")


def test_without_a_key_a_body_is_not_read(guarded):
    answer = guarded.post("/recommend", content=b"x" * 9_000_000)
    error(answer, 401, "key_needed")
    assert answer.headers["connection"] == "close"


def test_wrong_keys_are_limited_and_right_ones_still_pass(guarded, headers):
    statuses = [
        guarded.get("/items/r1", headers=bearer(f"semrec_{n:08x}_{'x' * 43}")).status_code for n in range(200)
    ]
    assert statuses[0] == 401
    assert statuses.count(401) < 20
    assert set(statuses) == {401, 429}
    answer = guarded.get("/items/r1", headers=bearer("semrec_0_0"))
    error(answer, 429, "too_many_requests")
    assert int(answer.headers["retry-after"]) > 0
    assert guarded.get("/items/r1", headers=headers["read"]).status_code == 200


def test_each_key_has_a_rate_of_its_own(serve, tmp_path):
    keys = ApiKeys(tmp_path)
    busy, calm = (bearer(keys.create(name, "read")[0]) for name in ("busy", "calm"))
    client = serve(keys=keys, service={"rate": 0.1, "burst": 3})
    statuses = [client.get("/items/r1", headers=busy).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert client.get("/items/r1", headers=calm).status_code == 200


def test_without_keys_the_host_name_must_be_local(client):
    error(client.get("/items/r1", headers={"Host": "evil.example"}), 403, "not_allowed")
    for name in ("127.0.0.1:8000", "[::1]:8000", "localhost"):
        assert client.get("/items/r1", headers={"Host": name}).status_code == 200
