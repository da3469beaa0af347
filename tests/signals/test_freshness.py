"""The `freshness` signal: what is new, told by a metadata field."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import QdrantClient

from semrec.errors import ConfigError
from semrec.signals import Question
from semrec.signals.freshness import FreshnessSignal, seconds_of
from semrec.signals.text import TEXT, text_fields
from semrec.store import Point, Record
from semrec.store.server import ServerStore
from semrec.types import item_keys

DAY = 86_400.0
NOW = 1_700_000_000.0
MIDDLE = np.array([1, 0], np.float32)
FIELDS = {"date": "keyword", "added": "integer", "on_sale": "bool", "colour": "keyword"}
AGES = (0, 90, 270, 630)
"""In days: with a half life of 90 the scores are 0, -1, -2, -3."""


@pytest.fixture(scope="module")
def index_of():
    """Return a function: metadata of items 0, 1, … -> their index."""
    client = QdrantClient(":memory:")

    def make(metadata):
        _, index = ServerStore("shop", client=client).create(text_fields(2)[:1])
        index.upsert(
            [
                Point(Record(str(row), "", metadata=fields), {TEXT: np.array([1, row], np.float32)})
                for row, fields in enumerate(metadata)
            ]
        )
        return index

    yield make
    client.close()


def open_signal(index, n_items, *, field="date", sample=None, fields=FIELDS):
    keys = item_keys(map(str, range(n_items)))
    sample = keys if sample is None else keys[sample]
    return FreshnessSignal(
        index, n_items, sample, fields, field=field, half_life_days=90, middle=MIDDLE, now=lambda: NOW
    )


def question(weights=(), text=None, limit=3):
    history = item_keys(map(str, range(len(weights))))
    vector = None if text is None else MIDDLE
    return Question(
        text, vector, history, np.array(weights, np.float32), np.zeros(len(weights), np.int64), limit
    )


def iso(age_days):
    return datetime.datetime.fromtimestamp(NOW - age_days * DAY, datetime.UTC).isoformat()


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("1970-01-02", DAY),
        ("1970-01-02T00:00:00Z", DAY),
        ("1970-01-02T02:00:00+02:00", DAY),
        ("19700102", DAY),
        ("1971", 365 * DAY),
        (1971, 365 * DAY),
        (1971.0, 365 * DAY),
        (1_700_000_000, NOW),
        (1_700_000_000.5, NOW + 0.5),
        (0, 0.0),
        (-DAY, -DAY),
    ],
)
def test_a_date_is_iso_or_a_year_or_unix_seconds(value, date):
    assert seconds_of(value) == date


@pytest.mark.parametrize("value", [None, "soon", "", "0000", True, ("2020", "2021"), 1.7e12, math.nan])
def test_anything_else_is_no_date(value):
    assert math.isnan(seconds_of(value))


@given(st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.booleans())
def test_no_value_breaks_it(value):
    assert isinstance(seconds_of(value), float)


@pytest.mark.parametrize("field", ["date", "added"])
def test_an_item_as_old_as_the_half_life_is_half_as_fresh(index_of, field):
    index = index_of([{"date": iso(age), "added": int(NOW - age * DAY)} for age in AGES])
    (query,) = open_signal(index, 4, field=field).ask(question())
    assert (query.signal, query.origin) == ("freshness", "catalog")
    np.testing.assert_allclose(query.terms(item_keys("0123"))[:, 0], [0, -1, -2, -3], atol=1e-5)
    np.testing.assert_allclose(query.offsets, [-1.5], rtol=1e-5)
    assert query.scale == pytest.approx(np.std([0, 1, 2, 3]), rel=1e-5)


def test_what_is_still_to_come_is_as_new_as_today(index_of):
    index = index_of([{"date": "9999-12-31"}, {"date": iso(0)}, {"date": iso(90)}])
    (query,) = open_signal(index, 3).ask(question())
    np.testing.assert_allclose(query.terms(item_keys("012"))[:, 0], [0, 0, -1], atol=1e-5)


def test_an_item_without_a_date_is_neither_new_nor_old(index_of):
    index = index_of([{"date": iso(0)}, {"date": iso(270)}, {}, {"date": "soon"}])
    (query,) = open_signal(index, 4).ask(question())
    assert query.offsets.tolist() == pytest.approx([-1])
    np.testing.assert_allclose(query.terms(item_keys("23")) - query.offsets, 0, atol=1e-6)


@pytest.mark.parametrize("field", ["date", "added"])
def test_the_newest_are_found_wherever_their_text_lies(index_of, field):
    """The oldest is nearest to the middle; the sample is every fourth item."""
    n_items = 200
    index = index_of(
        [
            {"date": iso(n_items - row)[:10], "added": int(NOW) - row_age(row, n_items)}
            for row in range(n_items)
        ]
    )
    sampled = open_signal(index, n_items, field=field, sample=np.arange(3, n_items, 4))
    (query,) = sampled.ask(question(limit=40))
    recent, everywhere = index.search(query.searches)
    newest = set(item_keys(map(str, range(n_items - 40, n_items))).tolist())
    assert len(recent.keys) >= 8
    assert set(recent.keys.tolist()) <= newest
    if field == "added":
        assert set(recent.keys.tolist()) >= set(item_keys(map(str, range(n_items - 30, n_items))).tolist())
    assert len(everywhere.keys) == 40


def row_age(row, n_items):
    return int((n_items - row) * DAY)


@pytest.mark.parametrize("asked", [{"text": "red"}, {"weights": (1,)}, {"weights": (-1, 1), "text": "red"}])
def test_a_text_or_a_history_says_what_is_wanted(index_of, asked):
    signal = open_signal(index_of([{"date": iso(age)} for age in AGES]), 4)
    assert signal.ask(question(**asked)) == []
    assert len(signal.ask(question(weights=(0, 0)))) == 1  # seen, but neither liked nor disliked


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("published", "'published' is not in the index. Fields that could hold a date: added, colour, date;"),
        ("on_sale", "'on_sale' is a yes/no field. Fields that could hold a date: added, colour, date;"),
        ("colour", "'colour' holds no dates: none of 2 items has .* but for instance 'red'"),
        ("added", "'added' holds no dates: .* but for instance 1700000000000"),
    ],
)
def test_a_field_that_holds_no_dates_is_named(index_of, field, words):
    index = index_of([{"colour": "red", "on_sale": True, "added": 1_700_000_000_000}, {}])
    with pytest.raises(ConfigError, match=words):
        open_signal(index, 2, field=field).ask(question())


def test_an_index_without_fields_or_items(index_of):
    with pytest.raises(ConfigError, match="Fields that could hold a date: none;"):
        open_signal(index_of([]), 0, fields={}).ask(question())
    (query,) = open_signal(index_of([]), 0).ask(question())
    assert query.terms(item_keys([])).shape == (0, 1)
