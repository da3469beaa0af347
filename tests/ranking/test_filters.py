"""Metadata filters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semrec.errors import QueryError, UnknownFieldError
from semrec.ranking.filters import meets, parse_filters, parse_where
from semrec.types import AnyOf, Range

FIELDS = {"kind": "keyword", "year": "integer", "price": "float", "new": "bool"}


@pytest.mark.parametrize(
    ("where", "condition"),
    [
        ({"kind": "book"}, AnyOf("kind", ("book",))),
        ({"kind": ["book", "film"]}, AnyOf("kind", ("book", "film"))),
        ({"kind": ("book",)}, AnyOf("kind", ("book",))),
        ({"year": 1990}, AnyOf("year", (1990,))),
        ({"year": "1990"}, AnyOf("year", (1990,))),
        ({"year": "2e3"}, AnyOf("year", (2000,))),
        ({"year": 1990.5}, AnyOf("year", (1990.5,))),
        ({"price": "2"}, AnyOf("price", (2.0,))),
        ({"new": True}, AnyOf("new", (True,))),
        ({"new": "False"}, AnyOf("new", (False,))),
        ({"year": {"gte": 1990, "lt": 2000}}, Range("year", gte=1990.0, lt=2000.0)),
        ({"price": {"gt": "0.5", "lte": 9}}, Range("price", gt=0.5, lte=9.0)),
    ],
)
def test_a_filter_becomes_a_condition(where, condition):
    assert parse_where(where, FIELDS) == (condition,)


def test_the_values_have_the_type_of_their_field():
    (year,) = parse_where({"year": 1990.0}, FIELDS)
    (price,) = parse_where({"price": 2}, FIELDS)
    assert isinstance(year.values[0], int)
    assert isinstance(price.values[0], float)


@pytest.mark.parametrize("number", [2**53 + 1, -(2**63), str(2**62 + 1), 7.0])
def test_large_whole_numbers_stay_exact(number):
    assert parse_where({"year": number}, FIELDS) == (AnyOf("year", (int(number),)),)


@pytest.mark.parametrize("where", [None, {}])
def test_no_filter_is_no_condition(where):
    assert parse_where(where, FIELDS) == ()


def test_several_filters_must_all_hold():
    assert parse_where({"kind": "book", "year": {"gt": 3}}, FIELDS) == (
        AnyOf("kind", ("book",)),
        Range("year", gt=3.0),
    )


def test_an_unknown_field_lists_the_known_ones():
    with pytest.raises(UnknownFieldError, match=r"'colour'.*Known fields: kind, new, price, year\."):
        parse_where({"colour": "red"}, FIELDS)
    with pytest.raises(UnknownFieldError, match=r"Known fields: none\."):
        parse_where({"colour": "red"}, {})


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"kind": []}, "has no values"),
        ({"kind": 3}, "'kind' is a keyword field"),
        ({"kind": None}, "'kind' is a keyword field"),
        ({"year": "soon"}, "'year' is a number"),
        ({"year": True}, "'year' is a number"),
        ({"year": None}, "'year' is a number"),
        ({"year": float("nan")}, "'year' is a number"),
        ({"year": 10**400}, "'year' is a number"),
        ({"year": float("inf")}, "'year' is a number"),
        ({"price": {"gte": float("-inf")}}, "'price' is a number"),
        ({"year": 2**63}, "'year' holds whole numbers of 64 bits"),
        ({"new": "yes"}, "'new' is a yes/no field"),
        ({"new": 1}, "'new' is a yes/no field"),
        ({"year": {}}, "needs bounds out of gte, gt, lte, lt"),
        ({"year": {"from": 3}}, r"needs bounds out of .*got \['from'\]"),
        ({"year": {"gte": "soon"}}, "'year' is a number"),
        ({"kind": {"gte": 3}}, "cannot compare 'kind' by size: it is a keyword field"),
        ({"new": {"gte": 3}}, "cannot compare 'new' by size"),
    ],
)
def test_a_filter_that_does_not_fit_its_field(where, message):
    with pytest.raises(QueryError, match=message):
        parse_where(where, FIELDS)


@pytest.mark.parametrize(
    ("written", "where"),
    [
        (["kind=book"], {"kind": ["book"]}),
        (["kind=book", "kind=film"], {"kind": ["book", "film"]}),
        (["year>=1990", "year<2000"], {"year": {"gte": "1990", "lt": "2000"}}),
        (["year > 1990"], {"year": {"gt": "1990"}}),
        (["year<=1990"], {"year": {"lte": "1990"}}),
        (["kind = book "], {"kind": ["book"]}),
        (["kind=a=b"], {"kind": ["a=b"]}),
        (["kind=a>=b"], {"kind": ["a>=b"]}),
        (["kind="], {"kind": [""]}),
        ([], {}),
    ],
)
def test_filters_as_they_are_typed(written, where):
    assert parse_filters(written) == where


@pytest.mark.parametrize("written", ["kind", "=book", "", ">3"])
def test_what_is_no_filter_is_quoted(written):
    with pytest.raises(QueryError, match=f"cannot read the filter '{written}'"):
        parse_filters([written])


@pytest.mark.parametrize("written", [["year=1", "year>2"], ["year>2", "year=1"]])
def test_a_field_has_values_or_bounds(written):
    with pytest.raises(QueryError, match="'year' is filtered by a value and by bounds"):
        parse_filters(written)


NAMES = st.text(st.characters(exclude_characters="<>=", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name == name.strip()
)


@given(NAMES, st.text().map(str.strip))
def test_any_name_and_any_value_can_be_typed(name, value):
    assert parse_filters([f"{name}={value}"]) == {name: [value]}


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
