"""`/map` and `/map/places`."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest
from serving import SHOP, error

from semrec.store.edge import EdgeStore


def test_the_map_has_an_entry_for_every_item_in_every_list(client):
    answer = client.get("/map")

    assert answer.status_code == 200
    drawn = answer.json()
    assert drawn["field"] == "colour"
    assert sorted(drawn["groups"]) == ["blue", "green", "red"]
    assert sorted(drawn["item_ids"]) == sorted(item.item_id for item in SHOP)
    for name in ("titles", "x", "y", "group"):
        assert len(drawn[name]) == len(SHOP)
    colours = {item.item_id: item.metadata["colour"] for item in SHOP}
    assert [drawn["groups"][group] for group in drawn["group"]] == [colours[i] for i in drawn["item_ids"]]
    assert all(-1 <= value <= 1 for value in drawn["x"] + drawn["y"])


def test_a_client_can_keep_the_map(client):
    first = client.get("/map")
    again = client.get("/map", headers={"If-None-Match": first.headers["etag"]})

    assert "max-age" in first.headers["cache-control"]
    assert again.status_code == 304
    assert again.content == b""


def test_the_map_is_compressed_for_clients_that_accept_it(client):
    plain = client.get("/map", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with client.stream("GET", "/map", headers={"Accept-Encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        assert json.loads(gzip.decompress(b"".join(packed.iter_raw()))) == plain.json()


def test_places_agree_with_the_map(client):
    drawn = client.get("/map").json()
    body = {"item_ids": ["a/b c", "nowhere", "r1"]}

    places = client.post("/map/places", json=body).json()["places"]

    assert sorted(places) == ["a/b c", "r1"]
    for item_id, (x, y) in places.items():
        at = drawn["item_ids"].index(item_id)
        assert [x, y] == pytest.approx([drawn["x"][at], drawn["y"][at]], abs=0.002)


def test_places_are_bounded(client):
    error(client.post("/map/places", json={"item_ids": ["x"] * 1001}), 422, "bad_request")
    assert client.post("/map/places", json={"item_ids": []}).json() == {"places": {}}


def test_an_index_without_a_map(serve, shop):
    store = EdgeStore(shop)
    store.rewrite_manifest(store.current(), replace(store.manifest(store.current()), landmarks=()))
    client = serve()

    assert "build it again" in error(client.get("/map"), 404, "no_map")
    error(client.post("/map/places", json={"item_ids": ["r1"]}), 404, "no_map")
