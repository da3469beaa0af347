"""Values of one event, converted: the same for files, frames, Python and HTTP."""

from __future__ import annotations

import pytest

from semrec.events.event_columns import EventMapping
from semrec.events.event_reader import EventReader, read_event
from semrec.events.kinds import USUAL_KIND_NAMES
from semrec.events.times import TimeFormat
from semrec.plain_values import MisfitError

MAPPING = EventMapping("u", "i", "k", "v", "t")
ROW = {"u": "ann", "i": "a", "k": "Buy ", "v": "2.5", "t": 1_600_000_000_500}


def event(**changes):
    return EventReader(MAPPING, USUAL_KIND_NAMES, TimeFormat("ms")).read({**ROW, **changes})


def test_an_event():
    assert event() == ("ann", "a", "buy", 2.5, 1_600_000_000.5)


def test_missing_values_are_none_and_the_kind_is_the_default():
    assert event(k="", v="", t=None) == ("ann", "a", "view", None, None)
    assert event(k=None, v=3) == ("ann", "a", "view", 3.0, 1_600_000_000.5)


def test_ids_of_other_types_become_text():
    assert event(u=7, i=4.0)[:2] == ("7", "4")


def test_dates_are_utc_without_a_zone():
    assert event(t="2020-09-13T12:26:40")[4] == event(t="2020-09-13T14:26:40+02:00")[4] == 1.6e9


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"u": None}, '"u" is missing'),
        ({"i": " "}, '"i" is missing'),
        ({"u": "a\0"}, '"u" holds a NUL character'),
        ({"i": ["a"]}, '"i" is a list'),
        ({"v": "five"}, "\"v\" is not a number: 'five'"),
        ({"v": "1_0"}, '"v" is not a number'),
        ({"v": True}, '"v" is not a number'),
        ({"v": "nan"}, '"v" is NaN or infinite'),
        ({"t": "yesterday"}, "\"t\" is neither a unix time nor a date in a usual spelling: 'yesterday'"),
        ({"t": "inf"}, '"t" is NaN or infinite'),
    ],
)
def test_a_value_that_cannot_be_converted_is_named(change, reason):
    with pytest.raises(MisfitError, match=reason):
        event(**change)


def test_kinds_have_usual_names_and_are_counted():
    reader = EventReader(MAPPING, USUAL_KIND_NAMES)
    rows = [reader.read({**ROW, "k": name, "v": None}) for name in ("Purchase", "BUY", "refund", "sniff")]
    assert [(row.kind, row.value) for row in rows] == [
        ("buy", None),
        ("buy", None),
        ("buy", -1),
        ("sniff", None),
    ]
    assert [(name, usual.kind) for name, usual in reader.renamed] == [("Purchase", "buy"), ("refund", "buy")]


def test_a_value_becomes_the_share_of_a_duration():
    reader = EventReader(EventMapping("u", "i", value="v", duration="d"), USUAL_KIND_NAMES)
    assert [reader.read({**ROW, "v": v, "d": 200}).value for v in (0, 50, "100", 500, None)] == [
        0,
        0.25,
        0.5,
        1,
        None,
    ]
    for length in (0, -1, None):
        with pytest.raises(MisfitError, match='"d" is no length'):
            reader.read({**ROW, "d": length})


def test_a_rating_that_says_not_rated_is_a_view():
    reader = EventReader(EventMapping("u", "i", value="rating", unrated=0), USUAL_KIND_NAMES)
    read = [reader.read({**ROW, "rating": rating}) for rating in ("0", 8)]
    assert [(row.kind, row.value) for row in read] == [("view", None), ("rate", 8)]


@pytest.mark.parametrize(
    "fields",
    [
        {"user_id": "ann", "item_id": "7", "kind": "buy", "value": 2, "time": 1_600_000_000},
        {"user": "ann", "item": 7, "event": "purchase", "quantity": "2", "timestamp": 1_600_000_000_000},
        {
            "UserId": "ann",
            "ItemId": 7.0,
            "FeedbackType": "Order",
            "EVENT_VALUE": 2.0,
            "ts": "2020-09-13T12:26:40Z",
        },
        {"customer": "ann", "sku": "7", "type": "transaction", "qty": 2, "date": "2020/9/13 12:26:40"},
    ],
)
def test_fields_have_the_names_that_columns_have(fields):
    assert read_event(fields, USUAL_KIND_NAMES, with_user=True) == ("ann", "7", "buy", 2.0, 1.6e9)


def test_a_rating_is_known_by_its_name():
    assert read_event({"movieId": 5, "rating": "4.5"}) == ("", "5", "rate", 4.5, None)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"item_id": "a"}, '"user_id" is missing'),
        ({"user": "u"}, '"item_id" is missing'),
        ({"user": "u", "user_id": "v", "item": "a"}, '"user" and "user_id" both name the user'),
        (
            {"user": "u", "item": "a", "price": 3},
            "unknown field 'price'; an event has user_id, item_id",
        ),
        ({"user": "u", "item": "a", 5: 3}, "the name 5 of a field is not text"),
    ],
)
def test_unclear_fields_are_refused(fields, reason):
    with pytest.raises(MisfitError, match=reason):
        read_event(fields, with_user=True)
