"""The items with the largest numbers, for searches by a field of one number, popularity for instance.

A graph of single numbers is of no use, so the engine would compare every item. The items with the largest
numbers are the answer if enough of them meet the conditions; without conditions no search is needed at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import qdrant_edge as qe

from semrec.store.protocol import Hits, Search
from semrec.types import Float1D, Keys

N_LEADERS = 2048
"""Number of leaders of a field."""


@dataclass(frozen=True, slots=True)
class Leaders:
    """The items with the largest numbers in a field of one number, largest first.

    Parameters
    ----------
    keys : uint64 (n,).
    numbers : float32 (n,).
    condition : the engine's filter for the leaders.
    n_items : number of items that have a number in this field.
    """

    keys: Keys
    numbers: Float1D
    condition: qe.HasIdCondition
    n_items: int

    def hits(self, search: Search) -> Hits | None:
        """Return the answer to a search for the largest numbers; None if the engine must search."""
        if search.where:
            return None
        free = np.arange(len(self.keys))
        if search.exclude is not None and len(search.exclude):
            free = np.flatnonzero(~np.isin(self.keys, search.exclude))
        if len(free) < search.limit and len(self.keys) < self.n_items:
            return None
        best = free[: max(search.limit, 0)]
        factor = np.asarray(search.query, np.float32)[0]
        return Hits(self.keys[best], self.numbers[best] * factor)


def leaders_of(keys: Keys, numbers: Float1D) -> Leaders:
    """Return the leaders of an index.

    Parameters
    ----------
    keys : uint64 (n,), ascending: all items that have a number in this field.
    numbers : float32 (n,).
    """
    largest = np.argsort(-numbers, kind="stable")[:N_LEADERS]
    condition = qe.HasIdCondition(set(keys[largest].tolist()))
    return Leaders(keys[largest], numbers[largest], condition, len(keys))
