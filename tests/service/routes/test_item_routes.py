"""`/items`: written items can be found at once, deleted ones are gone at once; errors name the item."""

from __future__ import annotations

import json

import pytest
from serving import error, ids, open_shop

INJECTIONS = (
    "' OR '1'='1",
    "'; DROP TABLE semrec_events; --",
    "../../../../etc/passwd",
    "..%2f..%2fkeys.json",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "${jndi:ldap://x}",
    "$(touch /tmp/x)",
    "%s%n%d",
    "a\r\nSet-Cookie: x=1",
)


def item(item_id, title, /, **metadata):
    return {"item_id": item_id, "title": title, "metadata": metadata}


def check_change(answer, **expected):
    """Check the lists of ids that are not empty."""
    assert answer.status_code == 200, answer.text
    lists = {name: value for name, value in answer.json().items() if isinstance(value, list) and value}
    assert lists == expected


def search(client, text, **more):
    return ids(client.post("/recommend", json={"text": text, **more}))


# -- reading -------------------------------------------------------------------------------------------


def test_an_item_is_returned_as_it_is_stored(client):
    found = client.get("/items/a%2Fb%20c").json()
    assert found["title"] == "blue two"
    assert "<b>square</b>" in found["passages"][0]
    assert found["metadata"] == {"colour": "blue", "size": 2}
    error(client.get("/items/nowhere"), 404, "unknown_item")


def test_several_items_are_returned_in_order(client):
    answer = client.get("/items", params={"ids": ["g1", "nowhere", "r1", "g1"]}).json()
    assert [item["item_id"] for item in answer["items"]] == ["g1", "r1"]
    assert answer["unknown_items"] == ["nowhere"]


def test_similar_items(client):
    assert ids(client.get("/items/r1/similar", params={"k": 1})) == ["r2"]
    assert ids(client.get("/items/a%2Fb%20c/similar", params={"k": 1})) == ["b1"]
    where = json.dumps({"colour": ["green"]})
    assert set(ids(client.get("/items/r1/similar", params={"where": where}))) == {"g1", "g2"}
    error(client.get("/items/nowhere/similar"), 404, "unknown_item")
    error(client.get("/items/r1/similar", params={"where": "size=2"}), 422, "bad_request")
    error(client.get("/items/r1/similar", params={"k": "many"}), 422, "bad_request")


# -- changes -------------------------------------------------------------------------------------------


def test_one_item_is_found_at_once_and_gone_at_once(serve):
    client = serve()
    path = "/items/r%2F3%20%C3%A9"
    body = {"title": "red three", "text": "red red red red", "metadata": {"colour": "red", "size": 3}}
    check_change(client.put(path, json=body), added=["r/3 é"])
    assert search(client, "red", where={"size": {"gte": 3}}) == ["r/3 é"]
    assert client.get(path).json()["title"] == "red three"
    check_change(client.put(path, json=body), unchanged=["r/3 é"])
    check_change(client.put(path, json={**body, "title": "red 3"}), changed=["r/3 é"])
    check_change(client.delete(path), deleted=["r/3 é"])
    assert search(client, "red", where={"size": {"gte": 3}}) == []
    error(client.get(path), 404, "unknown_item")
    assert "'r/3 é'" in error(client.delete(path), 404, "unknown_item")


def test_many_items_at_once(serve):
    client = serve()
    items = [item(f"n{n}", f"blue number{n}", size=10 + n) for n in range(50)]
    check_change(client.put("/items", json={"items": items}), added=[f"n{n}" for n in range(50)])
    assert set(search(client, "blue", k=100, where={"size": {"gte": 10}})) == {f"n{n}" for n in range(50)}
    gone = [f"n{n}" for n in range(49)]
    deletion = client.delete("/items", params={"ids": [*gone, "nowhere"]})
    check_change(deletion, deleted=gone, unknown=["nowhere"])
    assert search(client, "blue", where={"size": {"gte": 10}}) == ["n49"]
    assert client.get("/ready").json()["items"] == 7


@pytest.mark.parametrize(
    "bad",
    [
        {"item_id": "bad-one"},  # no text
        item("bad-one", "red", title="a reserved name"),
    ],
)
def test_an_invalid_item_is_named_and_not_written(serve, bad):
    client = serve()
    answer = client.put("/items", json={"items": [item("good-one", "red"), bad]}).json()
    assert (answer["added"], list(answer["refused"])) == (["good-one"], ["bad-one"])
    error(client.get("/items/bad-one"), 404, "unknown_item")
    assert "'bad-one'" in error(client.put("/items", json={"items": [bad]}), 422, "bad_item")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"items": [{"item_id": ""}]}, "items.0.item_id"),
        ({"items": [5, {"title": "red"}]}, "items.1.item_id"),
        ({"items": [item("b", "red", x={"y": {"z": 1}})]}, "items.0.metadata.x"),
        ({"items": [{"item_id": "b", "colour": "red"}]}, "items.0.colour"),
        ({"items": []}, "items"),
        ({"items": [item(f"i{n}", "red") for n in range(1001)]}, "items"),
    ],
)
def test_the_place_of_a_fault_is_named(client, body, place):
    assert place in error(client.put("/items", json=body), 422, "bad_request")
    error(client.get("/items/a"), 404, "unknown_item")


