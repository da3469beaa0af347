"""The item-item linear model (EASE), kept sparse.

EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019):

    P = (XᵀX + λI)⁻¹,  B[h, i] = -P[h, i] / P[i, i],  B[i, i] = 0,  score(i) = Σ_h w_h·B[h, i].

Of every item i only `keep` weights stay; by what they are chosen, validation decides (`WORTHS`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from semrec.errors import ConfigError
from semrec.signals.models.ials import single_thread
from semrec.signals.models.near_items import KEEP
from semrec.types import Float1D

MOST_DENSE = 20_000
"""Users or items, whichever are fewer, up to which the inverse is made."""

LARGEST_MEDIAN = 10.0
"""Median weight of the events from which on all weights are made smaller."""

BLOCK_CELLS = 1 << 24
"""Cells of the inverse that are handled at once: bounds the memory."""

WORTHS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "size and use": lambda weights, root_counts: weights.abs() * root_counts,
    "size": lambda weights, root_counts: weights.abs(),
    "positive size and use": lambda weights, root_counts: weights.clamp(min=0) * root_counts,
    "positive size": lambda weights, root_counts: weights.clamp(min=0),
}
"""The value of a weight, by (weights, √n_h): the largest are kept, and none that is worth 0.

Measured on validation parts (NDCG@10, λ as chosen): with √n is best on debian_deps (0.485 against 0.472),
positive without it on citeulike_a (0.187 against 0.182; all weights 0.189), size on ml_latest_small (0.113
against 0.111).
"""

FIRST_WORTH = "size and use"

Blocks = Iterator[tuple[int, torch.Tensor]]
"""First item, and rows of P from that item on."""


def train(
    user_items: sparse.csr_array,
    reg: float,
    worth: str = FIRST_WORTH,
    keep: int = KEEP,
    most_dense: int = MOST_DENSE,
) -> sparse.csc_array:
    """Train the item-item model on the items that have events; see `train_each`."""
    return train_each(user_items, reg, (worth,), keep, most_dense)[worth]


def train_each(
    user_items: sparse.csr_array,
    reg: float,
    worths: Sequence[str],
    keep: int = KEEP,
    most_dense: int = MOST_DENSE,
) -> dict[str, sparse.csc_array]:
    """Train the model once, and keep its weights by each of some `WORTHS`.

    The inverse is taken on the smaller side: items × items, or users × users by the identity
    P = (I - Xᵀ(XXᵀ + λI)⁻¹X) / λ. When both sides are larger than `most_dense`, every item is regressed
    on the items it is seen with most instead (`train_local`).

    Parameters
    ----------
    user_items : float32 (n_users, n_items).
    reg : λ, greater than 0.
    worths : names of `WORTHS`. A large catalog has its own choice of neighbours, whatever is asked.
    keep : weights kept of every item.

    Returns
    -------
    float32 (n_items, n_items) by worth; column i is what is stored with item i.
    """
    n_items = user_items.shape[1]
    active = np.flatnonzero(np.bincount(user_items.indices, minlength=n_items))
    x = user_items[np.flatnonzero(np.diff(user_items.indptr))][:, active]
    if min(x.shape, default=0) == 0:
        return dict.fromkeys(worths, sparse.csc_array((n_items, n_items), dtype=np.float32))
    x = _usual_size(x)
    if min(x.shape) > most_dense:
        return dict.fromkeys(worths, spread(train_local(x, reg, keep), active, n_items))
    blocks = primal(x, reg) if x.shape[1] <= x.shape[0] else dual(x, reg)
    kept = prune(blocks, _root_counts(x), worths, keep)
    return {worth: spread(columns, active, n_items) for worth, columns in kept.items()}


def primal(x: sparse.csr_array, reg: float) -> Blocks:
    """Yield P by blocks of rows, from the inverse on the side of the items."""
    inverse = _inverse(x, reg)
    step = max(1, BLOCK_CELLS // len(inverse))
    for first in range(0, len(inverse), step):
        yield first, inverse[first : first + step]


def dual(x: sparse.csr_array, reg: float) -> Blocks:
    """Yield P by blocks of rows, from the inverse on the side of the users."""
    inner = _inverse(x.T.tocsr(), reg).numpy()
    items = x.T.tocsr()
    step = max(1, BLOCK_CELLS // x.shape[1])
    for first in range(0, x.shape[1], step):
        half = items[first : first + step] @ inner
        rows = torch.from_numpy(np.ascontiguousarray((items @ half.T).T)).mul_(-1 / reg)
        places = torch.arange(len(rows))
        rows[places, first + places] += 1 / reg
        yield first, rows


def weights_of(rows: torch.Tensor, first: int) -> torch.Tensor:
    """Turn rows of the symmetric P into the weights of those items: row r is column first + r of B."""
    places = torch.arange(len(rows))
    weights = rows / -rows[places, first + places][:, None]
    weights[places, first + places] = 0
    return weights


def prune(
    blocks: Blocks, root_counts: Float1D, worths: Sequence[str], keep: int
) -> dict[str, sparse.csc_array]:
    """Keep the `keep` weights of every item that are worth most, by each of some `WORTHS`.

    Parameters
    ----------
    root_counts : float32 (n_items,), √n_h.
    """
    scale = torch.from_numpy(root_counts)
    n_items = len(root_counts)
    width = min(keep, n_items)
    kept: dict[str, list[tuple[NDArray[np.float32], NDArray[np.int64]]]] = {worth: [] for worth in worths}
    for first, block in blocks:
        weights = weights_of(block, first)
        for worth in worths:
            worth_of = WORTHS[worth](weights, scale)
            chosen = worth_of.topk(width, dim=1, sorted=False).indices.sort(dim=1).values
            data = weights.gather(1, chosen) * (worth_of.gather(1, chosen) > 0)
            kept[worth].append((data.flatten().numpy(), chosen.flatten().numpy()))
    indptr = np.arange(0, width * n_items + 1, width)
    pruned = {}
    for worth, parts in kept.items():
        values, rows = (np.concatenate(column) for column in zip(*parts, strict=True))
        pruned[worth] = sparse.csc_array((values, rows, indptr), shape=(n_items, n_items))
        pruned[worth].eliminate_zeros()
    return pruned


def train_local(x: sparse.csr_array, reg: float, keep: int = KEEP) -> sparse.csc_array:
    """Regress every item on the `keep` items it is seen with most; no dense n×n matrix is made.

    Neighbours are chosen by co-occurrence over √n_h, then (G_SS + λI)·w = G_Si is solved for each item.

    Parameters
    ----------
    x : float32 (n_users, n_items), every item with an event.

    Returns
    -------
    float32 (n_items, n_items).
    """
    item_users = x.T.tocsr()
    root_counts = _root_counts(x)
    data, rows, counts = [], [], []
    with single_thread():
        for item in range(x.shape[1]):
            chosen, weights = _local_weights(x, item_users, item, root_counts, reg, keep)
            data.append(weights)
            rows.append(chosen)
            counts.append(len(chosen))
    indptr = np.concatenate([[0], np.cumsum(counts)])
    shape = (x.shape[1], x.shape[1])
    return sparse.csc_array((np.concatenate(data), np.concatenate(rows), indptr), shape=shape)


def spread(columns: sparse.csc_array, active: NDArray[np.integer], n_items: int) -> sparse.csc_array:
    """Return the model of the active items as one of all items."""
    counts = np.zeros(n_items, np.int64)
    counts[active] = np.diff(columns.indptr)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    data = columns.data.astype(np.float32, copy=False)
    return sparse.csc_array((data, active[columns.indices], indptr), shape=(n_items, n_items))


def _local_weights(
    x: sparse.csr_array, item_users: sparse.csr_array, item: int, root_counts: Float1D, reg: float, keep: int
) -> tuple[NDArray[np.int64], Float1D]:
    users = slice(item_users.indptr[item], item_users.indptr[item + 1])
    together = item_users.data[users] @ x[item_users.indices[users]]
    together[item] = 0
    seen = np.flatnonzero(together)
    if len(seen) > keep:
        seen = np.sort(seen[np.argpartition(-together[seen] / root_counts[seen], keep - 1)[:keep]])
    if not len(seen):
        return seen, np.zeros(0, np.float32)
    near = item_users[seen]
    left = (near @ near.T).toarray().astype(np.float64)
    left[np.diag_indices_from(left)] += reg
    weights: Float1D = np.linalg.solve(left, together[seen].astype(np.float64)).astype(np.float32)
    return seen, weights


def _root_counts(x: sparse.csr_array) -> Float1D:
    return np.sqrt(np.bincount(x.indices, minlength=x.shape[1])).astype(np.float32)


def _usual_size(x: sparse.csr_array) -> sparse.csr_array:
    """Return events of a median weight of at most `LARGEST_MEDIAN`: λ is chosen among those that fit them.

    The model is the same for weights that are all multiplied by one factor, and λ by its square.
    """
    factor = LARGEST_MEDIAN / max(LARGEST_MEDIAN, float(np.median(x.data)))
    return x if factor == 1 else x * np.float32(factor)


def _inverse(x: sparse.csr_array, reg: float) -> torch.Tensor:
    """Return (xᵀx + λI)⁻¹, float32 (n, n).

    Where weights are so different that λ is lost in the rounding of float32, float64 is used.

    Raises
    ------
    ConfigError
        The weights are too different for float64, too.
    """
    for dtype in (np.float32, np.float64):
        rows = x.astype(dtype)
        inverse = torch.from_numpy((rows.T @ rows).toarray())
        inverse.diagonal().add_(reg)
        _, fault = torch.linalg.cholesky_ex(inverse, out=(inverse, torch.empty(0, dtype=torch.int32)))
        if not fault:
            torch.cholesky_inverse(inverse, out=inverse)
            return inverse.float()
    raise ConfigError(
        "the weights of the events are too different to learn which items are used together; "
        "see the weights of the kinds and the values of the events: semrec events --list"
    )
