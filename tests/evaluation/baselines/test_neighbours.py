"""Item-kNN: its formula, and how many neighbours count."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from semrec.evaluation.baselines import Features, ItemKnn
from semrec.evaluation.baselines import neighbours as module
from semrec.evaluation.baselines.neighbours import nearest_items

X = (np.random.default_rng(3).random((40, 15)) < 0.3).astype(np.float32)


def by_formula(shrinkage):
    common = X.T @ X
    lengths = np.sqrt(np.diag(common))
    similarities = common / (lengths[:, None] * lengths + shrinkage)
    np.fill_diagonal(similarities, 0)
    return similarities


@pytest.mark.parametrize("shrinkage", [0.0, 10.0])
def test_all_neighbours_against_the_formula(shrinkage):
    found = nearest_items(sparse.csr_array(X), 15, shrinkage)
    np.testing.assert_allclose(found.toarray(), by_formula(shrinkage), rtol=1e-6)


def test_only_the_nearest_items_of_each_item_count(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_CELLS", 30)
    found = nearest_items(sparse.csr_array(X), 3, 5.0).toarray()
    assert ((found > 0).sum(axis=0) == 3).all()
    everything = by_formula(5.0)
    np.testing.assert_allclose(np.sort(found, axis=0)[-3:], np.sort(everything, axis=0)[-3:], rtol=1e-6)


def test_scores_are_sums_over_the_history():
    scores = ItemKnn((2,), (1.0,)).fit(sparse.csr_array(X), Features())(np.array([4, 0]))
    expected = X[[4, 0]] @ nearest_items(sparse.csr_array(X), 2, 1.0).toarray()
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
