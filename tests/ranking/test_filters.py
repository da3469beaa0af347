"""Metadata filters."""

from __future__ import annotations

import pytest

from semrec.errors import QueryError, UnknownFieldError
from semrec.ranking.filters import parse_where
from semrec.store.text_values import TextValues
from semrec.types import AnyOf, Either, Exists, Not, Range

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
    assert parse_where(where, FIELDS).conditions == (condition,)


def test_the_values_have_the_type_of_their_field():
    (year,) = parse_where({"year": 1990.0}, FIELDS).conditions
    (price,) = parse_where({"price": 2}, FIELDS).conditions
    assert isinstance(year.values[0], int)
    assert isinstance(price.values[0], float)


@pytest.mark.parametrize("number", [2**53 + 1, -(2**63), str(2**62 + 1), 7.0])
def test_large_whole_numbers_stay_exact(number):
    assert parse_where({"year": number}, FIELDS).conditions == (AnyOf("year", (int(number),)),)


@pytest.mark.parametrize("where", [None, {}])
def test_no_filter_is_no_condition(where):
    assert parse_where(where, FIELDS).conditions == ()


def test_several_filters_must_all_hold():
    assert parse_where({"kind": "book", "year": {"gt": 3}}, FIELDS).conditions == (
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
        ({"kind": True}, "'kind' is a keyword field"),
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
        ({"year": {}}, "needs some of gte, gt, lte, lt, any, all, not, exists"),
        ({"year": {"from": 3}}, r"needs some of .*got \['from'\]"),
        ({"year": {"gte": "soon"}}, "'year' is a number"),
        ({"kind": {"gte": "soon"}}, "cannot compare 'kind' by size with .*: give numbers or dates"),
        ({"kind": {"all": []}}, "has no values"),
        ({"kind": {"exists": "maybe"}}, "filter it by true or false"),
        ({"or": []}, "'or' has no filters"),
        ({"kind": {"not": {"near": 1}}}, r"got \['near'\]"),
        (5, "cannot read the filters 5"),
        ({"new": {"gte": 3}}, "cannot compare 'new' by size"),
    ],
)
def test_a_filter_that_does_not_fit_its_field(where, message):
    with pytest.raises(QueryError, match=message):
        parse_where(where, FIELDS)


TEXTS = {
    "kind": TextValues({"Acme": 3, "ACME": 1, "café": 2, "tea": 9}),
    "price": TextValues({"19.99": 1, "$25": 1, "9": 2, "N/A": 1}),
    "added": TextValues({"2024-01-05": 1, "2024-01-05T14:00:00": 1, "2024-02-01": 1, "soon": 1}),
}
WORDY = dict.fromkeys(TEXTS, "keyword") | {"year": "integer", "stamp": "integer"}


def texts_for(where):
    """Return the texts that a filter on one field lets through, and the notes."""
    found = parse_where(where, WORDY, TEXTS.__getitem__)
    (condition,) = found.conditions
    if isinstance(condition, Either):
        (condition,), _ = condition.alternatives
    name = next(iter(where))
    return set(condition.values) & set(TEXTS[name].counts), found.notes


@pytest.mark.parametrize("written", ["acme", "Acme", "ACME", " acme "])
def test_upper_and_lower_case_are_alike(written):
    assert texts_for({"kind": written}) == ({"Acme", "ACME"}, ())


def test_two_unicode_forms_are_one_text():
    assert texts_for({"kind": "CAFE\u0301"}) == ({"café"}, ())


@pytest.mark.parametrize(
    ("bounds", "fitting"),
    [
        ({"lte": 20}, {"19.99", "9"}),
        ({"lte": "20"}, {"19.99", "9"}),
        ({"gt": 9}, {"19.99", "$25"}),
        ({"gte": 9, "lt": 19.99}, {"9"}),
    ],
)
def test_one_odd_price_does_not_make_prices_texts(bounds, fitting):
    found, notes = texts_for({"price": bounds})
    assert found == fitting
    assert notes == ("1 values of 'price' are no numbers and do not match, such as 'N/A'",)


