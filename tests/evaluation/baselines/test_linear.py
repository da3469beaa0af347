"""EASE: its formula, and the choice of its regularisation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from semrec.errors import ConfigError
from semrec.evaluation.baselines import Ease, Features
from semrec.evaluation.baselines.linear import (
    choose_regularisation,
    ease_weights,
    hold_out,
    validation_ndcg,
)


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


def test_a_validation_part_is_a_fifth_of_the_events(checkerboard):
    known, hidden = hold_out(checkerboard, seed=1)
    assert known.multiply(hidden).nnz == 0
    assert (known + hidden != checkerboard).nnz == 0
    assert 0.1 < hidden.nnz / checkerboard.nnz < 0.3


def test_ease_takes_the_regularisation_that_is_best_on_the_validation_part():
    groups = np.arange(80) % 4
    likes = np.random.default_rng(5).random((80, 40)) < np.where(
        groups[:, None] == np.arange(40) % 4, 0.4, 0.1
    )
    x = sparse.csr_array(likes.astype(np.float32))
    known, hidden = hold_out(x, 42)
    users = np.flatnonzero((np.diff(known.indptr) > 0) & (np.diff(hidden.indptr) > 0))
    found = {value: validation_ndcg(known, hidden, users, value) for value in (0.01, 10.0, 1000.0)}
    best = max(found, key=found.get)
    assert sorted(found.values())[-1] > sorted(found.values())[0] + 0.02
    assert choose_regularisation(x, tuple(found), 42) == best
    scores = Ease(tuple(found)).fit(x, Features())(np.arange(3))
    np.testing.assert_array_equal(scores, Ease((best,)).fit(x, Features())(np.arange(3)))
