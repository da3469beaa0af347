"""The linear next-item model, drawn to the model of what is used together.

A row of Z is what a user did before an event, each item with decay^age, and the same row of Y is the item of
that event. With B the item-item model before any weight is cut,

    T = argmin ‖Y - ZT‖² + λ‖T‖² + β‖T - B‖² = (ZᵀZ + (λ + β)·I)⁻¹·(ZᵀY + β·B),  diagonal then set to 0.

Without a prior it is SLIT of Choi et al., "Session-aware Linear Item-Item Models for Session-based
Recommendation", WWW 2021. Events at the same time share one age and never predict each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from semrec.signals.models.ease import BLOCK_CELLS, cholesky
from semrec.signals.models.kept_weights import Blocks
from semrec.types import Float1D

WINDOW = 10
"""Items before an event that are its past; of items at one time all or none."""


@dataclass(frozen=True)
class Steps:
    """Pasts and what followed. One row stands for all events of a user at one time.

    Parameters
    ----------
    past : float32 (n, n_items), Z.
    following : float32 (n, n_items), Y: the weights of the events.
    """

    past: sparse.csr_array
    following: sparse.csr_array

    def __len__(self) -> int:
        return int(self.past.shape[0])

    @property
    def weighted_past(self) -> sparse.csr_array:
        """Z with each row as often as events follow it: times the root of the sum of their weights."""
        factors = np.sqrt(np.asarray(self.following.sum(axis=1)).ravel()).astype(np.float32)
        data = self.past.data * np.repeat(factors, np.diff(self.past.indptr))
        return sparse.csr_array((data, self.past.indices, self.past.indptr), shape=self.past.shape)


def steps_of(
    user_items: sparse.csr_array,
    order: sparse.csr_array,
    decay: float,
    user_weights: Float1D | None = None,
    window: int = WINDOW,
) -> Steps:
    """Return the pasts of all events that have one.

    Of a user who used a, then b and c at the same time, then d, there are two rows: a is followed by b and c;
    decay²·a, b and c are followed by d.

    Parameters
    ----------
    user_items : float32 (n_users, n_items), weights of the events.
    order : same pattern, bigger is later; equal in a row: at the same time.
    decay : above 0 and at most 1, weight of an item for every newer one.
    user_weights : float32 (n_users,), how much each user counts; None: 1 each.
    window : items of a past; only those with fewer newer ones are in it.
    """
    users = np.repeat(np.arange(user_items.shape[0]), np.diff(user_items.indptr))
    oldest_first = np.lexsort((order.data, users))
    users, when = users[oldest_first], order.data[oldest_first]
    items, weights = user_items.indices[oldest_first], user_items.data[oldest_first]
    first_of_user = np.searchsorted(users, users)
    begins = np.ones(len(users), bool)  # the first event of a user at one time
    begins[1:] = (users[1:] != users[:-1]) | (when[1:] != when[:-1])
    group = np.cumsum(begins) - 1
    starts = np.append(np.flatnonzero(begins), len(users))
    first_of_group, end_of_group = starts[group], starts[group + 1]
    rows = starts[:-1][first_of_user[starts[:-1]] < starts[:-1]]  # first events of the groups with a past
    oldest = first_of_group[np.maximum(rows - window, first_of_user[rows])]
    past, lengths = _ranges(oldest, rows)
    ages = np.repeat(rows, lengths) - end_of_group[past]
    following, sizes = _ranges(rows, end_of_group[rows])
    counts = weights[following] * (1 if user_weights is None else user_weights[users[following]])
    shape = (len(rows), user_items.shape[1])
    return Steps(
        _rows(weights[past] * np.float32(decay) ** ages, items[past], lengths, shape),
        _rows(counts, items[following], sizes, shape),
    )


def columns(steps: Steps, reg: float, strength: float, together: torch.Tensor) -> Blocks:
    """Yield T with all its weights by blocks; row r of a block is column first + r.

    Parameters
    ----------
    steps : of the items.
    reg : λ, greater than 0.
    strength : β, 0 or more.
    together : float32 (n_items, n_items), row j is column j of B.
    """
    factor = cholesky(steps.weighted_past, reg + strength)
    follows = steps.following.T.tocsr()
    step = max(1, BLOCK_CELLS // len(together))
    for first in range(0, len(together), step):
        some = slice(first, first + step)
        right = torch.from_numpy((follows[some] @ steps.past).toarray()).add_(together[some], alpha=strength)
        rows = torch.cholesky_solve(right.T.to(factor.dtype), factor).T.float().contiguous()
        places = torch.arange(len(rows))
        rows[places, first + places] = 0
        yield first, rows


def whole(blocks: Blocks, n_items: int) -> torch.Tensor:
    """Return all blocks in one tensor, float32 (n_items, n_items)."""
    found = torch.empty(n_items, n_items)
    for first, rows in blocks:
        found[first : first + len(rows)] = rows
    return found


def _ranges(
    starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all numbers of some ranges one after the other, and the length of each range."""
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths), lengths


def _rows(
    values: Float1D, items: NDArray[np.integer], lengths: NDArray[np.int64], shape: tuple[int, int]
) -> sparse.csr_array:
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    return sparse.csr_array((values.astype(np.float32), items, indptr), shape=shape)
