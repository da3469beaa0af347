"""The `freshness` signal: how new items are, by a metadata field."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pytest
from asking import keys_of, parts_of, question_of, scores_of, standardised_by, terms_of
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from semrec.config import RankingSettings, Settings
from semrec.errors import ConfigError
from semrec.signals.catalog_matrix import ArrayCatalog, Histories
from semrec.signals.freshness import FreshnessSignal, seconds_of
from semrec.signals.text import TextSignal
from semrec.store.protocol import TEXT
from semrec.types import item_keys

DAY = 86_400.0
NOW = 1_700_000_000.0
MIDDLE = np.array([1, 0], np.float32)
FIELDS = {"date": "keyword", "added": "integer", "on_sale": "bool", "colour": "keyword"}
AGES = (0, 90, 270, 630)
"""In days: with a half life of 90 the scores are 0, -1, -2, -3."""


@pytest.fixture(scope="module")
def index_of(make_index):
    """Return a function: metadata of items 0, 1, … -> their index; item 0 is nearest to the middle."""

    def make(metadata):
        vectors = np.column_stack([np.ones(len(metadata)), np.arange(len(metadata))]).astype(np.float32)
        return make_index(TextSignal.catalog_fields(2)[:1], {TEXT: vectors}, metadata)

    return make


def open_signal(index, n_items, *, field="date", sample=None, fields=FIELDS):
    return FreshnessSignal(
        fields,
        field=field,
        half_life_days=90,
        middle=MIDDLE,
        n_items=n_items,
        sample=keys_of(range(n_items) if sample is None else sample),
        metadata_values=index.metadata_values,
        now=lambda: NOW,
    )


def question(index, weights=(), text=None, limit=3):
    history = keys_of(range(len(weights)))
    vector = None if text is None else MIDDLE
    return question_of(index, history, weights, text=text, text_vector=vector, limit=limit)


def ask(signal, index, **asked):
    (part,) = parts_of(signal, index, question(index, **asked))
    return part


def iso(age_days):
    return datetime.datetime.fromtimestamp(NOW - age_days * DAY, datetime.UTC).isoformat()


# -- dates ---------------------------------------------------------------------------------------------


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


# -- scores --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["date", "added"])
def test_an_item_as_old_as_the_half_life_is_half_as_fresh(index_of, field):
    index = index_of([{"date": iso(age), "added": int(NOW - age * DAY)} for age in AGES])
    part = ask(open_signal(index, 4, field=field), index)
    assert (part.signal, part.origin) == ("freshness", "catalog")
    np.testing.assert_allclose(scores_of(index, part, item_keys("0123")), [0, -1, -2, -3], atol=1e-5)
    np.testing.assert_allclose(terms_of(index, part, item_keys("0123"))[:, 0], [0, -1, -2, -3], atol=1e-5)
    np.testing.assert_allclose(part.offsets, [-1.5], rtol=1e-5)
    assert part.scale == pytest.approx(np.std([0, 1, 2, 3]), rel=1e-5)


def test_what_is_still_to_come_is_as_new_as_today(index_of):
    index = index_of([{"date": "9999-12-31"}, {"date": iso(0)}, {"date": iso(90)}])
    part = ask(open_signal(index, 3), index)
    np.testing.assert_allclose(scores_of(index, part, item_keys("012")), [0, 0, -1], atol=1e-5)


def test_an_item_without_a_date_is_neither_new_nor_old(index_of):
    index = index_of([{"date": iso(0)}, {"date": iso(270)}, {}, {"date": "soon"}])
    part = ask(open_signal(index, 4), index)
    assert part.offsets.tolist() == pytest.approx([-1])
    scores = scores_of(index, part, item_keys("0123"))
    assert np.isnan(scores).tolist() == [False, False, True, True]
    np.testing.assert_allclose(standardised_by(part, scores), [1, -1, 0, 0], atol=1e-5)


# -- candidates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["date", "added"])
def test_the_newest_are_found_wherever_their_text_lies(index_of, field):
    """The oldest is nearest to the middle; the sample is every fourth item."""
    n_items = 200
    ages = range(n_items, 0, -1)
    index = index_of([{"date": iso(age)[:10], "added": int(NOW - age * DAY)} for age in ages])
    sampled = open_signal(index, n_items, field=field, sample=range(3, n_items, 4))
    recent, everywhere = index.search(ask(sampled, index, limit=40).searches)
    newest = set(keys_of(range(n_items - 40, n_items)).tolist())
    assert len(recent.keys) >= 8
    assert set(recent.keys.tolist()) <= newest
    if field == "added":
        assert set(recent.keys.tolist()) >= set(keys_of(range(n_items - 30, n_items)).tolist())
    assert len(everywhere.keys) == 40


@pytest.mark.parametrize("field", ["date", "added"])
def test_at_least_the_eight_newest_of_the_sample_count_as_recent(index_of, field):
    """One item is wanted; a few more are searched, so that the one near the middle is found."""
    index = index_of([{"date": iso(90 - row), "added": int(NOW - (90 - row) * DAY)} for row in range(20)])
    (recent, _) = index.search(ask(open_signal(index, 20, field=field), index, limit=1).searches)
    assert recent.keys.tolist() == keys_of([12]).tolist()  # of items 12 to 19, the nearest to the middle


# -- when it answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [{"text": "red"}, {"weights": (1,)}, {"weights": (-1, 1), "text": "red"}])
def test_a_text_or_a_history_gets_no_freshness(index_of, asked):
    index = index_of([{"date": iso(age)} for age in AGES])
    signal = open_signal(index, 4)
    assert signal.ask(question(index, **asked)) == []
    assert len(signal.ask(question(index, weights=(0, 0)))) == 1  # seen, but neither liked nor disliked


def test_of_many_histories_only_those_without_a_weight_get_scores(index_of):
    dates = [iso(age) for age in AGES]
    signal = open_signal(index_of([{"date": date} for date in dates]), 4)
    catalog = ArrayCatalog({TEXT: np.ones((4, 2), np.float32)}, {"date": dates})
    # nothing; an item that was liked; one that was only seen
    weights = csr_array((np.array([1, 0], np.float32), ([1, 2], [0, 1])), shape=(3, 4))
    scores = signal.score_catalog(catalog, Histories(weights), slice(0, 4))
    fresh, none = [0, -1, -2, -3], [np.nan] * 4
    np.testing.assert_allclose(scores, [fresh, none, fresh], atol=1e-5)


@pytest.mark.parametrize("field", [None, "added"])
def test_it_is_wanted_when_the_settings_name_a_field(field):
    settings = Settings(ranking=RankingSettings(freshness_field=field))
    assert FreshnessSignal.is_wanted(settings) == (field is not None)


# -- fields without dates ------------------------------------------------------------------------------


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
    signal = open_signal(index, 2, field=field)
    with pytest.raises(ConfigError, match=words):
        signal.ask(question(index))
    with pytest.raises(ConfigError, match=words):
        signal.score_catalog(ArrayCatalog({}, {field: [None] * 2}), Histories(csr_array((1, 2))), slice(0, 2))


def test_an_index_without_fields_or_items(make_index):
    index = make_index(TextSignal.catalog_fields(2)[:1], {})
    with pytest.raises(ConfigError, match="Fields that could hold a date: none;"):
        open_signal(index, 0, fields={}).ask(question(index))
    part = ask(open_signal(index, 0), index)
    assert scores_of(index, part, item_keys([])).shape == (0,)
    assert terms_of(index, part, item_keys([])).shape == (0, 1)
