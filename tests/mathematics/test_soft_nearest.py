"""Soft nearest neighbours against the formula, in blocks of any size."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from semrec.mathematics.rows import unit_rows
from semrec.mathematics.soft_nearest import soft_nearest


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(0, 5), st.integers(1, 40))
def test_many_histories_at_once_are_the_formula(seed, n_histories, block_cells):
    random = np.random.default_rng(seed)
    own, targets = unit_rows(random.normal(size=(6, 3))), unit_rows(random.normal(size=(4, 3)))
    weights = np.round(random.normal(size=(n_histories, 6)) * (random.random((n_histories, 6)) < 0.5), 2)
    scores = soft_nearest(
        sparse.csr_array(weights.astype(np.float32)),
        lambda some: own[some] @ targets.T,
        4,
        2.0,
        block_cells=block_cells,
    )
    assert (scores.dtype, scores.shape) == (np.float32, (n_histories, 4))
    np.testing.assert_allclose(scores, weights @ np.exp(2 * own @ targets.T), atol=1e-4)


def test_a_history_without_items_scores_nothing():
    nothing = sparse.csr_array((2, 0), dtype=np.float32)
    assert soft_nearest(nothing, lambda some: np.zeros((0, 3), np.float32), 3, 5.0).tolist() == [[0] * 3] * 2


def test_large_sharpness_follows_the_nearest_item():
    used = np.array([[1, 0], [0, 1]], np.float32)
    targets = unit_rows(np.array([[1, 0.1], [0.7, 0.7]], np.float32))
    weights = sparse.csr_array(np.ones((1, 2), np.float32))
    sharp = soft_nearest(weights, lambda some: used[some] @ targets.T, 2, 20.0)
    soft = soft_nearest(weights, lambda some: used[some] @ targets.T, 2, 0.1)
    assert sharp[0, 0] > sharp[0, 1]
    assert soft[0, 1] > soft[0, 0]
