"""Implicit matrix factorisation (iALS) with frequency-scaled regularisation.

Rendle, Krichene, Zhang, Koren: "Revisiting the Performance of iALS on Item Recommendation Benchmarks"
(RecSys 2022). For users u, items i and events S the objective is

    Σ_{(u,i) in S} c_ui·(1 - x_u·v_i)² + α·Σ_{u,i} (x_u·v_i)²
      + Σ_u λ·(c_u + α·|I|)^ν·|x_u|² + Σ_i λ·(c_i + α·|U|)^ν·|v_i|²,

where c_u and c_i are the sums of the confidences of a row and of a column. Every half epoch solves one side
exactly, so the objective never rises. No user factors are kept: see `semrec.signals.models.fold_in`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from semrec.types import Float2D

BATCH_CELLS = 1 << 15
"""Gathered factor rows (rows times padded length) in one batch: bounds the memory."""

BATCH_ROWS = 4096


@dataclass(frozen=True, slots=True)
class IalsOptions:
    """How to factorise.

    Parameters
    ----------
    rank : factors of an item.
    alpha : weight of everything that was not seen, relative to an event of confidence 1.
    reg, nu : regularisation λ·(evidence)^ν.
    epochs : passes over both sides.
    """

    rank: int = 128
    alpha: float = 0.1
    reg: float = 0.003
    nu: float = 1.0
    epochs: int = 10

    def ridge(self, evidence: NDArray[np.floating], n_others: int) -> NDArray[np.floating]:
        """Return the ridge of rows by the sum of their confidences."""
        return self.reg * (np.abs(evidence) + self.alpha * n_others) ** self.nu


@contextmanager
def single_thread() -> Iterator[None]:
    """Run torch on one thread: many small solves get slower with two that wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    user_items: sparse.csr_array,
    config: IalsOptions,
    seed: int,
    progress: Callable[[int], None] | None = None,
    device: str = "cpu",
) -> Float2D:
    """Factorise positive confidences.

    Parameters
    ----------
    user_items : float32 (n_users, n_items).
    seed : of the initial factors.
    progress : called with the number of every finished epoch.
    device : where torch computes, "cpu" or "cuda".

    Returns
    -------
    float32 (n_items, rank); items without events are 0.
    """
    n_users, n_items = user_items.shape
    generator = torch.Generator().manual_seed(seed)
    items = torch.randn(n_items, config.rank, generator=generator) * (0.1 / config.rank**0.5)
    items = items.to(device)
    users = torch.zeros(n_users, config.rank, device=device)
    item_users = user_items.T.tocsr()
    for epoch in range(config.epochs):
        solve_rows(user_items, items, users, config)
        solve_rows(item_users, users, items, config)
        if progress is not None:
            progress(epoch + 1)
    factors: Float2D = items.cpu().numpy()
    return factors


