"""Intervals of means over users."""

import math

import numpy as np
import pytest
from scipy import sparse

from semrec.evaluation.beyond_accuracy import coverage
from semrec.evaluation.bootstrap import bootstrap_interval, bootstrap_means, catalog_interval


def test_bootstrap_agrees_with_the_normal_interval():
    values = np.random.default_rng(1).normal(3, 2, 2000)
    low, high = bootstrap_interval(values, seed=0)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.02)
    assert high == pytest.approx(values.mean() + half, abs=0.02)
    assert bootstrap_interval(values, seed=0) == (low, high)
    assert bootstrap_interval(values, seed=1) != (low, high)


def test_bootstrap_is_a_mean_of_draws():
    values = np.array([[1.0, 5.0], [2.0, np.nan], [4.0, 7.0]])
    weights = np.array([1.0, 2.0, 3.0])
    means = bootstrap_means(values, 9, n_resamples=5, weights=weights, batch_draws=6)
    rng = np.random.default_rng(9)
    for b, drawn in enumerate(np.concatenate([rng.integers(3, size=(n, 3)) for n in (2, 2, 1)])):
        for c in range(2):
            column = [(values[u, c], weights[u]) for u in drawn if not np.isnan(values[u, c])]
            expected = sum(v * w for v, w in column) / sum(w for _, w in column) if column else math.nan
            assert means[b, c] == pytest.approx(expected, nan_ok=True)


def test_bootstrap_of_nothing():
    assert all(map(math.isnan, bootstrap_interval(np.array([np.nan, np.nan]), seed=0)))
    assert all(map(math.isnan, bootstrap_interval(np.array([]), seed=0)))
    assert bootstrap_interval(np.array([2.0]), seed=0) == (2, 2)


def test_catalog_interval_holds_the_value():
    rng = np.random.default_rng(2)
    shown = sparse.csr_array((rng.random((50, 30)) < 0.05).astype(float))
    value = coverage(shown.sum(axis=0))
    low, high = catalog_interval(coverage, shown, seed=0)
    assert 0 <= low < value < high <= 1
