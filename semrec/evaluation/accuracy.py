"""Accuracy of lists: one number a user, NaN for users without a positive.

A positive is a test item that the user liked; a hit is a positive in the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semrec.evaluation.per_user import Values, ratio
from semrec.evaluation.splits import Csr
from semrec.evaluation.top_k import TopK
from semrec.mathematics.ndcg import ndcg as binary_ndcg


@dataclass(frozen=True, slots=True)
class Hits:
    """The hits of lists.

    Parameters
    ----------
    found : bool (n_users, k), whether the item at each rank is a positive.
    n_relevant : int64 (n_users,), positives of each user, in the list or not.
    """

    found: NDArray[np.bool_]
    n_relevant: NDArray[np.int64]


def find_hits(top: TopK, test: Csr, k: int | None = None) -> Hits:
    """Return the hits of lists.

    Parameters
    ----------
    top : lists of n_users.
    test : CSR (n_users, n_items); row u belongs to list u.
    k : count the first k ranks only; None: all.
    """
    n_users, n_items = test.shape
    items = top.items[:, :k]
    rows = np.arange(n_users)[:, None]
    n_relevant = np.diff(test.indptr).astype(np.int64)
    positives = np.repeat(np.arange(n_users), n_relevant) * n_items + test.indices
    found = np.isin(rows * n_items + items, positives) & top.shown[:, :k]
    return Hits(found, n_relevant)


def precision(hits: Hits) -> Values:
    """P@k = #hits / k, also for a list that is shorter than k (as trec_eval does)."""
    return _where_relevant(hits, hits.found.sum(axis=1) / hits.found.shape[1])


def recall(hits: Hits) -> Values:
    """R@k = #hits / #relevant."""
    return _where_relevant(hits, ratio(hits.found.sum(axis=1), hits.n_relevant))


def f1(hits: Hits) -> Values:
    """F1@k = 2·P·R / (P + R), and 0 without a hit."""
    p, r = precision(hits), recall(hits)
    return _where_relevant(hits, ratio(2 * p * r, p + r))


def hit_rate(hits: Hits) -> Values:
    """HR@k = 1 with a hit among the first k, else 0."""
    return _where_relevant(hits, np.asarray(hits.found.any(axis=1), np.float64))


def mrr(hits: Hits) -> Values:
    """RR@k = 1 / rank of the first hit, and 0 without one; its mean over users is MRR."""
    first = hits.found.argmax(axis=1)
    return _where_relevant(hits, np.asarray(hits.found.any(axis=1) / (1.0 + first)))


def average_precision(hits: Hits) -> Values:
    """AP@k = Σ_{r ≤ k, r a hit} P@r / #relevant (trec_eval's map_cut); its mean over users is MAP."""
    ranks = np.arange(1, hits.found.shape[1] + 1)
    precision_at = np.cumsum(hits.found, axis=1) / ranks
    return _where_relevant(hits, ratio((precision_at * hits.found).sum(axis=1), hits.n_relevant))


def ndcg(hits: Hits) -> Values:
    """NDCG@k, see `semrec.mathematics.ndcg`."""
    return binary_ndcg(hits.found, hits.n_relevant)


ACCURACY: Mapping[str, Callable[[Hits], Values]] = {
    "ndcg": ndcg,
    "recall": recall,
    "precision": precision,
    "f1": f1,
    "map": average_precision,
    "mrr": mrr,
    "hit_rate": hit_rate,
}
"""The accuracy metrics, by name."""


def _where_relevant(hits: Hits, values: Values) -> Values:
    return np.where(hits.n_relevant > 0, values, np.nan)
