"""The blend: signals on one scale, weighted and added up.

    score(i) = Σ_s w_s · (f_s(q, i) - mean_s(q)) / std_s(q)

Every f_s is a sum of terms, one per reason, so the score is a sum of contributions: each term minus its
own mean over the catalog, divided by the signal's standard deviation, times the signal's weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from semrec.signals.signal import SignalQuery
from semrec.types import Float1D, Float2D

SMALLEST_BEST = 1e-6
"""Text and history are balanced when the best candidate of each scores at least this: below it, float32
cannot hold the factor."""


@dataclass(frozen=True, slots=True)
class BlendWeights:
    """Weight of every signal by length of the history and by evidence of the candidate.

    Parameters
    ----------
    signals : names.
    history_edges : lengths at which a new row of the table begins, ascending, the first is 0.
    evidence_edges : numbers of events of an item at which a new column begins, ascending; fewer events than
        the first are in the first column.
    table : weights of 0 or more, [row][column][signal].
    """

    signals: tuple[str, ...]
    history_edges: tuple[int, ...]
    evidence_edges: tuple[int, ...]
    table: tuple[tuple[tuple[float, ...], ...], ...]

    def of(self, n_history: int, evidence: Float1D) -> Float2D:
        """Return the weights for candidates with so many events each, float32 (n_candidates, n_signals)."""
        columns = np.maximum(np.searchsorted(self.evidence_edges, evidence, side="right") - 1, 0)
        return np.array(self.table[self._row(n_history)], np.float32)[columns]

    def active(self, n_history: int) -> dict[str, bool]:
        """Return of each signal whether any candidate has a weight above 0."""
        row = self.table[self._row(n_history)]
        return dict(zip(self.signals, np.any(row, axis=0).tolist(), strict=True))

    def buckets(self, lengths: NDArray[np.integer]) -> NDArray[np.integer]:
        """Return the row of the table for histories of these lengths, int64 (n,)."""
        return np.searchsorted(self.history_edges, lengths, side="right") - 1

    def _row(self, n_history: int) -> int:
        return int(np.searchsorted(self.history_edges, n_history, side="right")) - 1


@dataclass(frozen=True, slots=True)
class QuestionWeights:
    """The weights of one question: those of the request, over those of `fit`, over those of the settings.

    Parameters
    ----------
    given : weight of each signal where `fit` has learned none.
    learned : what `fit` learned; None before.
    asked : weights that the request asks for.
    n_history : items of the history that count.
    """

    given: Mapping[str, float]
    learned: BlendWeights | None
    asked: Mapping[str, float]
    n_history: int

    def is_active(self, signal: str) -> bool:
        """Tell whether the signal can count for a text or for a history."""
        return bool(self._by_text.get(signal)) or bool(self._by_history().get(signal))

    def counts(self, part: SignalQuery) -> bool:
        """Tell whether this part of the question can count."""
        weights = self._by_text if part.origin == "text" else self._by_history()
        return bool(weights.get(part.signal))

    def of(self, part: SignalQuery, evidence: Float1D) -> Float1D:
        """Return the weight of a part for candidates with so many events each, float32 (n,)."""
        if part.origin == "text":
            return np.full(evidence.shape, self._by_text.get(part.signal, 0.0), np.float32)
        return self.of_history(part.signal, evidence)

    def of_history(self, signal: str, evidence: Float1D) -> Float1D:
        """Return the weight of a signal that does not speak of a text, float32 (n,); see `of`."""
        learned = self.learned
        if signal not in self.asked and learned is not None and signal in learned.signals:
            return learned.of(self.n_history, evidence)[:, learned.signals.index(signal)]
        return np.full(evidence.shape, self._by_text.get(signal, 0.0), np.float32)

    @property
    def _by_text(self) -> dict[str, float]:
        return {**self.given, **self.asked}

    def _by_history(self) -> dict[str, float]:
        learned = self.learned.active(self.n_history) if self.learned else {}
        return {**self.given, **learned, **self.asked}


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """What one part of a question adds to the score of every candidate.

    Parameters
    ----------
    query : the part.
    raw : float32 (n,), the signal's own scores.
    factors : float32 (n,), weight over standard deviation.
    """

    query: SignalQuery
    raw: Float1D
    factors: Float1D

    @property
    def values(self) -> Float1D:
        """What it adds to the score of every candidate, float32 (n,)."""
        values: Float1D = (self.raw - self.query.offsets.sum()) * self.factors
        return np.nan_to_num(values)  # no opinion is the mean

    def at(self, places: NDArray[np.integer]) -> ScoredPart:
        """Return the part for some of the candidates."""
        return ScoredPart(self.query, self.raw[places], self.factors[places])


def scored_part(query: SignalQuery, raw: Float1D, weights: QuestionWeights, evidence: Float1D) -> ScoredPart:
    """Return a part with the weights of its candidates.

    Parameters
    ----------
    query, raw : the part and its scores of the candidates, float32 (n,).
    weights : of the question.
    evidence : float32 (n,), events of the candidates.
    """
    return ScoredPart(query, raw, weights.of(query, evidence) / np.float32(query.scale))


def balance(parts: Sequence[ScoredPart]) -> list[ScoredPart]:
    """Let history and text count the same where a question has both: "like these, but about X".

    More signals speak of the text than of the history, or the other way round; so the history's contributions
    are scaled until its best candidate scores as much by it as the text's best candidate does by the text.

    Returns
    -------
    The parts as they are when the question has only one origin, or when one of the two says nothing.
    """
    if {"text", "history"} - {part.query.origin for part in parts}:
        return list(parts)
    best_by_text, best_by_history = (_best(parts, origin) for origin in ("text", "history"))
    if min(best_by_text, best_by_history) < SMALLEST_BEST:
        return list(parts)
    factor = np.float32(best_by_text / best_by_history)
    return [
        replace(part, factors=part.factors * factor) if part.query.origin == "history" else part
        for part in parts
    ]


def _best(parts: Sequence[ScoredPart], origin: str) -> float:
    """Return the highest score that the parts of one origin give, 0 without candidates."""
    values = [part.values for part in parts if part.query.origin == origin]
    return float(np.sum(values, axis=0).max(initial=0.0))


def blended_scores(parts: Sequence[ScoredPart], n_candidates: int) -> Float1D:
    """Return the sum of what all parts add, float32 (n_candidates,)."""
    scores = np.zeros(n_candidates, np.float32)
    for part in parts:
        scores += part.values
    return scores


def signal_totals(parts: Sequence[ScoredPart]) -> dict[str, Float1D]:
    """Return what every signal adds to the scores, float32 (n_candidates,); its text and history together."""
    totals: dict[str, Float1D] = {}
    for part in parts:
        name = part.query.signal
        totals[name] = totals[name] + part.values if name in totals else part.values
    return totals


def best_first(scores: Float1D, tie_break: np.ndarray) -> np.ndarray:
    """Return positions by falling score; equal scores by rising `tie_break`."""
    return np.lexsort((tie_break, -scores))
