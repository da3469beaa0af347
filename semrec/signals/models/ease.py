"""The item-item linear model, drawn to what texts suggest; without that it is EASE.

With X the users' events and S the weights of `TextPrior`,

    B = argmin ‖X - XB‖² + λ‖B‖² + β‖B - S‖²,  diagonal 0

(Moon et al., "LLM-Enhanced Linear Autoencoders for Recommendation", CIKM 2025; with β = 0 it is EASE of
Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019). Its solution needs no product of two
matrices of items × items: with P = (XᵀX + (λ + β)·I)⁻¹ and S = offdiag(F·Aᵀ), a column is

    b_j = v_j - P_j·v_jj/P_jj,  v_j = e_j + β·(P·F)·a_j.

Of every item only `keep` weights stay, see `kept_weights`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from semrec.errors import ConfigError
from semrec.signals.models import local_links
from semrec.signals.models.kept_weights import FIRST_WORTH, Blocks, prune, root_counts, spread
from semrec.signals.models.near_items import KEEP
from semrec.signals.models.text_prior import TextPrior

MOST_DENSE = 20_000
"""Users or items, whichever are fewer, up to which the inverse is made."""

LARGEST_MEDIAN = 10.0
"""Median weight of the events from which on all weights are made smaller."""

BLOCK_CELLS = 1 << 24
"""Cells of the inverse that are handled at once: bounds the memory."""


@dataclass(frozen=True)
class Pull:
    """What a model is drawn to.

    Parameters
    ----------
    prior : S, of all items.
    strength : β, greater than 0.
    """

    prior: TextPrior
    strength: float

    def at(self, items: NDArray[np.integer]) -> Pull:
        """Return the same for some of the items."""
        return Pull(self.prior.at(items), self.strength)


def train(
    user_items: sparse.csr_array,
    reg: float,
    worth: str = FIRST_WORTH,
    keep: int = KEEP,
    most_dense: int = MOST_DENSE,
    pull: Pull | None = None,
) -> sparse.csc_array:
    """Train the item-item model on the items that have events; see `train_each`."""
    return train_each(user_items, reg, (worth,), keep, most_dense, pull)[worth]


def train_each(
    user_items: sparse.csr_array,
    reg: float,
    worths: Sequence[str],
    keep: int = KEEP,
    most_dense: int = MOST_DENSE,
    pull: Pull | None = None,
) -> dict[str, sparse.csc_array]:
    """Train the model once, and keep its weights by each of some `WORTHS`.

    The inverse is taken on the smaller side: items × items, or users × users by the identity
    P = (I - Xᵀ(XXᵀ + λI)⁻¹X) / λ. When both sides are larger than `most_dense`, every item is regressed
    on the items it is seen with most instead, see `local_links`; nothing is pulled then.

    Parameters
    ----------
    user_items : float32 (n_users, n_items).
    reg : λ, greater than 0.
    worths : names of `WORTHS`. A large catalog has its own choice of neighbours, whatever is asked.
    keep : weights kept of every item.
    pull : what the model is drawn to; None: nothing.

    Returns
    -------
    float32 (n_items, n_items) by worth; column i is what is stored with item i.
    """
    n_items = user_items.shape[1]
    x, active = active_part(user_items)
    if min(x.shape, default=0) == 0:
        return dict.fromkeys(worths, sparse.csc_array((n_items, n_items), dtype=np.float32))
    if min(x.shape) > most_dense:
        return dict.fromkeys(worths, spread(local_links.train(x, reg, keep).together, active, n_items))
    blocks = columns(x, reg, pull.at(active) if pull else None)
    kept = prune(blocks, root_counts(x), worths, keep)
    return {worth: spread(weights, active, n_items) for worth, weights in kept.items()}


def active_part(user_items: sparse.csr_array) -> tuple[sparse.csr_array, NDArray[np.int64]]:
    """Return the users and items with events, weights of usual size, and which items these are."""
    active = np.flatnonzero(np.bincount(user_items.indices, minlength=user_items.shape[1]))
    x = user_items[np.flatnonzero(np.diff(user_items.indptr))][:, active]
    return (_usual_size(x) if x.nnz else x), active


def columns(x: sparse.csr_array, reg: float, pull: Pull | None = None) -> Blocks:
    """Yield the model with all its weights by blocks; every item has an event.

    Parameters
    ----------
    x : float32 (n_users, n_items).
    reg : λ, greater than 0.
    pull : what the model is drawn to, of these items; None: nothing.
    """
    ridge = reg + pull.strength if pull else reg
    inverse = _Primal(x, ridge) if x.shape[1] <= x.shape[0] else _Dual(x, ridge)
    directions = products = None
    if pull:
        products = pull.strength * inverse.times(torch.from_numpy(pull.prior.features))
        directions = torch.from_numpy(pull.prior.directions)
    for first, rows in inverse.blocks():
        if products is None or directions is None:
            yield first, _without_itself(torch.zeros_like(rows), rows, first)
        else:
            yield first, _without_itself(directions[first : first + len(rows)] @ products.T, rows, first)


class _Inverse(Protocol):
    """P, symmetric."""

    def times(self, features: torch.Tensor) -> torch.Tensor:
        """Return P·F, float32 (n_items, d)."""

    def blocks(self) -> Blocks:
        """Yield rows of P."""


class _Primal:
    """P from the inverse on the side of the items."""

    def __init__(self, x: sparse.csr_array, reg: float) -> None:
        self._inverse = inverse(x, reg)

    def times(self, features: torch.Tensor) -> torch.Tensor:
        return self._inverse @ features

    def blocks(self) -> Iterator[tuple[int, torch.Tensor]]:
        step = max(1, BLOCK_CELLS // len(self._inverse))
        for first in range(0, len(self._inverse), step):
            yield first, self._inverse[first : first + step]


class _Dual:
    """P by blocks, from the inverse on the side of the users."""

    def __init__(self, x: sparse.csr_array, reg: float) -> None:
        self._x, self._reg = x, reg
        self._items = x.T.tocsr()
        self._inner = inverse(self._items, reg).numpy()

    def times(self, features: torch.Tensor) -> torch.Tensor:
        left = self._items @ (self._inner @ (self._x @ features.numpy()))
        return (features - torch.from_numpy(left)) / self._reg

    def blocks(self) -> Iterator[tuple[int, torch.Tensor]]:
        n_items = self._x.shape[1]
        step = max(1, BLOCK_CELLS // n_items)
        for first in range(0, n_items, step):
            half = self._items[first : first + step] @ self._inner
            rows = torch.from_numpy(np.ascontiguousarray((self._items @ half.T).T)).mul_(-1 / self._reg)
            places = torch.arange(len(rows))
            rows[places, first + places] += 1 / self._reg
            yield first, rows


def _without_itself(drawn: torch.Tensor, rows: torch.Tensor, first: int) -> torch.Tensor:
    """Return rows v_j - P_j·v_jj/P_jj, with v_j = e_j + what they are drawn to; `drawn` is overwritten."""
    places = torch.arange(len(rows))
    itself = drawn[places, first + places] + 1
    drawn.addcmul_(rows, -(itself / rows[places, first + places])[:, None])
    drawn[places, first + places] = 0
    return drawn


def _usual_size(x: sparse.csr_array) -> sparse.csr_array:
    """Return events of a median weight of at most `LARGEST_MEDIAN`: λ is chosen among those that fit them.

    The model is the same for weights that are all multiplied by one factor, and λ by its square.
    """
    factor = LARGEST_MEDIAN / max(LARGEST_MEDIAN, float(np.median(x.data)))
    return x if factor == 1 else x * np.float32(factor)


def inverse(x: sparse.csr_array, reg: float) -> torch.Tensor:
    """Return (xᵀx + reg·I)⁻¹, float32 (n, n); see `cholesky`."""
    factor = cholesky(x, reg)
    return torch.cholesky_inverse(factor, out=factor).float()


def cholesky(x: sparse.csr_array, reg: float) -> torch.Tensor:
    """Return the lower Cholesky factor of xᵀx + reg·I, (n, n).

    It is float32, and float64 where weights are so different that reg is lost in the rounding of float32.

    Raises
    ------
    ConfigError
        The weights are too different for float64, too.
    """
    for dtype in (np.float32, np.float64):
        factor = torch.from_numpy(_gram(x.astype(dtype)))
        factor.diagonal().add_(reg)
        _, fault = torch.linalg.cholesky_ex(factor, out=(factor, torch.empty(0, dtype=torch.int32)))
        if not fault:
            return factor
    raise ConfigError(
        "the weights of the events are too different to learn which items are used together; "
        "see the weights of the kinds and the values of the events: semrec events --list"
    )


def _gram(x: sparse.csr_array) -> NDArray[np.floating]:
    """Return xᵀx, (n, n); made by blocks, since the sparse product takes three times its memory."""
    items = x.T.tocsr()
    gram = np.empty((x.shape[1], x.shape[1]), x.dtype)
    step = max(1, BLOCK_CELLS // len(gram))
    for first in range(0, len(gram), step):
        gram[first : first + step] = (items[first : first + step] @ x).toarray()
    return gram
