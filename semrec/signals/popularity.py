"""The `popularity` signal: items that many users used. Every asker gets the same scores.

It is the only reason for users without a history, and it gives the number of events of an item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from semrec.signals.fitting import Fitted, NewItems, Parameters, TrainingData
from semrec.signals.signal import Question, Signal, SignalContext, SignalQuery
from semrec.signals.standard import LinearStandard
from semrec.store.protocol import Items, ScoreQuery, Search, VectorField
from semrec.types import Float1D, Float2D

if TYPE_CHECKING:
    from semrec.signals.catalog_matrix import Catalog, Histories

POPULARITY = "popularity"

NEW_ITEM = -1
"""Number of events of an item that came after the fit: it is not known, which is not the same as none."""

_NEW_STORED = np.array([-1.0], np.float32)
"""What is stored of such an item; `events_of` makes it `NEW_ITEM`."""

_DIRECTION = np.ones((1, 1), np.float32)


def stored_popularity(events: Float1D) -> Float2D:
    """Return what is stored of items with so many events each: log(1 + n), float32 (n_items, 1)."""
    return np.log1p(events)[:, None].astype(np.float32)


def events_of(stored: Float1D) -> Float1D:
    """Return the number of events of items by what is stored of them, float32 (n,); see `NEW_ITEM`."""
    return np.rint(np.expm1(stored))


class PopularitySignal(Signal):
    """The signal on one catalog."""

    name = POPULARITY
    label = "popularity"
    source = "events"
    is_fitted = True
    sentence = "Many use this."
    fallback = "popular"
    impersonal = True
    warm_prior = 0.05
    scores_new_items = False
    history_fields = (POPULARITY,)
    sample_fields = (POPULARITY,)

    evidence_request = ScoreQuery(POPULARITY, _DIRECTION[0])

    def __init__(self, sample: Items | None = None) -> None:
        if sample is not None:
            self._standard = LinearStandard(sample.keys, sample.vectors(POPULARITY))

    @classmethod
    def open(cls, context: SignalContext) -> PopularitySignal:
        """Open the signal on a catalog."""
        return cls(context.sample)

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part; none for a text."""
        if question.text is not None:
            return []
        part = SignalQuery(
            POPULARITY,
            "catalog",
            *self._standard.of(_DIRECTION, question.history),
            searches=(Search(POPULARITY, _DIRECTION[0], question.limit),),
            requests=(self.evidence_request,),
        )
        return [part]

    def score_catalog(self, catalog: Catalog, histories: Histories, rows: slice) -> Float2D:
        """Score items of a catalog for many histories, float32 (n, n_rows)."""
        scores = catalog.dense(POPULARITY)[rows, 0]
        return np.broadcast_to(scores, (len(histories), len(scores)))

    def evidence(self, raw: Float1D) -> Float1D:
        """Return the number of events of items, float32 (n,)."""
        return events_of(raw)

    @classmethod
    def fit(cls, data: TrainingData, options: Mapping[str, Any], seed: int) -> Fitted:
        """Count the events of every item."""
        fields = (VectorField(POPULARITY, "dense", 1, "dot"),)
        return Fitted(fields, {POPULARITY: stored_popularity(data.events)})

    @classmethod
    def new_item_vectors(cls, parameters: Parameters, items: NewItems) -> Mapping[str, Sequence[Float1D]]:
        """Return the popularity of items whose events are not known, see `NEW_ITEM`."""
        return {POPULARITY: [_NEW_STORED] * len(items.text_vectors)}
