"""Counts with a half-life, and the half-life that helps users who are new."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from semrec.signals.fitting import TrainingData
from semrec.signals.models.recent_counts import (
    HALF_LIVES_DAYS,
    TimedEvents,
    best_half_life,
    recent_counts,
)

DAY = 86_400.0
START = 1.5e9


def events_of(rows, n_items, weights=None):
    """Return events of (user, item, day)."""
    users, items, days = np.array(rows, np.int64).T
    weights = np.ones(len(rows)) if weights is None else np.asarray(weights)
    return TimedEvents(users, items, START + DAY * days, weights.astype(np.float32), n_items)


def test_an_event_counts_half_after_the_half_life():
    events = events_of([(0, 0, 10), (1, 1, 9), (2, 1, 8), (3, 2, 0)], 4)
    np.testing.assert_allclose(recent_counts(events, 1.0), [1, 0.75, 0.5**10, 0], rtol=1e-6)
    np.testing.assert_allclose(recent_counts(events, 10.0), [1, 0.5**0.1 + 0.5**0.2, 0.5, 0], rtol=1e-6)


def test_a_user_counts_by_the_weight():
    events = events_of([(0, 0, 1), (1, 1, 1)], 2, weights=[1, 0.25])
    assert recent_counts(events, 7.0).tolist() == [1, 0.25]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, 900)), min_size=1))
def test_counts_lie_between_nothing_and_the_number_of_events(rows):
    events = events_of(rows, 5)
    number = np.bincount(events.items, minlength=5)
    before = np.zeros(5)
    for half_life in HALF_LIVES_DAYS:
        counts = recent_counts(events, half_life)
        assert (counts >= before - 1e-5).all()
        assert (counts <= number + 1e-5).all()
        before = counts


def shop_of_seasons(n_users=120):
    """Return events of one user a day; each uses three items of a season of thirty days."""
    random = np.random.default_rng(0)
    rows = [
        (day, item, day) for day in range(n_users) for item in 30 * (day // 30) + random.permutation(12)[:3]
    ]
    return events_of(rows, 30 * (n_users // 30))


def test_a_short_half_life_where_the_taste_changes():
    assert best_half_life(shop_of_seasons()) <= 30


def test_none_where_the_taste_stays():
    random = np.random.default_rng(1)
    popularity = 1 / np.arange(1, 31)
    chosen = [
        (day, item, day)
        for day in range(300)
        for item in random.choice(30, 5, replace=False, p=popularity / popularity.sum())
    ]
    assert best_half_life(events_of(chosen, 30)) is None


def test_none_for_few_new_users_and_without_a_clock():
    assert best_half_life(events_of([(0, 0, 1), (1, 1, 2)], 2)) is None
    one_user = events_of([(0, day % 9, day) for day in range(100)], 9)
    assert best_half_life(one_user) is None
    matrix = csr_array(np.ones((3, 2), np.float32))
    data = TrainingData(matrix, None, np.eye(2, dtype=np.float32))
    assert len(TimedEvents.of(data).users) == 0
    assert best_half_life(TimedEvents.of(data)) is None


def test_events_without_a_time_do_not_count():
    matrix = csr_array(np.array([[1, 1], [0, 1]], np.float32))
    times = csr_array((np.array([START, np.nan, START + 1]), matrix.indices, matrix.indptr), shape=(2, 2))
    data = TrainingData(matrix, None, np.eye(2, dtype=np.float32), times=times)
    events = TimedEvents.of(replace(data, user_weights=np.array([1, 0.5], np.float32)))
    assert (events.users.tolist(), events.items.tolist()) == ([0, 1], [0, 1])
    assert events.weights.tolist() == [1, 0.5]
