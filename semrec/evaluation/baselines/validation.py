"""The validation part of the training events, on which all baselines choose their settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from semrec.evaluation.accuracy import find_hits, ndcg
from semrec.evaluation.baselines.baseline import Features, Scorer
from semrec.evaluation.splits import Csr
from semrec.evaluation.top_k import top_k

K = 10
HIDDEN_SHARE = 0.2
MOST_USERS = 2000
"""Most users who are asked."""

Setting = TypeVar("Setting")


@dataclass(frozen=True, slots=True)
class Validation:
    """What may be learned from, and what is to be found.

    Parameters
    ----------
    known : float32 CSR (n_users, n_items), 1 for every event that is not hidden.
    features : the features, with the order of the known events.
    hidden : CSR of the same shape, 1 for every hidden event.
    users : int64 (n,), users with known and hidden events.
    """

    known: Csr
    features: Features
    hidden: Csr
    users: NDArray[np.int64]

    def ndcg(self, scorer: Scorer) -> float:
        """Return the mean NDCG@10 of the users for their hidden events; known items are not recommended."""
        known, hidden = self.known[self.users], self.hidden[self.users]
        scores = np.array(scorer(self.users), np.float32)
        scores[known.nonzero()] = -np.inf
        return float(ndcg(find_hits(top_k(scores, K, hidden), hidden)).mean())


def hold_out(x: Csr, features: Features, seed: int, max_users: int = MOST_USERS) -> Validation:
    """Hide the last fifth of every user's events; without an order a random fifth.

    A user with two events or more has a hidden event and a known one. Which one of several events of the
    same time is hidden is random.

    Parameters
    ----------
    x : CSR (n_users, n_items), 1 for every event.
    features : its `order` has the same pattern as `x`.
    seed : of the choice of events and users.
    max_users : most users who are asked.
    """
    rng = np.random.default_rng(seed)
    lengths = np.diff(x.indptr)
    order = features.order
    newest_last = oldest_first(_random_order(x, rng) if order is None else order, rng)
    n_hidden = np.where(lengths > 1, np.maximum(1, (HIDDEN_SHARE * lengths + 0.5).astype(np.int64)), 0)
    hidden = np.zeros(x.nnz, bool)
    hidden[newest_last] = np.arange(x.nnz) >= np.repeat(x.indptr[1:] - n_hidden, lengths)
    users = np.sort(rng.permutation(np.flatnonzero(n_hidden))[:max_users])
    return Validation(
        _entries(x, ~hidden),
        replace(features, order=None if order is None else _entries(order, ~hidden)),
        _entries(x, hidden),
        users,
    )


def best_of(
    settings: Sequence[Setting],
    learn: Callable[[Csr, Features, Setting], Scorer],
    x: Csr,
    features: Features,
    seed: int,
) -> Setting:
    """Return the setting with the best NDCG@10 on the validation part; the first one without such a part.

    Parameters
    ----------
    settings : at least one.
    learn : learns with one setting.
    x, features, seed : see `hold_out`.
    """
    if len(settings) == 1:
        return settings[0]
    part = hold_out(x, features, seed)
    if not len(part.users):
        return settings[0]
    return max(settings, key=lambda setting: part.ndcg(learn(part.known, part.features, setting)))


def oldest_first(order: Csr, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the places of the stored entries, int64 (nnz,): row by row, the oldest first, ties at random."""
    rows = np.repeat(np.arange(order.shape[0]), np.diff(order.indptr))
    return np.lexsort((rng.random(order.nnz), order.data, rows))


def _random_order(x: Csr, rng: np.random.Generator) -> Csr:
    return sparse.csr_array((rng.random(x.nnz), x.indices, x.indptr), shape=x.shape)


def _entries(matrix: Csr, chosen: NDArray[np.bool_]) -> Csr:
    """Return the chosen stored entries, in the same shape."""
    indptr = np.concatenate([[0], np.cumsum(chosen)])[matrix.indptr]
    return sparse.csr_array((matrix.data[chosen], matrix.indices[chosen], indptr), shape=matrix.shape)
