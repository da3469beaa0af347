"""Whether an item meets a condition, and in words why it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semrec.ranking.conditions import fault, meets
from semrec.types import AnyOf, Either, Exists, Not, Range


@pytest.mark.parametrize(
    ("metadata", "condition", "expected"),
    [
        ({"kind": "book"}, AnyOf("kind", ("film", "book")), True),
        ({"kind": ("film", "book")}, AnyOf("kind", ("book",)), True),
        ({"kind": ()}, AnyOf("kind", ("book",)), False),
        ({}, AnyOf("kind", ("book",)), False),
        ({"kind": "book"}, AnyOf("kind", ()), False),
        ({"year": 3}, AnyOf("year", (3.0,)), True),
        ({"new": True}, AnyOf("new", (1,)), False),
        ({"new": False}, AnyOf("new", (False,)), True),
        ({"year": 2000}, Range("year", gte=2000, lt=2001), True),
        ({"year": 2000}, Range("year", gt=2000), False),
        ({"year": 2000}, Range("year", lte=1999.5), False),
        ({}, Range("year", gt=0), False),
        ({"year": "2000"}, Range("year", gt=0), False),
    ],
)
def test_whether_an_item_meets_a_condition(metadata, condition, expected):
    assert meets(metadata, [condition]) is expected
    assert meets(metadata, [])
    assert not meets(metadata, [condition, AnyOf("none", ("x",))])


VALUES = st.one_of(st.integers(-3, 3), st.floats(-3, 3), st.booleans(), st.sampled_from("abc"), st.none())


@given(VALUES, st.lists(st.integers(-3, 3), min_size=1, max_size=3))
def test_any_of_agrees_with_plain_comparison(value, wanted):
    holds = value is not None and not isinstance(value, bool) and value in wanted
    assert (fault(AnyOf("f", tuple(wanted)), {} if value is None else {"f": value}) == "") is holds


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_ranges_agree_with_plain_comparison(value, low, high):
    assert (fault(Range("f", gte=low, lt=high), {} if value is None else {"f": value}) == "") is (
        low <= value < high
    )
    assert (fault(Range("f", gt=low, lte=high), {} if value is None else {"f": value}) == "") is (
        low < value <= high
    )
    assert fault(Range("f", gte=low), {"f": "text"})


def test_one_of_several_values_is_enough():
    assert fault(AnyOf("tags", ("b", "z")), {"tags": ("a", "b")}) == ""
    assert fault(AnyOf("tags", ("z",)), {"tags": ("a", "b")}) == "tags must be z, but it is a, b"
    assert fault(AnyOf("tags", ("z",)), {}) == "tags must be z, but it has none"


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Not(AnyOf("tags", ("a",))), "tags must not be a, but it is a, b"),
        (Exists("year"), "year must exist, but it has none"),
        (Not(Exists("tags")), "tags must not exist, but it is a, b"),
        (Not(Range("price", lt=5)), "price must not be less than 5, but it is 3"),
        (
            Either(((AnyOf("tags", ("c",)), Range("price", gt=1)), (Exists("year"),))),
            "tags must be c and price must be more than 1 or year must exist, "
            "but it is a, b; it is 3; it has none",
        ),
        (AnyOf("tags", tuple("cdefghij")), "tags must be c or d or e or f or g or 3 more, but it is a, b"),
    ],
)
def test_what_does_not_hold_in_words(condition, words):
    assert fault(condition, {"tags": ("a", "b"), "price": 3}) == words
