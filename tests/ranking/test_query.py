"""A query is checked before anything is read."""

from __future__ import annotations

import math
import time

import pytest

from semrec import Event
from semrec.errors import QueryError
from semrec.ranking.query import Query, read_history


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (Event("cmake", "buy", 1e20), '"value" is too large: the limit is 1,000,000'),
        (Event("cmake", "buy", -1e308), '"value" is too large'),
        (Event("cmake", "buy", math.nan), '"value" is NaN or infinite'),
        (Event("cmake", "buy", 10**400), '"value" is not a number: 1000'),
        (Event("cmake", "buy", "five"), "\"value\" is not a number: 'five'"),
        (
            Event("cmake", "view", None, time.time() + 200_000),
            "is not in unix seconds, from 1990 to tomorrow",
        ),
        (Event("cmake", "view", None, 1e300), "is not in unix seconds"),
        (Event("cmake", "view", None, -1e18), "is not in unix seconds"),
        (Event("cmake", "view", None, math.nan), '"time" is NaN or infinite'),
        ({"item_id": "cmake", "kind": ["buy"]}, '"kind" is a list'),
        ({"item_id": "cmake", "price": 3}, "unknown field 'price'"),
        ({"kind": "buy"}, '"item_id" is missing'),
        ({"user": "ann", "item": "cmake"}, "unknown field 'user'"),
    ],
)
def test_a_history_with_an_impossible_event_is_refused_by_its_place(bad, words):
    with pytest.raises(QueryError, match=r"history\[1\]") as refused:
        read_history(["make", bad])
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "entry",
    [
        Event("5", "buy", 2.0, 1.6e9),
        {"item": 5, "event": "purchase", "quantity": "2", "timestamp": 1_600_000_000_000},
        {"sku": "5", "FeedbackType": "ORDER", "EVENT_VALUE": 2, "date": "2020/9/13 12:26:40"},
    ],
)
def test_a_history_has_the_names_and_values_that_files_have(entry):
    assert read_history([entry, 7]) == (Event("5", "buy", 2.0, 1.6e9), Event("7"))


@pytest.mark.parametrize("weight", [math.nan, math.inf, -1, 1e39, 1e308, 1001, "1", None, True])
def test_a_weight_is_a_number_in_its_bounds(weight):
    with pytest.raises(QueryError, match="from 0 to 1000; 'text' got"):
        Query(text="red", weights={"text": weight}).check()
    Query(text="red", weights={"text": 1000}).check()
