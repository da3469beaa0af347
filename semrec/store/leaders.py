"""The items with the largest numbers, for searches by a field of one number, popularity for instance.

One number has no graph to search by: the engine would look at every item. The items with the largest numbers
are the answer whenever enough of them meet the conditions; without conditions the engine is not even asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import qdrant_edge as qe

from semrec.store.protocol import Hits, Search
from semrec.types import Float1D, Keys

N_LEADERS = 2048
"""How many there are."""


@dataclass(frozen=True, slots=True)
class Leaders:
    """The items with the largest numbers in a field of one number, largest first.

    Parameters
    ----------
    keys : uint64 (n,).
    numbers : float32 (n,).
    condition : that an item is one of them, as the engine wants it.
    n_items : items of the index that have a number at all.
    """

    keys: Keys
    numbers: Float1D
    condition: qe.HasIdCondition
    n_items: int

    def hits(self, search: Search) -> Hits | None:
        """Return the answer to a search for the largest numbers; None when the engine has to look."""
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
    keys : uint64 (n,), ascending, all items that have a number.
    numbers : float32 (n,).
    """
    largest = np.argsort(-numbers, kind="stable")[:N_LEADERS]
    condition = qe.HasIdCondition(set(keys[largest].tolist()))
    return Leaders(keys[largest], numbers[largest], condition, len(keys))
