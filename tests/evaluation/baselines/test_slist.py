"""SLIST: its formula, its moments, and what it needs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from semrec.evaluation.baselines import Features, LeftOutError, Slist

ORDER = sparse.csr_array(np.array([[1, 2, 3, 0], [0, 2, 1, 2], [5, 0, 0, 0]], np.float64))
X = sparse.csr_array((np.ones(ORDER.nnz, np.float32), ORDER.indices, ORDER.indptr), shape=ORDER.shape)

PAST = np.array([[1, 0, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 0]])
FOLLOWING = np.array([[0, 1, 0.5, 0], [0, 0, 1, 0], [0, 1, 0, 1]])


def test_moments_by_hand():
    """User 0 uses items 0, 1, 2; user 1 item 2, then 1 and 3 at one time; user 2 a single item."""
    past, following = Slist().moments(X, ORDER, 0.5)
    np.testing.assert_allclose(past.toarray(), PAST)
    np.testing.assert_allclose(following.toarray(), FOLLOWING)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_weights_against_the_formula(share):
    x = X.toarray()
    asked = [x / x.sum(axis=1, keepdims=True), PAST / PAST.sum(axis=1, keepdims=True)]
    gram = share * asked[0].T @ asked[0] + (1 - share) * asked[1].T @ asked[1]
    products = share * asked[0].T @ x + (1 - share) * asked[1].T @ FOLLOWING
    expected = np.linalg.solve(gram + 2.0 * np.eye(4), products)
    np.testing.assert_allclose(
        Slist(regularisation=2.0).weights(X, ORDER, share, 0.5), expected, rtol=1e-4, atol=1e-6
    )


def test_a_question_decays():
    baseline = Slist((0.3,), (0.5,))
    weights = baseline.weights(X, ORDER, 0.3, 0.5)
    scores = baseline.fit(X, Features(order=ORDER))(np.array([1, 0]))
    np.testing.assert_allclose(scores, np.array([[0, 1, 0.25, 1], [0.25, 0.5, 1, 0]]) @ weights, rtol=1e-4)
    assert scores.dtype == np.float32


def test_it_needs_the_order():
    with pytest.raises(LeftOutError, match="needs the order"):
        Slist().fit(X, Features())
