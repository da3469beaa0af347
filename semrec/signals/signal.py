"""What a signal is: one reason why an item can match.

A signal turns a question (a text, a history, or both) into scored questions to the index. Its score of
an item is always a *sum of terms*, one per reason (an item of the history, or the text): whoever asks
for the score and whoever asks why look at the same numbers, so attribution is exact by construction.

A signal is opened on one generation of the index. What it keeps of every item is named by the module's
`..._FIELDS` or `..._fields`, and made by the module's functions for the indexer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from semrec.store.protocol import Search
from semrec.types import Float1D, Float2D, Keys


@dataclass(frozen=True, slots=True)
class Question:
    """What a signal gets to see of a query.

    Parameters
    ----------
    text : the query text, or None.
    text_vector : float32 (dim,), unit length, the encoded text; None without a text.
    history : uint64 (n_history,), keys of the history, known ones only, each once.
    weights : float32 (n_history,), how much each counts; below 0 it counts against.
    interests : int64 (n_history,), the interest each item belongs to; -1 for items that count against.
    limit : hits wanted from each search.
    """

    text: str | None
    text_vector: Float1D | None
    history: Keys
    weights: Float1D
    interests: np.ndarray
    limit: int


@dataclass(frozen=True, slots=True)
class SignalQuery:
    """One signal's part of a query.

    Parameters
    ----------
    signal : name of the signal.
    origin : what the terms stand for: the items of the `history` (term h is item h), the `text` (one term),
        or the `catalog` (one term that is the same for everybody).
    searches : find candidates; filters are added by the caller.
    terms : keys (n,) -> float32 (n, n_terms); the signal's score of an item is the sum over its terms.
    offsets : float32 (n_terms,), mean of each term over the catalog.
    scale : standard deviation of the score over the catalog, greater than 0.
    """

    signal: str
    origin: Literal["history", "text", "catalog"]
    searches: tuple[Search, ...]
    terms: Callable[[Keys], Float2D]
    offsets: Float1D
    scale: float


class Signal(Protocol):
    """One reason why an item can match."""

    name: str

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return the signal's parts of the query; empty when it has nothing to say."""
