"""Popularity."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from semrec.evaluation.baselines import Features, Popularity


def test_popularity_counts_who_likes():
    train = sparse.csr_array(np.array([[1, 5.0, 0], [0, 2.0, -1.0]], np.float32))
    assert Popularity().fit(train, Features())(np.array([1, 0])).tolist() == [[1, 2, 0], [1, 2, 0]]
