"""Asking the service: the same answers as in process, and one error body for what has none."""

from __future__ import annotations

import json

import pytest
from serving import error, ids, open_shop

from semrec.service.schemas import RecommendationsOut


def test_answers_are_those_of_the_library(shop, client):
    with open_shop(shop) as recommender:
        expected = recommender.recommend(text="red", history=["r1"], k=3, where={"size": 2}).to_dict()
    answer = client.post("/recommend", json={"text": "red", "history": ["r1"], "k": 3, "where": {"size": 2}})
    assert answer.status_code == 200
    body = RecommendationsOut.model_validate(answer.json())
    assert [r.item_id for r in body.recommendations] == [r["item_id"] for r in expected["recommendations"]]
    assert [r.score for r in body.recommendations] == pytest.approx(
        [r["score"] for r in expected["recommendations"]]
    )
    first = body.recommendations[0]
    assert first.item_id == "r2"
    assert first.because[0].item_id == "r1"
    assert first.reason.startswith("It matches your words") or "red one" in first.reason
    assert first.metadata == {"colour": "red", "size": 2}


def test_a_history_may_hold_ids_and_events(client):
    answer = client.post("/recommend", json={"history": ["r1", {"item_id": "g1", "kind": "dislike"}], "k": 2})
    assert ids(answer)[0] == "r2"


def test_filters_are_values_lists_and_bounds(client):
    def asked(where):
        return set(ids(client.post("/recommend", json={"text": "round", "where": where})))

    assert asked({"colour": "red"}) == {"r1", "r2"}
    assert asked({"colour": ["red", "blue"], "size": {"gte": 2}}) == {"r2", "a/b c"}


def test_excluded_and_seen_items_stay_out(client):
    assert "r1" not in ids(client.post("/recommend", json={"history": ["r1"]}))
    assert "r1" in ids(client.post("/recommend", json={"history": ["r1"], "exclude_seen": False}))
    assert "r2" not in ids(client.post("/recommend", json={"history": ["r1"], "exclude": ["r2"]}))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "empty_profile"),
        ({"text": "x", "k": 0}, "bad_request"),
        ({"text": "x", "diversity": 2}, "bad_request"),
        ({"text": "x", "colour": "red"}, "bad_request"),
        ({"text": "x", "where": {"color": "red"}}, "unknown_field"),
        ({"text": "x", "where": {"size": "red"}}, "bad_query"),
        ({"text": "x", "where": {"size": {"gte": 1, "near": 2}}}, "bad_request"),
        ({"text": "x", "where": {"size": 10**30}}, "bad_query"),
        ({"text": "x", "weights": {"smell": 1}}, "bad_query"),
        ({"text": "x", "weights": {"text": -1}}, "bad_request"),
        ({"history": [{"item_id": "r1", "kind": "sniff"}]}, "bad_query"),
        ({"history": "r1"}, "bad_request"),
        ({"history": [1]}, "bad_request"),
    ],
)
def test_what_does_not_fit_is_told(client, body, code):
    assert error(client.post("/recommend", json=body), 422, code)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"text": ',
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b'{"text": "x", "diversity": NaN}',
        b"null",
        b"[" * 100_000,
    ],
)
def test_bad_json_is_told(client, body):
    answer = client.post("/recommend", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    error(answer, answer.status_code, "bad_request")


@pytest.mark.parametrize(
    "written",
    [
        '{"text": "\\ud800"}',
        '{"history": ["\\udfff"]}',
        '{"user": "\\u0000"}',
        '{"text": "x", "where": {"\\ud800": 1}}',
        '{"text": "x", "where": {"colour": "\\ud800"}}',
    ],
)
def test_text_that_is_no_text_is_told(client, written):
    answer = client.post("/recommend", content=written, headers={"content-type": "application/json"})
    error(answer, 422, "bad_request")


def test_a_body_of_another_type_is_told(client):
    answer = client.post(
        "/recommend", content=json.dumps({"text": "x"}), headers={"content-type": "text/plain"}
    )
    error(answer, 422, "bad_request")


def test_an_unknown_history_is_told(client):
    assert "'nowhere'" in error(client.post("/recommend", json={"history": ["nowhere"]}), 404, "unknown_item")
    assert client.post("/recommend", json={"history": ["r1", "nowhere"]}).json()["unknown_items"] == [
        "nowhere"
    ]


def test_unknown_paths_and_methods_have_the_same_body(client):
    error(client.get("/nowhere"), 404, "not_found")
    error(client.get("/recommend"), 405, "method_not_allowed")


def test_items_are_shown_as_they_are_stored(client):
    item = client.get("/items/a%2Fb%20c").json()
    assert item["title"] == "blue two"
    assert "<b>square</b>" in item["passages"][0]
    assert item["metadata"] == {"colour": "blue", "size": 2}
    error(client.get("/items/nowhere"), 404, "unknown_item")


def test_several_items_come_in_order(client):
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


def test_health_and_readiness(client):
    assert client.get("/health").json()["status"] == "ok"
    ready = client.get("/ready").json()
    assert ready["items"] == 6
    assert ready["fields"] == {"colour": "keyword", "size": "integer"}
    assert [signal["name"] for signal in ready["signals"]] == ["text", "words"]


def test_request_ids_go_in_and_out(client):
    assert client.get("/health", headers={"X-Request-Id": "a-1.b_2"}).headers["x-request-id"] == "a-1.b_2"
    for bad in ("", "x" * 65, "a b", "a;b", "<b>"):
        made = client.get("/health", headers={"X-Request-Id": bad}).headers["x-request-id"]
        assert len(made) == 32
        assert made.isalnum()


def test_headers_are_safe(client):
    for path in ("/health", "/nowhere"):
        headers = client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


def test_a_body_too_large_is_refused(client):
    for content in (b"x" * 5_000_000, (b"x" * 500_000 for _ in range(10))):
        answer = client.post("/recommend", content=content, headers={"content-type": "application/json"})
        error(answer, 413, "body_too_large")
