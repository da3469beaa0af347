"""EASE: its formula, and the choice of its regularisation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from semrec.errors import ConfigError
from semrec.evaluation.baselines import Ease, Features
from semrec.evaluation.baselines.linear import ease_weights
from semrec.evaluation.baselines.validation import hold_out


def test_ease_against_the_formula():
    x = (np.random.default_rng(3).random((40, 15)) < 0.3).astype(np.float64)
    precision = np.linalg.inv(x.T @ x + 7.0 * np.eye(15))
    expected = np.eye(15) - precision @ np.diag(1 / np.diag(precision))
    weights = ease_weights(sparse.csr_matrix(x.astype(np.float32)), 7.0)
    np.testing.assert_allclose(weights, expected, atol=1e-4)
    assert not weights.diagonal().any()


@pytest.mark.parametrize("values", [(), (0.0,), (5.0, -1.0)])
def test_ease_needs_regularisation(values, checkerboard):
    with pytest.raises(ConfigError, match="regularisations"):
        Ease(values).fit(checkerboard, Features())


def test_ease_takes_the_regularisation_that_is_best_on_the_validation_part():
    groups = np.arange(80) % 4
    likes = np.random.default_rng(5).random((80, 40)) < np.where(
        groups[:, None] == np.arange(40) % 4, 0.4, 0.1
    )
    x = sparse.csr_array(likes.astype(np.float32))
    part = hold_out(x, Features(), 42)
    values = (0.01, 10.0, 1000.0)
    found = {value: part.ndcg(Ease((value,)).fit(part.known, part.features)) for value in values}
    best = max(found, key=found.get)
    assert max(found.values()) > min(found.values()) + 0.02
    scores = Ease(values).fit(x, Features())(np.arange(3))
    np.testing.assert_array_equal(scores, Ease((best,)).fit(x, Features())(np.arange(3)))


def test_items_without_events_have_the_score_0(checkerboard):
    wider = sparse.csr_array(sparse.hstack([checkerboard, sparse.csr_array((12, 2))]))
    scores = Ease((1.0,)).fit(wider, Features())(np.arange(12))
    assert not scores[:, 12:].any()
    np.testing.assert_allclose(scores[:, :12], Ease((1.0,)).fit(checkerboard, Features())(np.arange(12)))
