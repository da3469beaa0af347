"""Fold-in: from a history to a user's factor, in closed form.

Rendle et al., "Revisiting the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022, eq. 5
and 8:

    u = A⁻¹ Σ_h c_h v_h,   A = α·G + Σ_h |c_h| v_h v_hᵀ + λ(Σ_h |c_h| + α·n_items)^ν · I,

G the Gram matrix of all item factors v. So the score v_i·u is a sum over the history: c_h · v_iᵀ A⁻¹ v_h.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from semrec.types import Float1D, Float2D

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BATCH_CELLS = 1 << 20
"""Numbers in the gathered factors of one batch: bounds the memory."""


@dataclass(frozen=True)
class FoldIn:
    """What turns a history into a user's factor.

    Parameters
    ----------
    gram : float32 (rank, rank), Σ_i v_i v_iᵀ.
    alpha : weight of the items that a user has not touched.
    reg, nu : λ and ν of the frequency-scaled regularisation.
    n_items : items of the catalog.
    """

    gram: Float2D
    alpha: float
    reg: float
    nu: float
    n_items: int

    def reasons(self, factors: Float2D, confidences: Float1D) -> Float2D:
        """Return A⁻¹ c_h v_h of every item of one history, float32 (rank, n_history); the sum is u.

        Parameters
        ----------
        factors : float32 (n_history, rank).
        confidences : float32 (n_history,), c_h; below 0 the user does not want the item.
        """
        scaled = factors.astype(np.float64)
        system = (
            self.alpha * self.gram.astype(np.float64)
            + scaled.T @ (scaled * np.abs(confidences)[:, None])
            + self._ridge(float(np.abs(confidences).sum())) * np.eye(len(self.gram))
        )
        solved = np.linalg.solve(system, scaled.T) * confidences
        return solved.astype(np.float32)

    def users(self, histories: csr_array, factors: Float2D) -> Float2D:
        """Return the factor u of many histories, float32 (n, rank); 0 for an empty one.

        Parameters
        ----------
        histories : float32 (n, n_items), the confidences.
        factors : float32 (n_items, rank).
        """
        users = np.zeros((histories.shape[0], factors.shape[1]), np.float32)
        used = np.unique(histories.indices)
        rotated = factors[used].astype(np.float64) @ self._basis
        for rows, places, confidences in _batches(histories, factors.shape[1]):
            own = rotated[np.searchsorted(used, places)]
            ridge = self._ridge(np.abs(confidences).sum(axis=1))
            diagonal = self._values + np.reshape(ridge, (-1, 1))
            solve = _solve_dual if places.shape[1] < factors.shape[1] else _solve
            if (confidences < 0).any():
                solve = _solve
            users[rows] = solve(own, confidences, diagonal) @ self._basis.T
        return users

    def _ridge(self, evidence: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
        return self.reg * (evidence + self.alpha * self.n_items) ** self.nu

    @cached_property
    def _eigen(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        values, basis = np.linalg.eigh(self.alpha * self.gram.astype(np.float64))
        return np.maximum(values, 0), basis

    @property
    def _values(self) -> NDArray[np.float64]:
        return self._eigen[0]

    @property
    def _basis(self) -> NDArray[np.float64]:
        """Eigenvectors of α·G: in this basis all of A but the history is diagonal."""
        return self._eigen[1]


def _solve(
    factors: NDArray[np.float64], confidences: NDArray[np.float64], diagonal: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve (D + Σ |c| v vᵀ) u = Σ c v of every history, (n, rank)."""
    transposed = factors.transpose(0, 2, 1)
    system = transposed @ (np.abs(confidences)[:, :, None] * factors)
    places = np.arange(diagonal.shape[1])
    system[:, places, places] += diagonal
    right: NDArray[np.float64] = transposed @ confidences[:, :, None]
    return np.asarray(np.linalg.solve(system, right)[:, :, 0], np.float64)


def _solve_dual(
    factors: NDArray[np.float64], confidences: NDArray[np.float64], diagonal: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Do what `_solve` does by a system as small as the history, for c of 0 or more.

    (D + VᵀCV)⁻¹VᵀC1 = D⁻¹VᵀC^½(I + C^½VD⁻¹VᵀC^½)⁻¹C^½1.
    """
    root = np.sqrt(confidences)
    scaled = factors * root[:, :, None]
    inverse = 1 / diagonal
    system = scaled @ (scaled * inverse[:, None, :]).transpose(0, 2, 1)
    places = np.arange(system.shape[1])
    system[:, places, places] += 1
    dual = np.linalg.solve(system, root[:, :, None])
    return np.asarray((scaled.transpose(0, 2, 1) @ dual)[:, :, 0] * inverse, np.float64)


def _batches(
    histories: csr_array, rank: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """Yield rows of about the same length with their columns and confidences, padded with confidence 0."""
    lengths = np.diff(histories.indptr)
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = 0
    while start < len(order):
        width = int(lengths[order[start]])
        rows = order[start : start + max(1, BATCH_CELLS // (max(width, rank) * rank))]
        places = np.arange(width)
        inside = places < lengths[rows][:, None]
        entries = np.where(inside, histories.indptr[rows][:, None].astype(np.int64) + places, 0)
        confidences = np.where(inside, histories.data[entries], 0).astype(np.float64)
        yield rows, histories.indices[entries].astype(np.int64), confidences
        start += len(rows)
