"""Which items are trained together: batches of different items, planned before the training.

A batch holds whole histories, or items with their partners, so that a few hundred texts have thousands of
comparisons that teach something. Users are drawn alike, whatever the number of their events, and a part of
each batch is drawn from all items alike: else popular items would be in every batch.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

RANDOM_SHARE = 0.1
"""Share of a batch that is drawn from all items with events."""

MOST_OF_A_HISTORY = 32
"""Items of one history in a batch."""

PARTNERS = 6
"""Partners of an item in its batch, drawn by their weight."""

HARD_NEGATIVES = 1
"""Items near by text, and never used together with it, that come with an item."""


def history_batches(
    user_items: csr_array, n_batches: int, n_items: int, seed: int
) -> list[NDArray[np.int64]]:
    """Return batches of the items of random users, and of random items.

    Parameters
    ----------
    user_items : (n_users, n_items); what is stored has been used.
    n_batches : number of batches.
    n_items : items of a batch; fewer if fewer have events.
    seed : of the random choices.
    """
    random = np.random.default_rng(seed)
    users = np.flatnonzero(np.diff(user_items.indptr) >= 2)
    live = np.unique(user_items.indices)
    n_items = min(n_items, len(live))

    def histories() -> Iterable[NDArray[np.int64]]:
        yield random.choice(live, max(1, round(RANDOM_SHARE * n_items)), replace=False)
        while True:
            user = random.choice(users)
            own = user_items.indices[user_items.indptr[user] : user_items.indptr[user + 1]]
            yield (
                own if len(own) <= MOST_OF_A_HISTORY else random.choice(own, MOST_OF_A_HISTORY, replace=False)
            )

    within = np.unique(user_items[users].indices)
    n_items = min(n_items, len(within))
    return [_filled(histories(), n_items) for _ in range(n_batches)]


def pair_batches(
    together: csr_array,
    hard: csr_array,
    n_events: NDArray[np.integer],
    n_batches: int,
    n_items: int,
    seed: int,
) -> list[NDArray[np.int64]]:
    """Return batches of items with partners and hard negatives.

    Parameters
    ----------
    together, hard : see `semrec.finetuning.pairs`.
    n_events : int (n_items,); an item is drawn by the root of its number of events.
    n_batches, n_items, seed : see `history_batches`.
    """
    random = np.random.default_rng(seed)
    anchors = np.flatnonzero(np.diff(together.indptr))
    chances = np.sqrt(np.asarray(n_events, np.float64)[anchors])
    chances /= chances.sum()

    def groups() -> Iterable[NDArray[np.int64]]:
        while True:
            anchor = random.choice(anchors, p=chances)
            partners = _drawn(together, anchor, PARTNERS, random)
            yield np.concatenate([[anchor], partners, _drawn(hard, anchor, HARD_NEGATIVES, random)])

    n_items = min(n_items, len(anchors))
    return [_filled(groups(), n_items) for _ in range(n_batches)]


def _filled(groups: Iterable[NDArray[np.int64]], n_items: int) -> NDArray[np.int64]:
    """Return the first `n_items` different items of groups, int64, ascending."""
    found: dict[int, None] = {}
    for group in groups:
        found.update(dict.fromkeys(group.tolist()))
        if len(found) >= n_items:
            break
    return np.sort(np.array(list(found)[:n_items], np.int64))


def _drawn(weights: csr_array, row: int, most: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return different columns of a row, drawn by their weight."""
    own = slice(weights.indptr[row], weights.indptr[row + 1])
    columns, values = weights.indices[own], weights.data[own].astype(np.float64)
    if not len(columns):
        return np.empty(0, np.int64)
    return random.choice(columns, min(most, len(columns)), replace=False, p=values / values.sum())
