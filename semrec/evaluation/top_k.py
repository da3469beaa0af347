"""Ranked lists from scores, and the ranks of the positives.

**Ties.** A positive that ties with other items ranks behind all of them, so that a recommender gains nothing
by giving many items the same score. **Padding.** A list may be shorter than k; its length is stored, and no
item index means "empty". Scores are compared as float32, bigger is better, and -inf means that an item must
not be recommended.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semrec.errors import ConfigError
from semrec.evaluation.per_user import Values
from semrec.evaluation.splits import Csr
from semrec.types import Float2D

BATCH_SCORES = 2**22
"""Scores that are ranked at once: limits the memory."""


@dataclass(frozen=True, slots=True)
class TopK:
    """Ranked lists, best first.

    Parameters
    ----------
    items : int64 (n_users, k), item indices; entries from `lengths[u]` on are undefined.
    lengths : int64 (n_users,), in [0, k].
    """

    items: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Bool (n_users, k): which entries are defined."""
        return np.arange(self.items.shape[1]) < self.lengths[:, None]

    def rows(self, wanted: NDArray[np.integer] | NDArray[np.bool_]) -> TopK:
        """Return the lists of some users."""
        return TopK(self.items[wanted], self.lengths[wanted])


def top_k(scores: Float2D, k: int, test: Csr | None = None, *, batch_scores: int = BATCH_SCORES) -> TopK:
    """Return the k best items of every row; positives rank last in a tie.

    Scores are compared as float64, and the scores of positives are reduced by the smallest float64 step. That
    is less than any difference of two float32 numbers, so only ties change.

    Parameters
    ----------
    scores : float32 (n_users, n_items), without NaN; -inf is never recommended.
    k : length of the lists, at least 1; with fewer items the lists are shorter.
    test : CSR (n_users, n_items), the positives; None: ties are in the order of the items.
    batch_scores : scores that are ranked at once.

    Raises
    ------
    ConfigError
        k is below 1, or a score is NaN.
    """
    if k < 1:
        raise ConfigError(f"k={k}: a list needs at least one place")
    n_users, n_items = scores.shape
    step = max(1, batch_scores // max(1, n_items))
    parts = [
        _top_of_batch(_lowered(scores, test, slice(start, start + step)), min(k, n_items))
        for start in range(0, n_users, step)
    ]
    if not parts:
        return TopK(np.zeros((0, min(k, n_items)), np.int64), np.zeros(0, np.int64))
    return TopK(np.concatenate([p.items for p in parts]), np.concatenate([p.lengths for p in parts]))


def rank_with_ties(scores: Float2D, test: Csr) -> NDArray[np.int64]:
    """Return the rank of every positive; 1 is best.

    rank(p) = 1 + #{negatives n : s_n ≥ s_p} + #{positives ranked before p}

    Returns
    -------
    int64 (n_positives,), in the order of `test.indices`.
    """
    ranks = np.zeros(test.nnz, dtype=np.int64)
    for user, row in enumerate(np.asarray(scores, np.float32)):
        mine = slice(test.indptr[user], test.indptr[user + 1])
        above, _ = _negatives_above(row, test.indices[mine])
        order = np.argsort(-row[test.indices[mine]], kind="stable")
        ranks[mine][order] = 1 + above[order] + np.arange(len(order))
    return ranks


def auc(scores: Float2D, test: Csr) -> Values:
    """Return the share of (positive, negative) pairs in the right order; a tie is wrong.

    AUC(u) = mean over positives p of #{negatives n : s_n < s_p} / #{negatives}. Items with the score
    -inf are not negatives. NaN without a positive or without a negative.
    """
    values = np.full(len(scores), np.nan)
    for user, row in enumerate(np.asarray(scores, np.float32)):
        positives = test.indices[test.indptr[user] : test.indptr[user + 1]]
        above, n_negatives = _negatives_above(row, positives, only_candidates=True)
        if len(positives) and n_negatives:
            values[user] = 1 - above.mean() / n_negatives
    return values


def _lowered(scores: Float2D, test: Csr | None, rows: slice) -> NDArray[np.float64]:
    """Return the scores of some rows as float64, with those of positives one step lower."""
    chunk = scores[rows].astype(np.float32).astype(np.float64)
    if np.isnan(chunk).any():
        raise ConfigError("a recommender scored an item with NaN: it cannot be ranked")
    if test is not None:
        part = test[rows]
        places = np.repeat(np.arange(len(chunk)), np.diff(part.indptr)), part.indices
        chunk[places] = np.nextafter(chunk[places], -np.inf)
    return chunk


def _top_of_batch(scores: NDArray[np.float64], k: int) -> TopK:
    best = np.argpartition(scores, -k, axis=1)[:, -k:] if k < scores.shape[1] else _all_columns(scores)
    kept = np.take_along_axis(scores, best, axis=1)
    order = np.lexsort((best, -kept), axis=1)
    lengths = (kept > -np.inf).sum(axis=1)
    return TopK(np.take_along_axis(best, order, axis=1).astype(np.int64), lengths.astype(np.int64))


def _all_columns(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.broadcast_to(np.arange(scores.shape[1]), scores.shape)


def _negatives_above(
    row: NDArray[np.float32], positives: NDArray[np.integer], only_candidates: bool = False
) -> tuple[NDArray[np.int64], int]:
    """Return, for each positive, the negatives with at least its score, and the number of all negatives."""
    is_negative = row > -np.inf if only_candidates else np.ones(len(row), dtype=bool)
    is_negative[positives] = False
    negatives = np.sort(row[is_negative])
    return len(negatives) - np.searchsorted(negatives, row[positives], side="left"), len(negatives)