def test_a_price_equals_its_number():
    assert texts_for({"price": 25})[0] == {"$25"}
    assert texts_for({"price": "9.0"})[0] == {"9"}


@pytest.mark.parametrize(
    ("wanted", "fitting"),
    [
        ({"gte": "2024-01-05", "lt": "2024-02"}, {"2024-01-05", "2024-01-05T14:00:00"}),
        ({"lte": "2024-01-05"}, {"2024-01-05", "2024-01-05T14:00:00"}),
        ({"gt": "2024-01-05"}, {"2024-02-01"}),
        ({"gt": "2024-01-05T13:00:00"}, {"2024-01-05T14:00:00", "2024-02-01"}),
        ({"gte": "2024"}, {"2024-01-05", "2024-01-05T14:00:00", "2024-02-01"}),
        ({"gt": "2024"}, set()),
        ("2024-01-05", {"2024-01-05", "2024-01-05T14:00:00"}),
        ("2024-01", {"2024-01-05", "2024-01-05T14:00:00"}),
    ],
)
def test_dates_are_dates(wanted, fitting):
    assert texts_for({"added": wanted})[0] == fitting


def test_a_date_finds_unix_seconds():
    day = Range("stamp", gte=1704412800.0, lt=1704499200.0)
    assert parse_where({"stamp": "2024-01-05"}, WORDY).conditions == (Either(((day,),)),)
    noon = Range("stamp", gte=1704456000.0, lte=1704456000.0)
    assert parse_where({"stamp": "2024-01-05T12:00"}, WORDY).conditions == (Either(((noon,),)),)
    after = parse_where({"stamp": {"gt": "2024-01-05", "lte": 2e9}}, WORDY).conditions
    assert after == (Range("stamp", gte=1704499200.0, lte=2e9),)


@pytest.mark.parametrize(
    ("written", "note"),
    [
        ("Acmi", "no item has 'Acmi' in 'kind'; the nearest values: 'Acme' (3)"),
        ("xyz", "no item has 'xyz' in 'kind'; the most frequent values: 'Acme' (3), 'ACME' (1), 'café' (2)"),
    ],
)
def test_a_value_that_does_not_occur_is_noted_with_the_nearest(written, note):
    assert texts_for({"kind": written}) == (set(), (note,))


@pytest.mark.parametrize(
    ("where", "conditions"),
    [
        ({"kind": {"all": ["a", "b"]}}, (AnyOf("kind", ("a",)), AnyOf("kind", ("b",)))),
        ({"kind": {"any": ["a", "b"]}}, (AnyOf("kind", ("a", "b")),)),
        ({"kind": {"not": "a"}}, (Not(AnyOf("kind", ("a",))),)),
        ({"kind": {"not": ["a", "b"]}}, (Not(AnyOf("kind", ("a", "b"))),)),
        ({"year": {"not": {"gte": 3}}}, (Not(Range("year", gte=3.0)),)),
        ({"kind": {"exists": True}}, (Exists("kind"),)),
        ({"kind": {"exists": False}}, (Not(Exists("kind")),)),
        ({"year": {"gte": 1, "not": 3}}, (Range("year", gte=1.0), Not(AnyOf("year", (3,))))),
        (
            {"or": [{"kind": "a"}, {"year": {"lt": 3}, "new": True}]},
            (Either(((AnyOf("kind", ("a",)),), (Range("year", lt=3.0), AnyOf("new", (True,))))),),
        ),
        ({"and": [{"kind": "a"}, {"kind": "b"}]}, (AnyOf("kind", ("a",)), AnyOf("kind", ("b",)))),
    ],
)
def test_not_all_exists_and_or(where, conditions):
    assert parse_where(where, FIELDS).conditions == conditions


def test_a_field_may_be_named_or():
    assert parse_where({"or": ["a"]}, {"or": "keyword"}).conditions == (AnyOf("or", ("a",)),)
