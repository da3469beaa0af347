"""`/recommend` and `/why-not`: the same answers as from the library."""

from __future__ import annotations

import pytest
from serving import error, ids, open_shop

from semrec.service.response_models import RecommendationsOut


def test_answers_are_those_of_the_library(shop, client):
    query = {"text": "red", "history": ["r1"], "k": 3, "where": {"size": 2}}
    with open_shop(shop) as recommender:
        expected = recommender.recommend(**query).to_dict()
    answer = client.post("/recommend", json=query)
    assert answer.status_code == 200
    body = RecommendationsOut.model_validate(answer.json())
    assert [r.item_id for r in body.recommendations] == [r["item_id"] for r in expected["recommendations"]]
    assert [r.score for r in body.recommendations] == pytest.approx(
        [r["score"] for r in expected["recommendations"]]
    )
    first = body.recommendations[0]
    assert first.item_id == "r2"
    assert first.because[0].item_id == "r1"
    assert first.because[0].signal == "text"
    assert "red one" in first.reason
    assert first.metadata == {"colour": "red", "size": 2}


def test_a_history_can_hold_ids_and_events(client):
    answer = client.post("/recommend", json={"history": ["r1", {"item_id": "g1", "kind": "dislike"}], "k": 2})
    assert ids(answer)[0] == "r2"


def test_filters_are_values_lists_and_bounds(client):
    def found(where):
        return set(ids(client.post("/recommend", json={"text": "round", "where": where})))

    assert found({"colour": "red"}) == {"r1", "r2"}
    assert found({"colour": ["red", "blue"], "size": {"gte": 2}}) == {"r2", "a/b c"}
    assert found({"colour": "RED"}) == found({"colour": {"any": ["red"]}}) == {"r1", "r2"}
    assert found({"colour": {"not": ["red", "green"]}}) == found({"colour": "blue"})
    assert found({"colour": {"exists": False}}) == set()
    assert found({"or": [{"colour": "red", "size": 1}, {"colour": "blue"}]}) == {"r1"} | found(
        {"colour": "blue"}
    )
    assert found({"and": [{"or": [{"colour": "red"}]}, {"size": {"not": 1}}]}) == {"r2"}


def test_excluded_and_seen_items_are_left_out(client):
    assert "r1" not in ids(client.post("/recommend", json={"history": ["r1"]}))
    assert "r1" in ids(client.post("/recommend", json={"history": ["r1"], "exclude_seen": False}))
    assert "r2" not in ids(client.post("/recommend", json={"history": ["r1"], "exclude": ["r2"]}))


@pytest.mark.parametrize(
    ("body", "code"),
    [
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
        ({"history": [True]}, "bad_request"),
    ],
)
def test_invalid_queries(client, body, code):
    assert error(client.post("/recommend", json=body), 422, code)


def test_unknown_items_of_a_history(client):
    assert "'nowhere'" in error(client.post("/recommend", json={"history": ["nowhere"]}), 404, "unknown_item")
    answer = client.post("/recommend", json={"history": ["r1", "nowhere"]})
    assert answer.json()["unknown_items"] == ["nowhere"]


def test_a_history_has_a_largest_length(client):
    history = [f"i{n}" for n in range(9_999)] + ["r1"]
    answer = client.post("/recommend", json={"history": history, "k": 1})
    assert ids(answer) == ["r2"]
    assert len(answer.json()["unknown_items"]) == 9_999
    message = error(client.post("/recommend", json={"history": [*history, "g1"]}), 422, "bad_request")
    assert "at most 10,000 items" in message


def test_a_long_history_of_known_items_gets_an_answer_or_a_timeout(serve_recommender):
    client, recommender = serve_recommender()
    recommender.put_items(
        {"id": f"n{n}", "title": f"{('red', 'green', 'blue')[n % 3]} {n}"} for n in range(2_000)
    )
    history = [f"n{n}" for n in range(2_000)] * 5
    answer = client.post("/recommend", json={"history": history, "k": 3})
    if answer.status_code != 200:
        error(answer, 504, "timeout")
    else:
        assert set(ids(answer)) <= {"r1", "r2", "g1", "g2", "b1", "a/b c"}


# -- why not -------------------------------------------------------------------------------------------


def why_not(client, item, **query):
    answer = client.post(f"/why-not/{item}", json=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("item", "query", "verdict", "words"),
    [
        ("nowhere", {"text": "red"}, "not_indexed", "index"),
        ("r1", {"history": ["r1"]}, "seen", "in the history"),
        ("r2", {"history": ["r1"], "exclude": ["r2"]}, "excluded", "id"),
        (
            "r2",
            {"text": "red", "where": {"colour": ["green", "blue"]}},
            "filtered",
            "colour must be green or blue, but it is red",
        ),
        (
            "r2",
            {"text": "red", "where": {"size": {"gte": 1, "lt": 2}}},
            "filtered",
            "size must be at least 1 and less than 2, but it is 2",
        ),
        ("g1", {"text": "red", "k": 2}, "outranked", "of the 2"),
        ("r1", {"text": "red", "k": 2}, "recommended", "rank"),
    ],
)
def test_verdicts(client, item, query, verdict, words):
    answer = why_not(client, item, **query)
    assert answer["verdict"] == verdict
    assert words in answer["reason"]


def test_figures_are_those_of_the_recommendations(client):
    query = {"text": "red", "history": ["g1"]}
    recommended = client.post("/recommend", json={**query, "k": 5}).json()["recommendations"]
    for rank, item in enumerate(recommended, 1):
        answer = why_not(client, item["item_id"], **query, k=1)
        assert answer["standing"]["rank"] == rank
        assert answer["standing"]["score"] == pytest.approx(item["score"], abs=1e-4)
        assert sum(answer["standing"]["signals"].values()) == pytest.approx(item["score"], abs=1e-4)
        assert answer["last"]["item_id"] == recommended[0]["item_id"]
        assert answer["last"]["rank"] == 1
        assert answer["verdict"] == ("recommended" if rank == 1 else "outranked")


def test_diversity_is_a_verdict(client):
    query = {"text": "red", "k": 2}
    best = ids(client.post("/recommend", json=query))
    diverse = ids(client.post("/recommend", json={**query, "diversity": 1.0}))
    assert diverse != best
    left_out = next(item for item in best if item not in diverse)
    assert why_not(client, left_out, **query, diversity=1.0)["verdict"] == "diversity"


def test_invalid_why_not_queries(client):
    error(client.post("/why-not/r1", json={"text": "x", "where": {"color": "red"}}), 422, "unknown_field")


@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_pages_show_every_item_once(client, diversity):
    query = {"text": "round", "k": 2, "diversity": diversity}
    shown, after = [], None
    for _ in range(3):
        page = client.post("/recommend", json={**query, "after": after})
        shown += ids(page)
        after = page.json()["next"]
    assert after is None
    assert len(shown) == len(set(shown)) == 6
    error(client.post("/recommend", json={**query, "after": "?"}), 422, "bad_query")


def test_similar_items_have_pages(client):
    first = client.get("/items/r1/similar", params={"k": 2})
    second = client.get("/items/r1/similar", params={"k": 3, "after": first.json()["next"]})
    assert len({*ids(first), *ids(second)}) == 5
    assert second.json()["next"] is None
