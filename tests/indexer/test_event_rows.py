"""Values of one row, converted to an event."""

from __future__ import annotations

import pytest

from semrec.indexer.event_mapping import EventMapping
from semrec.indexer.event_rows import event_maker
from semrec.plain_values import MisfitError

MAPPING = EventMapping("u", "i", "k", "v", "t", time_unit="ms")
ROW = {"u": "ann", "i": "a", "k": "Buy ", "v": "2.5", "t": 1_600_000_000_500}


def event(**changes):
    return event_maker(MAPPING)({**ROW, **changes})


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
        ({"t": "yesterday"}, "\"t\" is neither unix time nor an ISO date: 'yesterday'"),
        ({"t": "inf"}, '"t" is NaN or infinite'),
    ],
)
def test_a_value_that_cannot_be_converted_is_named(change, reason):
    with pytest.raises(MisfitError, match=reason):
        event(**change)
