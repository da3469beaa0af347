"""Soft nearest neighbours and centred cosines, dense and sparse."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from semrec.evaluation.baselines import SoftNearest
from semrec.evaluation.baselines.text_similarity import CentredCosines


def test_soft_nearest_against_the_formula(features):
    train = sparse.csr_array((np.random.default_rng(1).random((5, 12)) < 0.4).astype(np.float32))
    scores = SoftNearest(sharpness=5).fit(train, features)(np.arange(5))
    centred = features.vectors - features.vectors.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    expected = train.toarray() @ np.exp(5 * centred @ centred.T)
    np.testing.assert_allclose(scores, expected, rtol=1e-3)


def test_sparse_and_dense_cosines_agree():
    vectors = sparse.random_array((9, 20), density=0.3, format="csr", dtype=np.float32, rng=1)
    rows = np.array([0, 4])
    dense = CentredCosines.of(vectors.toarray()).rows(rows)
    np.testing.assert_allclose(CentredCosines.of(vectors).rows(rows), dense, atol=1e-5)
    np.testing.assert_allclose(dense[[0, 1], rows], 1, atol=1e-5)
