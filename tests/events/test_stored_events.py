"""Single events of a log: found and deleted, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from semrec.config import KIND_WEIGHTS
from semrec.errors import QueryError
from semrec.events.counting import CountingRules
from semrec.events.log import DELETE_ROWS, EventLog
from semrec.events.stored_events import EventChoice, delete_events, find_events
from semrec.types import Event

RULES = CountingRules(KIND_WEIGHTS, (1.0, 5.0), 631_152_000.0, 1.7e9)


@pytest.fixture
def odd(url):
    with EventLog.open(url, rules=lambda: RULES) as log:
        log.record("ann", [Event("a", "view", None, 1.6e9), Event("b", "sniff"), Event("a", "rate", 9.0)])
        log.record("bob", [Event("a", "view", None, 1e300), Event("b", "buy", 2.0)])
        with log.transaction(write=True) as connection:  # an older version stored such values
            connection.exec_driver_sql("UPDATE semrec_events SET value = 1e20 WHERE kind = 'buy'")
        yield log


def found(log, limit=10, **conditions):
    return [
        (event.user_id, event.item_id, event.left_out)
        for event in find_events(log, EventChoice(**conditions), limit)
    ]


def test_events_are_found_by_user_item_and_kind(odd):
    assert found(odd, user="ann", item="a") == [
        ("ann", "a", None),
        ("ann", "a", "rating is outside the scale"),
    ]
    assert found(odd, kind="sniff") == [("ann", "b", "kind has no weight")]
    assert len(found(odd)) == 5
    assert found(odd, limit=1) == [("ann", "a", None)]
    assert found(odd, user="nobody") == []


def test_events_that_do_not_count_are_found_with_the_reason(odd):
    reasons = [reason for _, _, reason in found(odd, left_out=True)]
    assert reasons == [
        "kind has no weight",
        "rating is outside the scale",
        "time is not in unix seconds, from 1990 to tomorrow",
        "value is beyond ±1,000,000",
    ]


def test_what_was_found_is_deleted(odd):
    assert delete_events(odd, EventChoice(user="ann", left_out=True)) == 2
    assert delete_events(odd, EventChoice(left_out=True)) == 2
    assert found(odd) == [("ann", "a", None)]
    assert delete_events(odd, EventChoice(item="b")) == 0


def test_one_event_is_found_by_its_time_and_deleted(odd):
    assert found(odd, user="ann", time=1.6e9) == [("ann", "a", None)]
    assert found(odd, user="ann", time=1.6e9 + 1) == []
    assert delete_events(odd, EventChoice(user="ann", item="a", kind="view", time=1.6e9)) == 1
    assert odd.count() == 4


def test_all_events_are_not_deleted_by_mistake(odd):
    with pytest.raises(QueryError, match="all events would be deleted"):
        delete_events(odd, EventChoice())
    assert odd.count() == 5


def test_more_events_are_deleted_than_one_statement_takes(log):
    n_events = DELETE_ROWS + 10
    log.record("ann", [Event(f"i{n}") for n in range(n_events)])
    assert delete_events(log, EventChoice(user="ann")) == n_events
    assert log.count() == 0
