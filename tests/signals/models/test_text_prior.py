"""What texts suggest, against the formula with all matrices made."""

from __future__ import annotations

import numpy as np
from event_data import unit
from hypothesis import given, settings
from hypothesis import strategies as st

from semrec.signals.models.text_prior import TextPrior


def naive(features, reg):
    """Return S as EASE has it when features stand in the place of users."""
    middle = np.linalg.inv(features.T @ features + reg * np.eye(features.shape[1]))
    free = features @ middle @ features.T
    weights = free / (1 - np.diag(free))
    np.fill_diagonal(weights, 0)
    return weights


def test_two_items_that_read_alike_by_hand():
    """f = 1 and 1: M = 1/(2 + 1), d = 1/(1 - 1/3), so each suggests the other with 1/3 · 3/2."""
    prior = TextPrior.of(np.ones((2, 1), np.float32))
    np.testing.assert_allclose(prior.weights(np.arange(2), 0), [0, 0.5], atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from([2, 15, 40]))
def test_it_is_the_naive_formula(seed, n_items):
    features = unit(np.random.default_rng(seed).normal(size=(n_items, 5)))
    prior = TextPrior.of(features, reg=0.7)
    found = np.stack([prior.weights(np.arange(n_items), item) for item in range(n_items)], axis=1)
    np.testing.assert_allclose(found, naive(features.astype(np.float64), 0.7), atol=1e-4)


def test_some_items_keep_their_weights():
    features = unit(np.random.default_rng(0).normal(size=(8, 3)))
    prior, some = TextPrior.of(features), np.array([5, 1, 6])
    np.testing.assert_allclose(prior.at(some).weights(np.arange(3), 1), prior.weights(some, 1))


def test_it_is_the_same_as_ease_on_features():
    from scipy import sparse

    from semrec.signals.models import ease

    features = np.abs(unit(np.random.default_rng(0).normal(size=(10, 4)))) + 0.1
    as_users = ease.train(sparse.csr_array(features.T.astype(np.float32)), 1.0, keep=10)
    prior = TextPrior.of(features.astype(np.float32))
    found = np.stack([prior.weights(np.arange(10), item) for item in range(10)], axis=1)
    np.testing.assert_allclose(found, as_users.toarray(), atol=1e-4)