def test_what_is_no_item_is_refused_alone(serve):
    client = serve()
    entries = [
        {"item_id": "", "title": "red"},
        item("a", "red"),
        {"title": "red"},
        "r1",
        item("b", "red", x={"y": {"z": 1}}),
        {"item_id": "c", "title": "red", "colour": "red"},
    ]
    answer = client.put("/items", json={"items": entries}).json()
    assert (answer["added"], list(answer["refused"])) == (["a"], ["entry 1", "entry 3", "entry 4", "b", "c"])
    assert "colour: Extra inputs" in answer["refused"]["c"]
    patches = [{"item_id": "r1", "title": "x"}, {"item_id": "r2", "metadata": {"size": 9}}]
    answer = client.patch("/items", json={"items": patches}).json()
    assert (answer["metadata"], list(answer["refused"])) == (["r2"], ["r1"])


def test_objects_in_metadata_are_fields(serve):
    client = serve()
    put = item("n1", "red", details={"brand": "Acme", "tags": ["a", "b"]})
    check_change(client.put("/items", json={"items": [put]}), added=["n1"])
    assert client.get("/items/n1").json()["metadata"] == {"details.brand": "Acme", "details.tags": ["a", "b"]}
    assert search(client, "red", where={"details.brand": "Acme"}) == ["n1"]


def test_changes_need_the_scope_write(serve, api_keys, headers):
    client = serve(keys=api_keys)
    for method, path, body in (
        ("PUT", "/items", {"items": [item("r3", "red")]}),
        ("PUT", "/items/r3", {"title": "red"}),
        ("DELETE", "/items?ids=r1", None),
        ("DELETE", "/items/r1", None),
    ):
        error(client.request(method, path, json=body), 401, "key_needed")
        refused = client.request(method, path, json=body, headers=headers["read"])
        assert "scope write" in error(refused, 403, "not_allowed")
    assert client.get("/items/r1", headers=headers["read"]).status_code == 200
    check_change(client.put("/items/r3", json={"title": "red"}, headers=headers["write"]), added=["r3"])
    check_change(client.delete("/items/r3", headers=headers["write"]), deleted=["r3"])


def test_a_patch_changes_metadata_alone(serve, shop):
    client = serve()
    patches = [
        {"item_id": "r1", "metadata": {"size": 7, "sale": True}},
        {"item_id": "r2", "metadata": {"size": None}},
        {"item_id": "nowhere", "metadata": {"size": 1}},
    ]
    answer = client.patch("/items", json={"items": patches})
    check_change(answer, metadata=["r1", "r2"], unknown=["nowhere"])
    assert client.get("/items/r1").json()["metadata"] == {"colour": "red", "size": 7, "sale": True}
    assert client.get("/items/r2").json()["metadata"] == {"colour": "red"}
    wrong = {"items": [{"item_id": "r1", "title": "x", "metadata": {"size": 1}}]}
    error(client.patch("/items", json=wrong), 422, "bad_request")
    client.__exit__(None, None, None)
    with open_shop(shop) as recommender:
        assert recommender.items(["r1"])[0].metadata["size"] == 7


def test_changes_stay_after_a_restart(serve, shop):
    client = serve()
    client.put("/items/r3", json={"title": "red three"})
    client.delete("/items/r1")
    client.__exit__(None, None, None)
    with open_shop(shop) as recommender:
        assert {record.item_id for record in recommender.items(["r1", "r2", "r3"])} == {"r2", "r3"}


# -- injections ----------------------------------------------------------------------------------------


def test_injections_in_items_are_text(serve):
    client = serve()
    items = [{**item(text, text, tag=text), "text": f"red {text}"} for text in INJECTIONS]
    check_change(client.put("/items", json={"items": items}), added=list(INJECTIONS))
    for text in INJECTIONS:
        answer = client.post("/recommend", json={"text": text, "where": {"tag": text}})
        assert answer.headers["content-type"] == "application/json"
        (found,) = answer.json()["recommendations"]
        assert (found["item_id"], found["title"], found["metadata"]) == (text, text, {"tag": text})
        kept = client.post("/recommend", json={"history": ["r1"], "exclude": [text], "k": 100})
        assert text not in ids(kept)
    check_change(client.delete("/items", params={"ids": INJECTIONS}), deleted=list(INJECTIONS))


@pytest.mark.parametrize("text", INJECTIONS)
def test_injections_in_filters_are_values_or_unknown_fields(client, text):
    assert search(client, "red", where={"colour": text}) == []
    assert search(client, "red", where={"colour": [text, "green"]}) != []
    message = error(client.post("/recommend", json={"text": "red", "where": {text: 1}}), 422, "unknown_field")
    assert "root:" not in message
    error(client.post("/recommend", json={"text": "red", "where": {"size": text}}), 422, "bad_query")
    answer = client.post("/recommend", json={"history": ["r1", text], "user": None})
    assert answer.json()["unknown_items"] == [text]
