"""The validation part of the baselines: what is hidden, and which setting is taken."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from semrec.evaluation.baselines import Features
from semrec.evaluation.baselines.validation import best_of, hold_out, oldest_first

ORDER = sparse.csr_array(
    np.array([[3, 1, 0, 2, 4], [5, 5, 5, 5, 5], [0, 0, 7, 0, 0], [1, 0, 0, 0, 2]], np.float64)
)
X = sparse.csr_array((np.ones(ORDER.nnz, np.float32), ORDER.indices, ORDER.indptr), shape=ORDER.shape)


def test_the_last_fifth_of_every_users_events_is_hidden():
    part = hold_out(X, Features(order=ORDER), seed=1)
    hidden = part.hidden.toarray()
    assert hidden[0].tolist() == [0, 0, 0, 0, 1]
    assert hidden[1].sum() == 1
    assert hidden[2].sum() == 0, "a single event stays known"
    assert hidden[3].tolist() == [0, 0, 0, 0, 1]
    assert (part.known + part.hidden != X).nnz == 0
    assert part.users.tolist() == [0, 1, 3]
    order = part.features.order
    assert (order.toarray() == ORDER.toarray() * part.known.toarray()).all()
    assert (order.indices == part.known.indices).all()


def test_which_of_several_events_of_one_time_is_hidden_is_random():
    """The rows of a log within a second are often sorted by item: that must teach nothing."""
    hidden = {int(hold_out(X, Features(order=ORDER), seed).hidden[[1]].indices[0]) for seed in range(60)}
    assert hidden == {0, 1, 2, 3, 4}


def test_without_an_order_random_events_are_hidden():
    hidden = {int(hold_out(X, Features(), seed).hidden[[0]].indices[0]) for seed in range(60)}
    assert hidden == {0, 1, 3, 4}
    assert hold_out(X, Features(), 1).features.order is None


def test_events_are_sorted_by_time_within_their_user():
    places = oldest_first(ORDER, np.random.default_rng(0))
    assert ORDER.indices[places][:4].tolist() == [1, 3, 0, 4]
    assert sorted(places[4:9].tolist()) == [4, 5, 6, 7, 8]
    assert ORDER.indices[places][-2:].tolist() == [0, 4]


def test_the_setting_that_finds_most_is_taken():
    part = hold_out(X, Features(order=ORDER), 3)
    answers = part.hidden.toarray()

    def learn(known, features, setting):
        assert (known != part.known).nnz == 0
        return lambda users: answers[users] * setting

    assert best_of((-1.0, 0.0, 2.0), learn, X, Features(order=ORDER), 3) == 2.0
    assert part.ndcg(learn(part.known, part.features, 1.0)) == pytest.approx(1)


def test_without_a_validation_part_the_first_setting_is_taken():
    single = sparse.csr_array(np.eye(3, dtype=np.float32))
    assert best_of((5, 7), lambda *_: pytest.fail("nothing can be compared"), single, Features(), 1) == 5
