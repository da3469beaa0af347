"""Filters as they are typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semrec.errors import QueryError
from semrec.ranking.typed_filters import parse_filters


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
        (["brand!=Acme", "brand!=Bolt"], {"brand": {"not": ["Acme", "Bolt"]}}),
        (["tags+=tea", "tags += kitchen"], {"tags": {"all": ["tea", "kitchen"]}}),
        (["year=1", "year>2"], {"year": {"any": ["1"], "gt": "2"}}),
        (["year>2", "year=1"], {"year": {"gt": "2", "any": ["1"]}}),
        (["brand=*", "colour!=*"], {"brand": {"exists": True}, "colour": {"exists": False}}),
        (["brand=Acme | price<20"], {"or": [{"brand": ["Acme"]}, {"price": {"lt": "20"}}]}),
        (
            ["new=true", "a=1 | b=2", "c=3 | d=4"],
            {
                "new": ["true"],
                "and": [{"or": [{"a": ["1"]}, {"b": ["2"]}]}, {"or": [{"c": ["3"]}, {"d": ["4"]}]}],
            },
        ),
        (['"a=b"="*"'], {"a=b": ["*"]}),
        (['kind="a | b"'], {"kind": ["a | b"]}),
        (['size=5"'], {"size": ['5"']}),
        ([], {}),
    ],
)
def test_filters_as_they_are_typed(written, where):
    assert parse_filters(written) == where


@pytest.mark.parametrize("written", ["kind", "=book", "", ">3"])
def test_what_is_no_filter_is_quoted(written):
    with pytest.raises(QueryError, match=f"cannot read the filter '{written}'"):
        parse_filters([written])


@given(st.text(min_size=1), st.text())
def test_any_name_and_any_value_can_be_typed_in_quotes(name, value):
    def quoted(text):
        return '"' + text.replace('"', '""') + '"'

    assert parse_filters([f"{quoted(name)}={quoted(value)}"]) == {name: [value]}
