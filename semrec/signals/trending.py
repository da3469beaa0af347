"""The `trending` signal: what many have used lately, for users without a history.

It is popularity with a half-life: an event counts half after some days, which `fit` learns from the log. It
stands beside popularity of all time; filters make it "rising in ..." a part of the catalog. A log without a
clock, or one where a half-life does not help new users, has no such signal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from semrec.signals.fitting import Fitted, NewItems, Parameters, TrainingData
from semrec.signals.models.recent_counts import (
    TIMES_POPULARITY,
    TimedEvents,
    best_half_life,
    recent_counts,
)
from semrec.signals.signal import Question, Signal, SignalContext, SignalQuery
from semrec.signals.standard import LinearStandard
from semrec.store.protocol import Items, ScoreQuery, Search, VectorField
from semrec.types import Float1D, Float2D

if TYPE_CHECKING:
    from semrec.signals.catalog_matrix import Catalog, Histories

TRENDING = "trending"

HALF_LIFE_DAYS = "half_life_days"

_DIRECTION = np.ones((1, 1), np.float32)


class TrendingSignal(Signal):
    """The signal on one catalog."""

    name = TRENDING
    label = "trending"
    source = "events"
    is_fitted = True
    sentence = "Many have used this lately."
    fallback = "trending"
    impersonal = True
    default_weight = TIMES_POPULARITY
    learns_weight = False
    scores_new_items = False
    sample_fields = (TRENDING,)

    def __init__(self, sample: Items | None = None) -> None:
        if sample is not None:
            self._standard = LinearStandard(sample.keys, sample.vectors(TRENDING))

    @classmethod
    def open(cls, context: SignalContext) -> TrendingSignal:
        """Open the signal on a catalog."""
        return cls(context.sample)

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part; none for a text or a history."""
        if question.text is not None or np.any(question.weights):
            return []
        part = SignalQuery(
            TRENDING,
            "catalog",
            *self._standard.of(_DIRECTION, question.history),
            searches=(Search(TRENDING, _DIRECTION[0], question.limit),),
            requests=(ScoreQuery(TRENDING, _DIRECTION[0]),),
        )
        return [part]

    def score_catalog(self, catalog: Catalog, histories: Histories, rows: slice) -> Float2D:
        """Score items of a catalog for empty histories, float32 (n, n_rows); NaN for other histories."""
        scores = catalog.dense(TRENDING)[rows, 0]
        return np.where(histories.known[:, None], np.float32(np.nan), scores)

    @classmethod
    def fit(cls, data: TrainingData, options: Mapping[str, Any], seed: int) -> Fitted | None:
        """Choose the half-life, and count the events of every item; None where a half-life does not help."""
        events = TimedEvents.of(data)
        half_life = options.get(HALF_LIFE_DAYS) or best_half_life(events)
        if half_life is None or not len(events.users):
            return None
        stored = np.log1p(recent_counts(events, half_life))[:, None].astype(np.float32)
        fields = (VectorField(TRENDING, "dense", 1, "dot"),)
        return Fitted(fields, {TRENDING: stored}, {HALF_LIFE_DAYS: half_life})

    @classmethod
    def new_item_vectors(cls, parameters: Parameters, items: NewItems) -> Mapping[str, Sequence[Float1D]]:
        """Return 0 for items that came after the fit: no event of theirs is known."""
        return {TRENDING: [np.zeros(1, np.float32)] * len(items.text_vectors)}
