"""NDCG, the normalised discounted cumulative gain of a ranked list.

K. Järvelin, J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002.
An item is relevant or not (gain 1 or 0), and the gain at rank r is divided by log2(r + 1):

    DCG@k = Σ_{r ≤ k, item r is relevant} 1 / log2(r + 1)
    NDCG@k = DCG@k / ideal DCG@k

The ideal list begins with min(k, n_relevant) relevant items.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def discounts(k: int) -> NDArray[np.float64]:
    """Return 1 / log2(r + 1) for the ranks r = 1 … k, float64 (k,)."""
    return 1 / np.log2(np.arange(2, k + 2))


def ideal_gains(k: int) -> NDArray[np.float64]:
    """Return the DCG@k of the ideal lists for 0 … k relevant items, float64 (k + 1,)."""
    return np.concatenate([[0.0], np.cumsum(discounts(k))])


def ndcg(hits: NDArray[np.bool_], n_relevant: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return NDCG@k of every list.

    Parameters
    ----------
    hits : bool (n, k), whether the item at each rank is relevant, best rank first.
    n_relevant : int (n,), relevant items of each list, in it or not.

    Returns
    -------
    float64 (n,) in [0, 1]; NaN where nothing is relevant.
    """
    k = hits.shape[1]
    ideal = ideal_gains(k)[np.minimum(n_relevant, k)]
    gains: NDArray[np.float64] = np.full(len(hits), np.nan)
    return np.divide(hits @ discounts(k), ideal, out=gains, where=ideal > 0)
