"""What the training does not see: items without any event, and one event a user.

Items are held out in turn by their number of events: of every few neighbours in the order of popularity one
is chosen at random. A few popular items decide the quality of a list; so each part gets its share of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

COLD_SHARE = 0.1
"""Share of the items with events that are held out, for the gate and again for validation."""

LEAST_LEFT = 2
"""Events of a user that must remain where one is held out."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The parts of the interactions: each event is in one of them.

    Parameters
    ----------
    train : bool (nnz,), events that are learned from.
    validation : bool (nnz,), events of the items `validation_items`.
    cold : bool (nnz,), events of the items `cold_items`, for the gate.
    warm : bool (nnz,), one event of each user with enough others, for the gate.
    validation_items, cold_items : int64, ascending.
    """

    train: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    cold: NDArray[np.bool_]
    warm: NDArray[np.bool_]
    validation_items: NDArray[np.int64]
    cold_items: NDArray[np.int64]


def hold_out(user_items: csr_array, seed: int, share: float = COLD_SHARE) -> HeldOut:
    """Return the parts of interactions.

    Parameters
    ----------
    user_items : (n_users, n_items); what is stored is an event.
    seed : of the random choices.
    share : see `COLD_SHARE`.
    """
    random = np.random.default_rng(seed)
    items = user_items.indices
    counts = np.bincount(items, minlength=user_items.shape[1])
    cold_items = _in_turn(counts, share, random)
    counts[cold_items] = 0
    validation_items = _in_turn(counts, share, random)
    cold, validation = np.isin(items, cold_items), np.isin(items, validation_items)
    warm = _one_a_user(user_items, ~cold & ~validation, random)
    return HeldOut(~(cold | validation | warm), validation, cold, warm, validation_items, cold_items)


def part_of(matrix: csr_array, entries: NDArray[np.bool_]) -> csr_array:
    """Return the matrix with some of its entries, bool (nnz,); its shape stays."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[entries]
    starts = np.searchsorted(rows, np.arange(matrix.shape[0] + 1))
    return csr_array((matrix.data[entries], matrix.indices[entries], starts), shape=matrix.shape)


def _in_turn(counts: NDArray[np.int64], share: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Return a share of the items with events, one of every 1 / share neighbours by popularity."""
    used = np.flatnonzero(counts)
    by_count = used[np.argsort(-counts[used], kind="stable")]
    n_chosen = round(share * len(by_count))
    groups = np.array_split(by_count, n_chosen) if n_chosen else []
    return np.sort(np.array([random.choice(group) for group in groups], np.int64))


def _one_a_user(
    user_items: csr_array, allowed: NDArray[np.bool_], random: np.random.Generator
) -> NDArray[np.bool_]:
    """Return one of the allowed events of every user that has more than `LEAST_LEFT` of them."""
    chosen = np.zeros(user_items.nnz, bool)
    for start, end in zip(user_items.indptr[:-1], user_items.indptr[1:], strict=True):
        own = start + np.flatnonzero(allowed[start:end])
        if len(own) > LEAST_LEFT:
            chosen[random.choice(own)] = True
    return chosen
