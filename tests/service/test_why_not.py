"""Why an item is not among the recommendations: the first thing that kept it out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import error, ids, open_shop

from semrec.errors import QueryError
from semrec.ranking.why_not import fault
from semrec.types import AnyOf, Range, item_keys


def why(client, item, **asked):
    answer = client.post(f"/why-not/{item}", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("item", "asked", "verdict", "words"),
    [
        ("nowhere", {"text": "red"}, "not_indexed", "the index does not hold it"),
        ("r1", {"history": ["r1"]}, "seen", "what was seen is left out"),
        ("r2", {"history": ["r1"], "exclude": ["r2"]}, "excluded", "by its id"),
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
        ("g1", {"text": "red", "k": 2}, "outranked", "the last of the 2 has"),
        ("r1", {"text": "red", "k": 2}, "recommended", "rank"),
    ],
)
def test_verdicts(client, item, asked, verdict, words):
    told = why(client, item, **asked)
    assert told["verdict"] == verdict
    assert words in told["reason"]


def test_figures_are_those_of_the_answer(client):
    asked = {"text": "red", "history": ["g1"]}
    answer = client.post("/recommend", json={**asked, "k": 5}).json()["recommendations"]
    for rank, item in enumerate(answer, 1):
        told = why(client, item["item_id"], **asked, k=1)
        assert told["standing"]["rank"] == rank
        assert told["standing"]["score"] == pytest.approx(item["score"], abs=1e-4)
        assert sum(told["standing"]["signals"].values()) == pytest.approx(item["score"], abs=1e-4)
        assert told["last"]["item_id"] == answer[0]["item_id"]
        assert told["last"]["rank"] == 1
        assert told["verdict"] == ("recommended" if rank == 1 else "outranked")


def test_diversity_is_a_reason(client):
    asked = {"text": "red", "k": 2}
    best = ids(client.post("/recommend", json=asked))
    spread = ids(client.post("/recommend", json={**asked, "diversity": 1.0}))
    assert spread != best
    left_out = next(item for item in best if item not in spread)
    assert why(client, left_out, **asked, diversity=1.0)["verdict"] == "diversity"


def test_an_item_that_no_search_found_is_scored_all_the_same(shop):
    with open_shop(shop, ranking={"candidates": 10}) as recommender:
        recommender.warm_up()
        find = recommender._candidates

        def blind(*asked, **options):
            found = find(*asked, **options)
            if options.get("also") is not None:
                return found
            keep = found.keys != item_keys([worst])[0]
            parts = [type(p)(p.signal, p.origin, p.values[keep]) for p in found.parts]
            return type(found)(found.keys[keep], parts, found.scores[keep])

        worst = recommender.recommend(text="red", k=6)[-1].item_id
        recommender._candidates = blind
        told = recommender.why_not(worst, text="red", k=2)
    assert told.verdict == "not_found"
    assert told.standing.rank == told.n_candidates == 6


def test_bad_questions_are_told(client):
    error(client.post("/why-not/r1", json={}), 422, "empty_profile")
    error(client.post("/why-not/r1", json={"text": "x", "where": {"color": "red"}}), 422, "unknown_field")


def test_unknown_arguments_are_told(shop):
    with open_shop(shop) as recommender, pytest.raises(QueryError, match="colour"):
        recommender.why_not("r1", text="red", colour="red")


VALUES = st.one_of(st.integers(-3, 3), st.floats(-3, 3), st.booleans(), st.sampled_from("abc"), st.none())


@given(VALUES, st.lists(st.integers(-3, 3), min_size=1, max_size=3))
def test_any_of_is_told_by_plain_comparison(value, asked):
    holds = value is not None and not isinstance(value, bool) and value in asked
    assert (fault(AnyOf("f", tuple(asked)), value) == "") is holds


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_ranges_are_told_by_plain_comparison(value, low, high):
    assert (fault(Range("f", gte=low, lt=high), value) == "") is (low <= value < high)
    assert (fault(Range("f", gt=low, lte=high), value) == "") is (low < value <= high)
    assert fault(Range("f", gte=low), "text")


def test_one_of_several_values_is_enough():
    assert fault(AnyOf("tags", ("b", "z")), ("a", "b")) == ""
    assert fault(AnyOf("tags", ("z",)), ("a", "b")) == "tags must be z, but it is a, b"
    assert fault(AnyOf("tags", ("z",)), None) == "tags must be z, but it has none"
