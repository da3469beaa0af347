"""Standardising: where a signal's scores lie over the catalog, measured on a fixed sample of items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semrec.signals.catalog_matrix import Histories
from semrec.types import Float1D, Float2D, Keys

SMALLEST_SCALE = 1e-6
"""Below this a signal gives every item the same score; the differences are rounding errors."""


def standard(sample_terms: Float2D, sample: Keys, history: Keys) -> tuple[Float1D, float]:
    """Return the mean of every term and the standard deviation of their sum.

    Items of the history may score far above all others. They are left out, so that they do not stretch the
    scale.

    Parameters
    ----------
    sample_terms : float32 (n_sample, n_terms), the terms of the sampled items.
    sample : uint64 (n_sample,), their keys.
    history : uint64 (n_history,).

    Returns
    -------
    offsets : float32 (n_terms,).
    scale : float, greater than 0; infinite when all items score the same, so that such a signal adds nothing.
    """
    inside = np.isin(sample, history)
    if inside.any():
        sample_terms = sample_terms[~inside]
    if len(sample_terms) == 0:
        return np.zeros(sample_terms.shape[1], np.float32), 1.0
    offsets = sample_terms.mean(axis=0)
    return offsets, usable_scale(float(sample_terms.sum(axis=1).std()), offsets)


def usable_scale(scale: float, offsets: Float1D) -> float:
    """Return the standard deviation, or infinity where it is only rounding."""
    return scale if scale > SMALLEST_SCALE * (1 + float(np.abs(offsets).sum())) else float("inf")


class LinearStandard:
    """Standardises scores that are inner products with the vectors of the sample.

    Parameters
    ----------
    keys : uint64 (n_sample,).
    vectors : float32 (n_sample, dim).
    """

    def __init__(self, keys: Keys, vectors: Float2D) -> None:
        self._keys = keys
        self._vectors = vectors
        self._sum = vectors.sum(axis=0, dtype=np.float64)

    def of(self, directions: Float2D, history: Keys) -> tuple[Float1D, float]:
        """Return what `standard` does for the terms `vectors @ directions`, without making them.

        Parameters
        ----------
        directions : float32 (dim, n_terms).
        history : uint64 (n_history,).
        """
        inside = np.isin(self._keys, history)
        n_counted = len(self._keys) - int(inside.sum())
        if n_counted == 0:
            return np.zeros(directions.shape[1], np.float32), 1.0
        mean = (self._sum - self._vectors[inside].sum(axis=0, dtype=np.float64)) / n_counted
        offsets = (mean @ directions).astype(np.float32)
        scores = self._vectors @ directions.sum(axis=1)
        return offsets, usable_scale(float(scores[~inside].std()), offsets)


def standardised(scores: Float2D, sample_scores: Float2D, seen: NDArray[np.bool_]) -> Float2D:
    """Return scores of many histories on the scale of each history, float32 (n, n_items).

    Scores minus their mean over a sample of the catalog, over their standard deviation. NaN, no opinion,
    becomes 0. A signal that gives every item the same score becomes 0.

    Parameters
    ----------
    scores : float32 (n, n_items), a row being one history; overwritten.
    sample_scores : float32 (n, n_sample), the same signal's scores of the sample.
    seen : bool (n, n_sample), items of the history, which are left out.
    """
    mean, factor = mean_and_factor(sample_scores, ~seen & ~np.isnan(sample_scores))
    scores -= mean
    scores *= factor
    return np.nan_to_num(scores, copy=False)


def mean_and_factor(scores: Float2D, counted: NDArray[np.bool_]) -> tuple[Float2D, Float2D]:
    """Return what standardises the scores of many queries, a row being one query: (scores - mean) * factor.

    Parameters
    ----------
    scores : float32 (n, n_items).
    counted : bool (n, n_items), the items by which a query is standardised.

    Returns
    -------
    mean : float32 (n, 1).
    factor : float32 (n, 1), one over the standard deviation; 0 where a signal scores every item the same.
    """
    n_counted = np.maximum(counted.sum(axis=1, keepdims=True), 1)
    mean = np.sum(scores, axis=1, keepdims=True, where=counted, dtype=np.float64) / n_counted
    around = scores - mean.astype(np.float32)
    variance = np.sum(around**2, axis=1, keepdims=True, where=counted, dtype=np.float64) / n_counted
    scale = np.sqrt(variance).astype(np.float32)
    differs = scale > SMALLEST_SCALE * (1 + np.abs(mean))
    factor = np.divide(1, scale, out=np.zeros_like(scale), where=differs)
    return mean.astype(np.float32), factor


def seen_in(histories: Histories, n_sample: int) -> NDArray[np.bool_]:
    """Return which of the first items of a catalog each history holds, bool (n, n_sample)."""
    seen = np.zeros((len(histories), n_sample), bool)
    seen[histories.seen(slice(0, n_sample))] = True
    return seen
