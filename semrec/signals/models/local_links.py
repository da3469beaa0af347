"""The links of large catalogs: every item is regressed on a few candidates; no matrix is items × items.

The candidates of an item are the items that are seen with it most, by co-occurrence over √n_h, and where
texts count, the items that read most alike. With X, Z, Y and S of `ease` and `next_items` restricted to the
candidates C of item j:

    b = (X_CᵀX_C + (λ + β)·I)⁻¹·(X_CᵀX_j + β·S_Cj),  t = (Z_CᵀZ_C + (λ + β)·I)⁻¹·(Z_CᵀY_j + β·b)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from semrec.signals.models.ials import single_thread
from semrec.signals.models.kept_weights import root_counts
from semrec.types import Float1D, Float2D

if TYPE_CHECKING:
    from semrec.signals.models.ease import Pull
    from semrec.signals.models.next_items import Steps

TEXT_SHARE = 0.25
"""Share of the candidates that are chosen by their texts."""

MOST_COMPARED = 200_000
"""Items up to which all texts are compared, some minutes' work; in larger catalogs only events choose."""

BLOCK_ROWS = 512


@dataclass(frozen=True)
class LocalLinks:
    """Both links, float32 (n_items, n_items).

    Parameters
    ----------
    together : what is used together.
    following : what is taken next; None without steps.
    """

    together: sparse.csc_array
    following: sparse.csc_array | None


def train(
    x: sparse.csr_array, reg: float, keep: int, pull: Pull | None = None, steps: Steps | None = None
) -> LocalLinks:
    """Train both links of every item.

    Parameters
    ----------
    x : float32 (n_users, n_items), every item with an event.
    reg : λ, greater than 0.
    keep : candidates, and so weights, of an item.
    pull : what they are drawn to, of these items; None: nothing.
    steps : pasts and what followed; None: only what is used together is trained.
    """
    strength = pull.strength if pull else 0.0
    items, use = x.T.tocsr(), root_counts(x)
    near = _nearest_texts(pull.prior.features, int(TEXT_SHARE * keep)) if pull else None
    together, following = _Columns(x.shape[1]), _Columns(x.shape[1])
    next_items = _NextItems(steps, reg + strength) if steps else None
    with single_thread():
        for item in range(x.shape[1]):
            seen = _sum_of_rows(items, x, item)
            seen[item] = 0
            chosen = _candidates(seen / use, item, keep, None if near is None else near[item])
            suggested = strength * pull.prior.weights(chosen, item) if pull else 0
            weights = _solve(items[chosen], reg + strength, seen[chosen] + suggested)
            together.append(chosen, weights)
            if next_items:
                following.append(chosen, next_items.weights(item, chosen, strength * weights))
    return LocalLinks(together.matrix(), following.matrix() if steps else None)


class _NextItems:
    """The regression of what is taken next on a few candidates."""

    def __init__(self, steps: Steps, ridge: float) -> None:
        self._past, self._ridge = steps.past, ridge
        self._pasts, self._follows = steps.weighted_past.T.tocsr(), steps.following.T.tocsr()

    def weights(self, item: int, chosen: NDArray[np.int64], suggested: Float1D) -> Float1D:
        """Return the weights of candidates; the item itself takes part, and its weight is left out."""
        taking_part = np.append(chosen, item)
        seen = _sum_of_rows(self._follows, self._past, item)[taking_part]
        return _solve(self._pasts[taking_part], self._ridge, seen + np.append(suggested, 0))[:-1]


class _Columns:
    """Columns of a sparse matrix of items × items, one after the other."""

    def __init__(self, n_items: int) -> None:
        self._n_items = n_items
        self._rows: list[NDArray[np.int64]] = []
        self._data: list[Float1D] = []

    def append(self, rows: NDArray[np.int64], data: Float1D) -> None:
        self._rows.append(rows)
        self._data.append(data)

    def matrix(self) -> sparse.csc_array:
        indptr = np.concatenate([[0], np.cumsum([len(rows) for rows in self._rows])])
        entries = (np.concatenate(self._data), np.concatenate(self._rows), indptr)
        return sparse.csc_array(entries, shape=(self._n_items, self._n_items))


def _sum_of_rows(weights: sparse.csr_array, rows: sparse.csr_array, item: int) -> Float1D:
    """Return the rows times the weights that one item has for each, added up, float32 (n_items,)."""
    own = slice(weights.indptr[item], weights.indptr[item + 1])
    total: Float1D = weights.data[own] @ rows[weights.indices[own]]
    return total


def _candidates(worth: Float1D, item: int, keep: int, near: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return at most `keep` items, ascending: those that read alike, then those worth most by events."""
    alike = np.empty(0, np.int64) if near is None else near[near != item]
    seen = np.setdiff1d(np.flatnonzero(worth), alike)
    room = keep - len(alike)
    if len(seen) > room:
        seen = seen[np.argpartition(-worth[seen], room - 1)[:room]]
    return np.union1d(seen, alike)


def _nearest_texts(features: Float2D, n_near: int) -> NDArray[np.int64] | None:
    """Return the items whose features are nearest to those of each item, itself too, int64 (n, n_near)."""
    n_items = len(features)
    if n_items > MOST_COMPARED or not n_near:
        return None
    vectors = torch.from_numpy(features)
    width = min(n_near, n_items)
    parts = [
        (vectors[first : first + BLOCK_ROWS] @ vectors.T).topk(width, dim=1).indices
        for first in range(0, n_items, BLOCK_ROWS)
    ]
    return torch.cat(parts).numpy()


def _solve(rows: sparse.csr_array, ridge: float, right: Float1D) -> Float1D:
    """Return the weights of a ridge regression on some items, float32 (n,); `rows` are their events."""
    if not len(right):
        return np.zeros(0, np.float32)
    left = (rows @ rows.T).toarray().astype(np.float64)
    left[np.diag_indices_from(left)] += ridge
    return np.linalg.solve(left, right.astype(np.float64)).astype(np.float32)
