"""What is taken next: pasts and what followed, and the model, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from event_data import random_events
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from semrec.signals.models.next_items import columns, steps_of, whole

N_ITEMS = 9


def one_user(times, weights=None):
    """Return the events of one user who used every item, and their order."""
    order = sparse.csr_array(np.array([times], np.float64))
    values = np.ones(len(times)) if weights is None else weights
    return sparse.csr_array(np.array([values], np.float32)), order


def test_pasts_by_hand():
    steps = steps_of(*one_user([1, 2, 3]), decay=0.5)
    assert steps.past.toarray().tolist() == [[1, 0, 0], [0.5, 1, 0]]
    assert steps.following.toarray().tolist() == [[0, 1, 0], [0, 0, 1]]


def test_events_at_one_time_share_an_age_and_do_not_predict_each_other():
    steps = steps_of(*one_user([1, 2, 2, 3]), decay=0.5)
    assert steps.past.toarray().tolist() == [[1, 0, 0, 0], [0.25, 1, 1, 0]]
    assert steps.following.toarray().tolist() == [[0, 1, 1, 0], [0, 0, 0, 1]]
    # the first past stands for two events
    np.testing.assert_allclose(steps.weighted_past.toarray()[0], [2**0.5, 0, 0, 0], rtol=1e-6)


def test_a_long_history_is_cut_to_the_window():
    steps = steps_of(*one_user(range(1, 7)), decay=1.0, window=2)
    assert steps.past.toarray()[-1].tolist() == [0, 0, 0, 1, 1, 0]


def test_of_items_at_one_time_all_or_none_are_in_the_window():
    steps = steps_of(*one_user([1, 2, 2, 2, 3]), decay=0.5, window=2)
    assert steps.past.toarray()[-1].tolist() == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("times", [[4], [4, 4, 4]], ids=["one event", "all at one time"])
def test_without_an_order_there_are_no_pasts(times):
    events, order = one_user(times)
    assert len(steps_of(events, order, decay=0.5)) == 0


def test_weights_of_events_and_users_count():
    steps = steps_of(*one_user([1, 2], [2.0, 3.0]), decay=0.5, user_weights=np.array([0.5], np.float32))
    assert steps.past.toarray().tolist() == [[2, 0]]
    assert steps.following.toarray().tolist() == [[0, 1.5]]


def plain_steps(events, order, decay, window):
    """Return one row for each event that has a past, times the root of its weight."""
    pasts, following = [], []
    for user in range(events.shape[0]):
        own = slice(events.indptr[user], events.indptr[user + 1])
        items, weights, times = events.indices[own], events.data[own], order.data[own]
        for item, weight, time in zip(items, weights, times, strict=True):
            if not (times < time).any():
                continue
            past = np.zeros(events.shape[1])
            for other, its_weight, its_time in zip(items, weights, times, strict=True):
                age = ((times > its_time) & (times < time)).sum()
                if its_time < time and age < window:
                    past[other] = its_weight * decay**age
            pasts.append(past * weight**0.5)
            following.append(np.eye(events.shape[1])[item] * weight**0.5)
    shape = (-1, events.shape[1])
    return np.array(pasts).reshape(shape), np.array(following).reshape(shape)


def naive(past, following, reg, strength, together):
    n_items = past.shape[1]
    left = past.T @ past + (reg + strength) * np.eye(n_items)
    found = np.linalg.solve(left, past.T @ following + strength * together)
    np.fill_diagonal(found, 0)
    return found


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6), st.integers(1, 12), st.sampled_from([1, 3, 50]), st.sampled_from([1, 2, 10]),
    st.sampled_from([0.5, 1.0]),
)  # fmt: skip
def test_the_model_is_the_naive_formula(seed, n_users, n_times, window, decay):
    events = random_events(n_users, N_ITEMS, seed, share=0.5)
    random = np.random.default_rng(seed)
    times = random.integers(n_times, size=events.nnz).astype(float)
    order = sparse.csr_array((times, events.indices, events.indptr), shape=events.shape)
    together = random.normal(size=(N_ITEMS, N_ITEMS))
    steps = steps_of(events, order, decay, window=window)
    rows = torch.from_numpy(together.T.astype(np.float32).copy())
    found = whole(columns(steps, 2.0, 3.0, rows), N_ITEMS).numpy().T
    expected = naive(*plain_steps(events, order, decay, window), 2.0, 3.0, together)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(rows.numpy().T, together.astype(np.float32))


def test_without_pasts_it_is_what_is_used_together_made_smaller():
    steps = steps_of(*one_user([1, 1]), decay=0.5)
    together = torch.tensor([[0.0, 0.4], [0.2, 0.0]])
    found = whole(columns(steps, 1.0, 3.0, together), 2)
    np.testing.assert_allclose(found, 0.75 * together, atol=1e-6)
