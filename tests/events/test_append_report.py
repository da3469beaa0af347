"""What a log says of the events it was given."""

from __future__ import annotations

import polars as pl
import pytest

from semrec.config import KIND_WEIGHTS
from semrec.events.append_report import AppendReport
from semrec.events.batches import EventPosts, Post
from semrec.events.counting import REASONS, CountingRules
from semrec.events.frame import SCHEMA
from semrec.events.log import EventLog
from semrec.types import Event

RULES = CountingRules(KIND_WEIGHTS, (1.0, 5.0), 631_152_000.0, 1.7e9)
TOO_LARGE = "value is beyond ±1,000,000"


@pytest.fixture
def judging(url):
    with EventLog.open(url, rules=lambda: RULES) as log:
        yield log


def test_a_value_that_is_too_large_is_refused_with_its_row(log):
    rows = [("mallory", item, "buy", value, None) for item, value in (("a", 1), ("cmake", 1e20), ("b", 1e19))]
    report = log.append(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
    assert (report.added, report.rejected) == (1, {TOO_LARGE: 2})
    assert report.examples == {
        TOO_LARGE: "row 2: user 'mallory', item 'cmake', kind 'buy', value 1e+20",
    }
    assert [event.item_id for event in log.history("mallory")] == ["a"]


def test_events_that_do_not_count_are_stored_and_reported(judging):
    events = [
        Event("a", "view", None, 5e8),
        Event("b", "sniff", None, 1.6e9),
        Event("c", "rate", 9.0, 1.6e9),
        Event("d", "buy", 2.0, 1.6e9),
    ]
    report = judging.record("w", events)
    assert (report.added, report.rejected) == (4, {})
    assert report.left_out == {
        REASONS["impossible_time"]: 1,
        REASONS["unknown_kind"]: 1,
        REASONS["outside_scale"]: 1,
    }
    assert report.examples[REASONS["outside_scale"]] == (
        "user 'w', item 'c', kind 'rate', value 9, time 1600000000 [the scale is 1 to 5]"
    )
    again = judging.record("w", events)
    assert (again.repeated, again.left_out) == (4, report.left_out)


def test_rows_are_numbered_over_all_batches(log):
    good, bad = ("u", "a", "view", None, 1.6e9), ("u", "b", "view", 1e20, None)
    rows = ([good, good], [good, bad], [bad])
    frames = [pl.DataFrame(some, schema=SCHEMA, orient="row") for some in rows]
    report = log.append(frames, batch_rows=2)
    assert report.examples[TOO_LARGE].startswith("row 4: ")
    assert report.total == 5


def test_a_post_names_the_place_and_no_id(judging):
    rows = [("w", "a", "view", None, 1.6e9), ("w", "b", "Click", None, 1.6e9), ("w", "c", "buy", 1e20, None)]
    (posted,) = EventPosts(judging).store([Post(rows)])
    assert posted.report == AppendReport(2, 0, {TOO_LARGE: 1}, {REASONS["unknown_kind"]: 1})
    assert posted.report.examples == {
        TOO_LARGE: "events.2: kind 'buy', value 1e+20",
        REASONS["unknown_kind"]: "events.1: kind 'Click', time 1600000000 "
        "[kinds with a weight: buy, cart, click, dislike, like, rate, view]",
    }


def test_reports_add_up_and_the_first_example_stays():
    one = AppendReport(1, 2, {"x": 1}, {"y": 1}, {"x": "first", "y": "first"})
    other = AppendReport(1, 0, {"x": 2}, {"z": 1}, {"x": "second", "z": "second"})
    total = one + other
    assert total == AppendReport(2, 2, {"x": 3}, {"y": 1, "z": 1})
    assert total.examples == {"x": "first", "y": "first", "z": "second"}
    assert AppendReport.from_dict(total.to_dict()).examples == total.examples
