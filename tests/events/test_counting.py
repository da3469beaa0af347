"""Which single events count, the same for one event and for a frame of them."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semrec.config import KIND_WEIGHTS
from semrec.events.counting import (
    MOST_VALUE,
    REASONS,
    CountingRules,
    in_words,
    value_fault,
)
from semrec.events.frame import SCHEMA, reason_left_out
from semrec.types import Event

NOW = 1.7e9
RULES = CountingRules(KIND_WEIGHTS, (1.0, 5.0), 631_152_000.0, NOW)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Event("a"), None),
        (Event("a", "buy", MOST_VALUE, NOW), None),
        (Event("a", "buy", -MOST_VALUE), None),
        (Event("a", "buy", 1e20), "impossible_value"),
        (Event("a", "buy", math.nan), "impossible_value"),
        (Event("a", "view", None, 1.6e12), "impossible_time"),
        (Event("a", "view", None, 0.0), None),
        (Event("a", "view", None, 99_999_999.0), None),
        (Event("a", "view", None, 1e8), "impossible_time"),
        (Event("a", "view", None, -1.0), "impossible_time"),
        (Event("a", "view", None, 1e300), "impossible_time"),
        (Event("a", "view", None, -1e18), "impossible_time"),
        (Event("a", "view", None, math.nan), "impossible_time"),
        (Event("a", "purchase"), "unknown_kind"),
        (Event("a", "Click"), "unknown_kind"),
        (Event("a", "rate", 9.0), "outside_scale"),
        (Event("a", "rate", 5.0), None),
        (Event("a", "rate"), None),
        (Event("a", "buy", 9.0), None),
    ],
)
def test_why_an_event_is_left_out(event, reason):
    assert RULES.reason(event) == reason
    assert reason is None or reason in REASONS


numbers = st.sampled_from(
    [
        None,
        0.0,
        1.0,
        -3.0,
        9.0,
        MOST_VALUE,
        1.01e6,
        1e20,
        1e300,
        -1e18,
        1e8,
        1.6e9,
        1.6e12,
        math.nan,
        math.inf,
    ]
)


@given(kind=st.sampled_from([*KIND_WEIGHTS, "purchase"]), value=numbers, time=numbers)
def test_a_frame_is_judged_as_each_of_its_events(kind, value, time):
    for rules in (RULES, CountingRules(KIND_WEIGHTS, None, RULES.earliest, RULES.latest)):
        frame = pl.DataFrame([("u", "a", kind, value, time)], schema=SCHEMA, orient="row")
        found = frame.select(reason_left_out(rules)).item()
        assert found == rules.reason(Event("a", kind, value, time))


def test_events_that_are_left_out_are_counted_with_an_example():
    counts, examples = RULES.count(
        [Event("a"), Event("b", "purchase"), Event("c", "purchase"), Event("d", "view", None, 1.6e12)]
    )
    assert counts == {REASONS["unknown_kind"]: 2, REASONS["impossible_time"]: 1}
    assert examples[REASONS["unknown_kind"]].startswith("item 'b', kind 'purchase' [kinds with a weight: buy")
    assert examples[REASONS["impossible_time"]].endswith("time 1600000000000 [it looks like milliseconds]")


def test_an_event_in_words():
    event = Event("cmake", "buy", 1e20, 1.6e9)
    assert in_words(event, "mallory") == (
        "user 'mallory', item 'cmake', kind 'buy', value 1e+20, time 1600000000"
    )
    assert len(in_words(Event("x" * 10**6), "y" * 10**6)) < 300


def test_the_limit_of_a_value():
    assert value_fault(-MOST_VALUE) is None
    assert value_fault(MOST_VALUE * 1.001) == "is too large: the limit is 1,000,000"
    assert value_fault(-math.inf) == "is NaN or infinite"
