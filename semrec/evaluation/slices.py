"""Slices of an evaluation: users by the length of their history, items by their number of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semrec.evaluation.splits import Split

TEMPERATURE = {"cold": 0, "warm": 4, "hot": 20}
"""Cold: at most 3 training events; warm: 4 to 19; hot: 20 or more. For users and for items."""
HISTORY_LENGTHS = {"1": 1, "2": 2, "3": 3, "4–7": 4, "8–15": 8, "16–31": 16, "32–63": 32, "64+": 64}
ITEM_POPULARITY = {"0": 0, "1–3": 1, "4–9": 4, "10–29": 10, "30–99": 30, "100+": 100}
MIN_SLICE_USERS = 5
"""Slices with fewer users are left out: their means are too uncertain."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the test users, and the items that count as positives.

    Parameters
    ----------
    group, name : for instance "history length" and "4–7".
    users : bool (n_test_users,).
    items : bool (n_items,); None: all.
    """

    group: str
    name: str
    users: NDArray[np.bool_]
    items: NDArray[np.bool_] | None = None


def slices(split: Split, test_users: NDArray[np.int64]) -> Iterator[Slice]:
    """Yield the slice of all users, then every slice with enough users.

    Parameters
    ----------
    split : what is measured.
    test_users : int64 (n,), rows of the split.
    """
    everyone = np.ones(len(test_users), dtype=bool)
    lengths = np.diff(split.train.indptr)[test_users]
    yield Slice("all", "all", everyone)
    for group, starts in (("users", TEMPERATURE), ("history length", HISTORY_LENGTHS)):
        for name, users in bins(lengths, starts).items():
            if users.sum() >= MIN_SLICE_USERS:
                yield Slice(group, name, users)
    for group, starts in (("items", TEMPERATURE), ("item popularity", ITEM_POPULARITY)):
        for name, items in bins(split.popularity, starts).items():
            users = split.test[test_users] @ items > 0
            if users.sum() >= MIN_SLICE_USERS:
                yield Slice(group, name, users, items)


def bins(counts: NDArray[np.integer], starts: Mapping[str, int]) -> dict[str, NDArray[np.bool_]]:
    """Return which counts are in which bin.

    Parameters
    ----------
    counts : int (n,), events of each user or item.
    starts : name -> smallest count of the bin, ascending; a bin ends where the next one starts.

    Returns
    -------
    name -> bool (n,), in the order of `starts`; every count from the first start on is in one bin.
    """
    edges = [*starts.values(), np.iinfo(np.int64).max]
    return {
        name: (counts >= low) & (counts < high)
        for name, low, high in zip(starts, edges[:-1], edges[1:], strict=True)
    }
