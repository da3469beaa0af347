"""The typed client, over real connections."""

from __future__ import annotations

import httpx
import pytest
from serving import listening, open_shop
from workspace_copies import copy_workspace

from semrec.config import Settings
from semrec.service.api_keys import ApiKeys
from semrec.service.app import create_app
from semrec.service.client import Client, RefusedError


@pytest.fixture(scope="module")
def service(built_shop, tmp_path_factory):
    """The address of a service that needs keys, and a key with all scopes."""
    folder = copy_workspace(built_shop, tmp_path_factory.mktemp("client") / "shop")
    keys = ApiKeys(folder)
    key, _ = keys.create("everything", "admin")
    with listening(create_app(lambda: open_shop(folder), Settings(), keys=keys)) as url:
        yield url, key


@pytest.fixture
def shop_client(service):
    with Client(*service, timeout_s=30) as client:
        yield client


def test_queries(shop_client):
    found = shop_client.recommend(text="red", history=["r1"], k=2, where={"size": {"gte": 2}})
    assert found.recommendations[0].item_id == "r2"
    assert found.recommendations[0].reason
    assert [r.item_id for r in shop_client.similar("a/b c", k=1).recommendations] == ["b1"]
    assert {r.item_id for r in shop_client.similar("r1", where={"colour": "green"}).recommendations} == {
        "g1",
        "g2",
    }
    assert shop_client.why_not("g1", text="red", where={"colour": "red"}).failed
    assert shop_client.item("a/b c").title == "blue two"
    assert shop_client.items(["r1", "nowhere"]).unknown_items == ["nowhere"]
    assert shop_client.ready().items == 6


def test_changes_of_items(shop_client):
    changed = shop_client.put_items([{"item_id": "x/1?#", "title": "red new", "metadata": {"size": 9}}])
    assert changed.added == ["x/1?#"]
    assert shop_client.item("x/1?#").metadata == {"size": 9}
    patch = {"item_id": "x/1?#", "metadata": {"size": 10, "sale": True}}
    assert shop_client.patch_items([patch, {"item_id": "nowhere", "metadata": {"size": 1}}]).unknown == [
        "nowhere"
    ]
    assert shop_client.item("x/1?#").metadata == {"size": 10, "sale": True}
    assert shop_client.delete_items(["x/1?#", "nowhere"]).unknown == ["nowhere"]
    with pytest.raises(RefusedError) as refused:
        shop_client.item("x/1?#")
    assert (refused.value.status, refused.value.code) == (404, "unknown_item")
    assert refused.value.request_id


def test_events_and_users(shop_client):
    event = {"user_id": "ann/é", "item_id": "r1", "time": 1.7e9}
    assert shop_client.add_events([event]).added == 1
    assert shop_client.add_events([event], idempotency_key="k1").repeated == 1
    assert shop_client.add_events([event], idempotency_key="k1").again
    assert shop_client.recommend(user="ann/é", k=1).recommendations[0].item_id == "r2"
    assert shop_client.user("ann/é").recent[0].item_id == "r1"
    assert shop_client.delete_events("ann/é", "r1", kind="buy") == 0
    assert shop_client.add_events([{**event, "time": 1.6e9}]).added == 1
    assert shop_client.delete_events("ann/é", "r1", time=1.6e9) == 1
    one = shop_client.recommend(user="ann/é", k=2)
    many = shop_client.recommend_many(["ann/é", "ann/é"], k=2, explain=True)
    assert [answer.recommendations for answer in many] == [one.recommendations] * 2
    assert shop_client.set_interests("ann/é", {"r1": 0.5}).interests[0].weight == 0.5
    assert shop_client.delete_user("ann/é").events == 1
    assert shop_client.user("ann/é").recent == []


def test_a_refusal_is_an_error_with_a_code(service, shop_client):
    with pytest.raises(RefusedError, match=r"no item of the history.*\(unknown_item\)"):
        shop_client.recommend(history=["nowhere"])
    with pytest.raises(ValueError, match="diversity"):
        shop_client.recommend(text="red", diversity=2)
    with Client(service[0], "semrec_0_wrong") as other, pytest.raises(RefusedError) as refused:
        other.recommend(text="red")
    assert refused.value.code == "wrong_key"


def test_no_response_is_an_error_after_all_attempts():
    with (
        Client("http://127.0.0.1:9", attempts=2) as client,
        pytest.raises(RefusedError, match="does not respond"),
    ):
        client.ready()


def test_a_busy_service_is_asked_again():
    answers = [
        httpx.Response(429, headers={"Retry-After": "0"}, json=body_of_error("too_many_requests")),
        httpx.ConnectError("refused"),
        httpx.Response(200, json={"added": 1, "repeated": 0, "refused": {}}),
    ]
    keys = []

    def answer(request):
        keys.append(request.headers["idempotency-key"])
        given = answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    http = httpx.Client(transport=httpx.MockTransport(answer))
    with Client("http://shop", http=http) as client:
        assert client.add_events([{"user_id": "ann", "item_id": "r1"}]).added == 1
    assert len(keys) == 3
    assert len(set(keys)) == 1  # so that no attempt stores them again


def body_of_error(code):
    return {"error": {"code": code, "message": "…", "request_id": "1"}}
