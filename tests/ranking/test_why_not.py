"""Why an item is not among the recommendations: filters in words, and items that no search found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from toy import ToyEncoder

from semrec import Item, Recommender
from semrec.config import Settings
from semrec.ranking.why_not import fault
from semrec.types import AnyOf, Range


def test_an_item_that_no_search_found_has_a_score_and_the_last_rank(tmp_path):
    red = [Item(f"r{n}", "red " + "square " * (n % 5)) for n in range(30)]
    settings = Settings(ranking={"candidates": 10})
    with Recommender(tmp_path / "shop", settings, encoder=ToyEncoder()) as recommender:
        recommender.index([*red, Item("g", "green")])
        answer = recommender.why_not("g", text="red", k=2)
        found = recommender.why_not("r0", text="red", k=2)
    assert answer.verdict == "not_found"
    assert answer.standing.rank == answer.n_candidates == found.n_candidates + 1
    assert answer.standing.score < answer.last.score


VALUES = st.one_of(st.integers(-3, 3), st.floats(-3, 3), st.booleans(), st.sampled_from("abc"), st.none())


@given(VALUES, st.lists(st.integers(-3, 3), min_size=1, max_size=3))
def test_any_of_agrees_with_plain_comparison(value, wanted):
    holds = value is not None and not isinstance(value, bool) and value in wanted
    assert (fault(AnyOf("f", tuple(wanted)), value) == "") is holds


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_ranges_agree_with_plain_comparison(value, low, high):
    assert (fault(Range("f", gte=low, lt=high), value) == "") is (low <= value < high)
    assert (fault(Range("f", gt=low, lte=high), value) == "") is (low < value <= high)
    assert fault(Range("f", gte=low), "text")


def test_one_of_several_values_is_enough():
    assert fault(AnyOf("tags", ("b", "z")), ("a", "b")) == ""
    assert fault(AnyOf("tags", ("z",)), ("a", "b")) == "tags must be z, but it is a, b"
    assert fault(AnyOf("tags", ("z",)), None) == "tags must be z, but it has none"