def solve_rows(rows: sparse.csr_array, other: torch.Tensor, out: torch.Tensor, config: IalsOptions) -> None:
    """Write the exact minimiser of every row's factor into `out`, with the factors of the other side fixed.

    Parameters
    ----------
    rows : (n_rows, n_others) confidences; below 0 an event says that the user does not want the item.
    other : (n_others, rank), float32 or float64.
    out : (n_rows, rank), overwritten.

    Every worker solves its own rows on one thread, so the result does not depend on how many there are.
    """
    gram = other.T @ other
    n_workers = torch.get_num_threads()
    with (
        single_thread(),
        ThreadPoolExecutor(n_workers, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        _solve_in(pool, rows, other, gram, out, config)


def _solve_in(
    pool: ThreadPoolExecutor,
    rows: sparse.csr_array,
    other: torch.Tensor,
    gram: torch.Tensor,
    out: torch.Tensor,
    config: IalsOptions,
) -> None:
    base = config.alpha * gram
    values, basis = torch.linalg.eigh(base.double())
    values, basis = values.clamp(min=0).to(other.dtype), basis.to(other.dtype)
    rotated = other @ basis
    out.zero_()
    evidence = np.abs(rows).sum(axis=1)
    ridge = torch.from_numpy(config.ridge(evidence, rows.shape[1])).to(other)

    def solve(some: NDArray[np.int64]) -> None:
        ids, columns, weights = (part.to(other.device) for part in _padded(rows, some))
        weights = weights.to(other.dtype)
        if columns.shape[1] < other.shape[1] and bool((weights >= 0).all()):
            inverse = 1 / (values[None, :] + ridge[ids][:, None])
            out[ids] = _solve_short(rotated[columns], weights, inverse) @ basis.T
        else:
            out[ids] = _solve_long(other[columns], weights, base, ridge[ids])

    for _ in pool.map(solve, _batches(rows)):
        pass  # an error of a worker is raised here


def objective(
    user_items: sparse.csr_array, users: torch.Tensor, items: torch.Tensor, config: IalsOptions
) -> float:
    """Return the loss that no half epoch may raise, in float64."""
    x, v = users.double(), items.double()
    entries = user_items.tocoo()
    rows, columns = (torch.from_numpy(c.astype(np.int64)) for c in entries.coords)
    predicted = torch.cat(
        [
            (x[r] * v[c]).sum(1)
            for r, c in zip(torch.split(rows, BATCH_CELLS), torch.split(columns, BATCH_CELLS), strict=True)
        ]
    )
    seen = (torch.from_numpy(entries.data).double() * (1 - predicted) ** 2).sum()
    everything = config.alpha * ((x.T @ x) * (v.T @ v)).sum()
    ridges = _penalty(user_items, x, config) + _penalty(user_items.T.tocsr(), v, config)
    return float(seen + everything) + ridges


def _penalty(rows: sparse.csr_array, factors: torch.Tensor, config: IalsOptions) -> float:
    evidence = rows.sum(axis=1, dtype=np.float64)
    return float(config.ridge(evidence, rows.shape[1]) @ (factors.cpu().numpy() ** 2).sum(axis=1))


def _solve_short(gathered: torch.Tensor, weights: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    """Solve rows with fewer events m than the rank by their m×m dual system, exactly.

    In the eigenbasis of the Gram matrix the prior D is diagonal, and
    (D + VᵀCV)⁻¹VᵀC1 = D⁻¹VᵀC^½(I + C^½VD⁻¹VᵀC^½)⁻¹C^½1.
    """
    root = weights.sqrt()
    scaled = gathered * root[:, :, None]
    half = scaled * inverse.sqrt()[:, None, :]
    small = half @ half.mT
    small.diagonal(dim1=1, dim2=2).add_(1)
    dual = torch.cholesky_solve(root[:, :, None], torch.linalg.cholesky(small))
    return (scaled.mT @ dual)[:, :, 0] * inverse


def _solve_long(
    gathered: torch.Tensor, weights: torch.Tensor, base: torch.Tensor, ridge: torch.Tensor
) -> torch.Tensor:
    scaled = gathered * weights.abs()[:, :, None]
    left = torch.baddbmm(base.expand(len(ridge), -1, -1), scaled.mT, gathered)
    left.diagonal(dim1=1, dim2=2).add_(ridge[:, None])
    right = (gathered * weights[:, :, None]).sum(1)[:, :, None]
    return torch.cholesky_solve(right, torch.linalg.cholesky(left))[:, :, 0]


def _batches(rows: sparse.csr_array) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of rows that are solved together: about equally long ones, longest first."""
    lengths = np.diff(rows.indptr)
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = 0
    while start < len(order):
        width = int(lengths[order[start]])
        ids = order[start : start + max(1, min(BATCH_ROWS, BATCH_CELLS // max(width, 16)))]
        yield ids
        start += len(ids)


def _padded(
    rows: sparse.csr_array, ids: NDArray[np.int64]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return row numbers, and columns and weights of the rows, padded to the length of the first."""
    lengths = np.diff(rows.indptr)[ids]
    places = np.arange(lengths[0])[None, :]
    inside = places < lengths[:, None]
    at = np.where(inside, rows.indptr[ids][:, None].astype(np.int64) + places, 0)
    columns = rows.indices[at].astype(np.int64)
    return (
        torch.from_numpy(ids),
        torch.from_numpy(columns),
        torch.from_numpy(np.where(inside, rows.data[at], 0)),
    )
