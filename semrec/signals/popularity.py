"""The `popularity` signal: what many used, whoever asks.

It is the reason that is left when little is known of a user, and it says how much evidence an item has.
"""

from __future__ import annotations

import numpy as np

from semrec.signals.signal import Question, Signal, SignalQuery
from semrec.signals.standard import standard
from semrec.store.protocol import Index, Search, VectorField
from semrec.types import Float1D, Float2D, Keys

POPULARITY = "popularity"
POPULARITY_FIELDS = (VectorField(POPULARITY, "dense", 1, "dot"),)


def item_vectors(events: Float1D) -> Float2D:
    """Return what is stored of items with so many events each: log(1 + n), float32 (n_items, 1)."""
    return np.log1p(events)[:, None].astype(np.float32)


class PopularitySignal(Signal):
    """The signal on one generation."""

    name = POPULARITY

    def __init__(self, index: Index, sample: Keys) -> None:
        self._index = index
        self._sample_keys = sample
        self._sample = index.vectors(POPULARITY, sample)

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part, unless a text says what is wanted."""
        if question.text is not None:
            return []
        searches = (Search(POPULARITY, np.ones(1, np.float32), question.limit),)

        def terms(keys: Keys) -> Float2D:
            return self._index.vectors(POPULARITY, keys)

        scale = standard(self._sample, self._sample_keys, question.history)
        return [SignalQuery(POPULARITY, "catalog", searches, terms, *scale)]

    def evidence(self, keys: Keys) -> Float1D:
        """Return how many events each item has, float32 (n,)."""
        return np.rint(np.expm1(self._index.vectors(POPULARITY, keys)[:, 0]))
