"""What a signal is: one reason why an item can match.

A signal turns a question (a text, a history, or both) into scored questions to the index. Its score of
an item is always a *sum of terms*, one per reason (an item of the history, or the text): whoever asks
for the score and whoever asks why look at the same numbers, so attribution is exact by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from semrec.store.protocol import Index, Search, VectorField
from semrec.types import Float1D, Float2D, Keys


@dataclass(frozen=True, slots=True)
class Question:
    """What a signal gets to see of a query.

    Parameters
    ----------
    text : the query text, or None.
    text_vector : float32 (dim,), unit length, the encoded text; None without a text.
    history : keys of the history, known ones only; empty without a history.
    weights : float32 (n_history,), how much each counts; below 0 it counts against.
    interests : int (n_history,), the interest each item belongs to, 0 …; -1 for items that count against.
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
    origin : what the terms stand for: the items of the `history` (term h is item h), or the `text` (one term).
    searches : find candidates; filters are added by the caller.
    terms : keys (n,) -> float32 (n, n_terms); the signal's score of an item is the sum over its terms.
    scale : the standard deviation of the score, where the catalog sample cannot tell; else None.
    """

    signal: str
    origin: Literal["history", "text"]
    searches: tuple[Search, ...]
    terms: Callable[[Keys], Float2D]
    scale: float | None = None


class Signal(Protocol):
    """One reason why an item can match."""

    name: str

    def fields(self) -> Sequence[VectorField]:
        """Return the named vectors that the signal keeps of every item."""

    def ask(self, question: Question, index: Index) -> list[SignalQuery]:
        """Return the signal's parts of the query; empty when it has nothing to say."""
