"""Metrics besides accuracy: novelty, diversity, and how the catalog is covered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semrec.evaluation.per_user import Values, ratio
from semrec.evaluation.top_k import TopK
from semrec.mathematics.rows import unit_rows
from semrec.types import Float2D


def novelty(top: TopK, popularity: NDArray[np.integer], n_users: int) -> Values:
    """Return the mean self-information of each list, in bits: -log2((c_i + 1) / (n_users + 1)).

    c_i is the number of training events of item i (Zhou et al., 2010); adding 1 keeps the value finite for
    items without events. NaN for an empty list.
    """
    bits = -np.log2((np.asarray(popularity) + 1) / (n_users + 1))
    return _mean_shown(top, bits[top.items])


def tail_share(top: TopK, popularity: NDArray[np.integer], candidates: NDArray[np.bool_]) -> Values:
    """Return the share of each list outside the most popular fifth of the candidates; NaN for an empty list.

    Parameters
    ----------
    top : the lists.
    popularity : int (n_items,), training events.
    candidates : bool (n_items,), items that may be recommended.
    """
    order = np.argsort(np.where(candidates, -np.asarray(popularity, np.int64), 1), kind="stable")
    is_tail = np.ones(len(candidates), dtype=bool)
    is_tail[order[: int(np.ceil(candidates.sum() / 5))]] = False
    return _mean_shown(top, is_tail[top.items].astype(np.float64))


def diversity(top: TopK, item_vectors: Float2D) -> Values:
    """Return the mean cosine distance of all pairs of each list (Ziegler et al., 2005).

    Computed without pairs: Σ_{a≠b} x_a·x_b = ‖Σ x‖² - Σ ‖x‖². NaN for fewer than two items.
    """
    unit = unit_rows(item_vectors)
    total = np.zeros((len(top.items), unit.shape[1]))
    squares = np.zeros(len(top.items))
    for items, shown in zip(top.items.T, top.shown.T, strict=True):
        vectors = unit[items] * shown[:, None]
        total += vectors
        squares += np.einsum("ud,ud->u", vectors, vectors)
    n_pairs = (top.lengths * (top.lengths - 1)).astype(np.float64)
    cosines = np.einsum("ud,ud->u", total, total) - squares
    return np.where(n_pairs > 0, 1 - ratio(cosines, n_pairs), np.nan)


def coverage(counts: NDArray[np.number]) -> float:
    """Return the share of candidates with a count above 0; counts (n_candidates,): lists with each one."""
    return float(np.mean(np.asarray(counts) > 0)) if len(counts) else float("nan")


def gini(counts: NDArray[np.number]) -> float:
    """Return the Gini index of the counts: 0 for equal counts, near 1 if one candidate has all.

    G = Σ_i (2i - n - 1)·c_(i) / (n·Σ c), c_(i) ascending; NaN if all counts are 0.
    """
    ordered = np.sort(np.asarray(counts, np.float64))
    n, total = len(ordered), ordered.sum()
    if not total:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))


def _mean_shown(top: TopK, values: NDArray[np.float64]) -> Values:
    return ratio((values * top.shown).sum(axis=1), top.lengths, empty=np.nan)
