"""The blend: signals on one scale, weighted and added up.

    score(i) = Σ_s w_s · (f_s(q, i) - mean_s(q)) / std_s(q)

Every f_s is a sum of terms, one per reason, so the score is a sum of contributions: each term minus its
own mean over the catalog, divided by the signal's standard deviation, times the signal's weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from semrec.types import Float1D, Float2D

Origin = Literal["history", "text", "catalog"]
"""What the terms of a signal stand for: the items of the history, the text, or neither (popularity)."""


@dataclass(frozen=True, slots=True)
class BlendWeights:
    """Weight of every signal by length of the history and by evidence of the candidate.

    Parameters
    ----------
    signals : names.
    history_edges : lengths at which a new row of the table begins, ascending, the first is 0.
    evidence_edges : numbers of events of an item at which a new column begins, ascending, the first is 0.
    table : weights of 0 or more, [row][column][signal].
    """

    signals: tuple[str, ...]
    history_edges: tuple[int, ...]
    evidence_edges: tuple[int, ...]
    table: tuple[tuple[tuple[float, ...], ...], ...]

    def of(self, n_history: int, evidence: Float1D) -> Float2D:
        """Return the weights for candidates with so many events each, float32 (n_candidates, n_signals)."""
        row = np.searchsorted(self.history_edges, n_history, side="right") - 1
        columns = np.searchsorted(self.evidence_edges, evidence, side="right") - 1
        return np.array(self.table[row], np.float32)[columns]

    def heard(self, n_history: int) -> dict[str, bool]:
        """Return of each signal whether any candidate has a weight above 0."""
        row = np.searchsorted(self.history_edges, n_history, side="right") - 1
        return dict(zip(self.signals, np.any(self.table[row], axis=0).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Part:
    """The terms of one signal for a set of candidates.

    Parameters
    ----------
    signal : name of the signal.
    origin : what the terms stand for.
    terms : float32 (n_candidates, n_terms).
    offsets : float32 (n_terms,), mean of each term over the catalog.
    scale : standard deviation of the sum of the terms over the catalog, greater than 0.
    """

    signal: str
    origin: Origin
    terms: Float2D
    offsets: Float1D
    scale: float


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each reason of one signal adds to the scores: float32 (n_candidates, n_terms)."""

    signal: str
    origin: Origin
    values: Float2D


def contributions(parts: Sequence[Part], weights: Mapping[str, float | Float1D]) -> list[Contributions]:
    """Return what every reason adds to the score of every candidate, in units of the score.

    Parameters
    ----------
    parts : the signals' terms.
    weights : weight of each signal, 0 or more, for all candidates or float32 (n_candidates,); signals that
        are not named or have weight 0 everywhere are left out.
    """
    return [
        Contributions(
            part.signal,
            part.origin,
            (part.terms - part.offsets)
            * (np.asarray(weight, np.float32) / np.float32(part.scale))[..., None],
        )
        for part in parts
        if np.any(weight := weights.get(part.signal, 0.0))
    ]


def balance(parts: Sequence[Contributions]) -> list[Contributions]:
    """Let history and text count the same where a query has both: "like these, but about X".

    More signals speak of the text than of the history, or the other way round; so the history's contributions
    are scaled until its best candidate scores as much by it as the text's best candidate does by the text.

    Returns
    -------
    The parts as they are when the query has only one origin, or when one of the two says nothing.
    """
    if {"text", "history"} - {part.origin for part in parts}:
        return list(parts)
    best_by_text, best_by_history = (_best(parts, origin) for origin in ("text", "history"))
    if min(best_by_text, best_by_history) <= 0:
        return list(parts)
    factor = np.float32(best_by_text / best_by_history)
    return [
        replace(part, values=part.values * factor) if part.origin == "history" else part for part in parts
    ]


def _best(parts: Sequence[Contributions], origin: str) -> float:
    """Return the highest score that the parts of one origin give, 0 without candidates."""
    sums = [part.values.sum(axis=1) for part in parts if part.origin == origin]
    return float(np.sum(sums, axis=0).max(initial=0.0))


def blended_scores(parts: Sequence[Contributions], n_candidates: int) -> Float1D:
    """Return the sum of all contributions, float32 (n_candidates,)."""
    scores = np.zeros(n_candidates, np.float32)
    for part in parts:
        scores += part.values.sum(axis=1)
    return scores


def best_first(scores: Float1D, tie_break: np.ndarray) -> np.ndarray:
    """Return positions by falling score; equal scores by rising `tie_break`."""
    return np.lexsort((tie_break, -scores))
