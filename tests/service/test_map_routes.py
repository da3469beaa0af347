"""`/map` and `/map/places` over HTTP, and the page's files."""

from __future__ import annotations

import gzip
import json

import pytest
from serving import SHOP, error


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


def test_a_map_is_sent_once(client):
    first = client.get("/map")
    again = client.get("/map", headers={"If-None-Match": first.headers["etag"]})

    assert "max-age" in first.headers["cache-control"]
    assert again.status_code == 304
    assert again.content == b""


def test_a_map_is_sent_small_to_whoever_can_read_it(client):
    plain = client.get("/map", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with client.stream("GET", "/map", headers={"Accept-Encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        assert json.loads(gzip.decompress(b"".join(packed.iter_raw()))) == plain.json()


def test_places_are_those_of_the_map(client):
    drawn = client.get("/map").json()
    asked = {"item_ids": ["a/b c", "nowhere", "r1"]}

    places = client.post("/map/places", json=asked).json()["places"]

    assert sorted(places) == ["a/b c", "r1"]
    for item_id, (x, y) in places.items():
        at = drawn["item_ids"].index(item_id)
        assert [x, y] == pytest.approx([drawn["x"][at], drawn["y"][at]], abs=0.002)


def test_places_are_bounded(client):
    error(client.post("/map/places", json={"item_ids": ["x"] * 1001}), 422, "bad_request")
    assert client.post("/map/places", json={"item_ids": []}).json() == {"places": {}}


def test_an_index_from_before_there_were_maps_says_so(serve, shop):
    manifest = next(shop.glob("generations/*/manifest.json"))
    values = json.loads(manifest.read_text())
    del values["landmarks"]
    manifest.write_text(json.dumps(values))
    client = serve()

    assert "build it again" in error(client.get("/map"), 404, "no_map")
    error(client.post("/map/places", json={"item_ids": ["r1"]}), 404, "no_map")


def test_the_page_and_its_files_are_there(client):
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for name, kind in (("app.js", "javascript"), ("style.css", "css"), ("icon.svg", "svg")):
        file = client.get(f"/page/{name}")
        assert file.status_code == 200
        assert kind in file.headers["content-type"]
        assert client.get(f"/page/{name}", headers={"If-None-Match": file.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("path", ["../front.py", "..%2ffront.py", "%2e%2e/app.py", "nothing.js", ""])
def test_only_the_page_s_own_files_are(client, path):
    assert client.get(f"/page/{path}").status_code == 404


def test_the_page_asks_nobody_else(client):
    for name in ("", "page/style.css", "page/app.js", "page/api.js"):
        written = client.get(f"/{name}").text
        assert "https://" not in written
        assert "//" not in written.replace("http://www.w3.org/2000/svg", "") or name.endswith(".js")
        assert "style=" not in written.replace("data-style=", "") or name.endswith(".js")
