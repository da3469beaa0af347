"""SASRec: it learns an order, ties teach nothing, and the same seed gives the same model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from semrec.evaluation.baselines import Features, LeftOutError, SasRec
from semrec.evaluation.baselines import sasrec as module

N_USERS, N_ITEMS = 60, 9
SMALL = SasRec(
    (0.0,),
    dimension=16,
    max_length=6,
    n_negatives=20,
    learning_rate=0.01,
    batch_size=8,
    max_epochs=20,
    patience=20,
)


def rounds(n_users=N_USERS, n_items=N_ITEMS, length=6):
    """Return the order of events of users who go round the items: i is followed by i + 1."""
    order = np.zeros((n_users, n_items))
    for user in range(n_users):
        for place in range(length):
            order[user, (user + place) % n_items] = 1 + place
    return sparse.csr_array(order)


def likes(order):
    return sparse.csr_array((np.ones(order.nnz, np.float32), order.indices, order.indptr), shape=order.shape)


def next_items(scorer, order):
    scores = scorer(np.arange(order.shape[0]))
    scores[order.nonzero()] = -np.inf
    return scores.argmax(axis=1)


@pytest.mark.parametrize("n_negatives", [4, 20], ids=["sampled", "full"])
def test_the_next_item_follows_from_the_order(n_negatives):
    """Every user has the same items apart from the turn: only the order says what is next."""
    order = rounds()
    scorer = replace(SMALL, n_negatives=n_negatives).fit(likes(order), Features(order=order))
    scores = scorer(np.arange(N_USERS))
    assert scores.dtype == np.float32
    assert scores.shape == order.shape
    right = (np.arange(N_USERS) + 6) % N_ITEMS
    assert (next_items(scorer, order) == right).mean() > 0.9


def test_events_of_one_time_teach_no_order():
    """The columns of equal times are sorted: a model that reads them as an order finds the next column."""
    order = rounds()
    tied = sparse.csr_array((np.ones(order.nnz), order.indices, order.indptr), shape=order.shape)
    found = {tuple(window) for seed in range(5) for window in windows_of(tied, 6, seed)}
    assert len(found) > N_USERS
    in_order = windows_of(order, 6, 0)
    assert [list(window) for window in in_order[:2]] == [[0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6]]


def windows_of(order, length, seed):
    return module._windows(order, length, np.random.default_rng(seed))


def test_every_event_but_the_first_is_predicted_once():
    order = sparse.csr_array(np.array([[5, 1, 4, 2, 3, 6, 7], [1, 0, 0, 0, 0, 0, 0], [2, 1, 0, 0, 0, 0, 0]]))
    found = [list(window) for window in windows_of(order, 2, 0)]
    assert found == [[0, 5, 6], [4, 2, 0], [1, 3, 4], [1, 0]]
    assert sum(len(window) - 1 for window in found) == 7


def test_the_same_seed_gives_the_same_scores_and_leaves_torch_as_it_was():
    order = rounds()
    before = torch.random.get_rng_state()
    one, other = (SMALL.fit(likes(order), Features(order=order))(np.arange(5)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_batch_of_users_does_not_change_their_scores():
    order = rounds()
    scorer = SMALL.fit(likes(order), Features(order=order))
    np.testing.assert_allclose(scorer(np.arange(9))[4], scorer(np.array([4]))[0], atol=1e-5)


def test_a_user_without_events_has_no_opinion():
    order = sparse.csr_array(sparse.vstack([rounds(), sparse.csr_array((1, N_ITEMS))]))
    assert not SMALL.fit(likes(order), Features(order=order))(np.array([N_USERS])).any()


def test_what_it_cannot_be_trained_on(monkeypatch):
    order = rounds()
    with pytest.raises(LeftOutError, match="needs the order"):
        SMALL.fit(likes(order), Features())
    single = sparse.csr_array(np.eye(4))
    with pytest.raises(LeftOutError, match="no user has two events"):
        SMALL.fit(likes(single), Features(order=single))
    monkeypatch.setattr(module, "MOST_EVENTS", 10)
    with pytest.raises(LeftOutError, match=r"360 events would take too long \(at most 10\)"):
        SMALL.fit(likes(order), Features(order=order))
