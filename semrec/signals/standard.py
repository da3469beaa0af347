"""Where a signal's scores lie over the catalog, told by a fixed sample of items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semrec.types import Float1D, Float2D, Keys

SMALLEST_SCALE = 1e-6
"""Below this a signal says the same of every item; its differences are rounding."""


def standard(sample_terms: Float2D, sample: Keys, history: Keys) -> tuple[Float1D, float]:
    """Return the mean of every term and the standard deviation of their sum.

    The history itself may score far above all others; it must not stretch the scale that they are put on,
    so its items count as not sampled.

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
    scale = float(sample_terms.sum(axis=1).std())
    return offsets, scale if scale > SMALLEST_SCALE * (1 + float(np.abs(offsets).sum())) else float("inf")


def mean_and_factor(scores: Float2D, counted: NDArray[np.bool_]) -> tuple[Float2D, Float2D]:
    """Return what standardises the scores of many queries, a row being one query: (scores - mean) * factor.

    Parameters
    ----------
    scores : float32 (n, n_items).
    counted : bool (n, n_items), the items by which a query is standardised.

    Returns
    -------
    mean : float32 (n, 1).
    factor : float32 (n, 1), one over the standard deviation; 0 where a signal says the same of every item.
    """
    n_counted = np.maximum(counted.sum(axis=1, keepdims=True), 1)
    mean = np.sum(scores, axis=1, keepdims=True, where=counted, dtype=np.float64) / n_counted
    around = scores - mean.astype(np.float32)
    variance = np.sum(around**2, axis=1, keepdims=True, where=counted, dtype=np.float64) / n_counted
    scale = np.sqrt(variance).astype(np.float32)
    says_something = scale > SMALLEST_SCALE * (1 + np.abs(mean))
    factor = np.divide(1, scale, out=np.zeros_like(scale), where=says_something)
    return mean.astype(np.float32), factor
