"""The fitted signals in memory: their scores of the whole catalog, and the blend of them.

`Signal.score_catalog` gives the scores, as it does for the recommendations of all users. Each signal is
standardised over the catalog without the items of the history, and the signals are added up with the weights
for the length of the history and the evidence of the item.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from semrec.config import Settings
from semrec.signals import SIGNALS, Signal, SignalContext
from semrec.signals.blend import BlendWeights
from semrec.signals.catalog_matrix import ArrayCatalog, Histories
from semrec.signals.fitting import Fitted, TrainingData
from semrec.signals.models.text_map import mean_vector
from semrec.signals.standard import seen_in, standardised
from semrec.store.protocol import TEXT
from semrec.types import Float1D, Float2D

CHUNK_CELLS = 1 << 22
"""Scores of one signal that are held at once: bounds the memory."""


@dataclass(frozen=True)
class FittedSignals:
    """The signals that the blend weighs, opened on a catalog in memory.

    Parameters
    ----------
    signals : in the order of `SIGNALS`.
    catalog : the vectors of the items.
    events : float32 (n_items,), number of events of every item.
    half_life_events : events of a history after which one counts half; None: all count alike.
    """

    signals: tuple[Signal, ...]
    catalog: ArrayCatalog
    events: Float1D
    half_life_events: float | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the signals."""
        return tuple(signal.name for signal in self.signals)

    def raw(self, histories: sparse.csr_array, order: sparse.csr_array | None) -> list[Float2D]:
        """Return the score of every item by every signal, float32 (n, n_items) each; 0 for no opinion at all.

        Parameters
        ----------
        histories : float32 (n, n_items), confidences, columns sorted.
        order : same pattern, when each event happened; None: not known.
        """
        asked = asked_with(histories, order, self.half_life_events)
        everything = slice(0, len(self.catalog))
        found = [signal.score_catalog(self.catalog, asked, everything) for signal in self.signals]
        nothing = np.zeros(histories.shape, np.float32)
        return [nothing if scores is None else scores for scores in found]

    def standardised(
        self,
        histories: sparse.csr_array,
        order: sparse.csr_array | None,
        sample: NDArray[np.integer] | None = None,
    ) -> list[Float2D]:
        """Return the scores on the scale of each history, float32 (n, n_items) each.

        Parameters
        ----------
        histories, order : see `raw`.
        sample : int (n_sample,), the items by which signals are standardised; None: all.
        """
        counted = slice(None) if sample is None else sample
        seen = seen_in(Histories(histories), len(self.catalog))[:, counted]
        return [
            standardised(np.array(scores, np.float32), scores[:, counted], seen)
            for scores in self.raw(histories, order)
        ]


@dataclass(frozen=True)
class SideBySide:
    """Fitted signals and alternatives to some of them, as if all were signals of one blend."""

    parts: tuple[FittedSignals, ...]

    @property
    def n_signals(self) -> int:
        """How many signals all parts have."""
        return sum(len(part.signals) for part in self.parts)

    @property
    def events(self) -> Float1D:
        """Number of events of every item, float32 (n_items,)."""
        return self.parts[0].events

    def standardised(self, histories: sparse.csr_array, order: sparse.csr_array | None) -> list[Float2D]:
        """Return the scores of all parts, see `FittedSignals.standardised`."""
        return [scores for part in self.parts for scores in part.standardised(histories, order)]


def weighed_signals(vector_names: Sequence[str]) -> list[type[Signal]]:
    """Return the signals for which `fit` learns a weight.

    Parameters
    ----------
    vector_names : stored fields that are at hand; signals that are not fitted and need others are left out.
    """
    return [
        signal
        for signal in SIGNALS
        if signal.learns_weight and (signal.is_fitted or set(signal.sample_fields) <= set(vector_names))
    ]


def fit_signals(
    data: TrainingData,
    options: Mapping[str, Mapping[str, object]],
    half_life_events: float | None,
    settings: Settings,
    seed: int,
    signals: Sequence[type[Signal]] | None = None,
) -> tuple[FittedSignals, dict[str, Fitted]]:
    """Fit signals, and open them.

    Parameters
    ----------
    data : the training part.
    options : of each signal, as `Signal.tune` returned them.
    half_life_events : see `FittedSignals`.
    settings : how texts are pooled.
    seed : of everything random.
    signals : which; None: all that the blend weighs.
    """
    at_hand = {TEXT: data.text_vectors, **data.vectors}
    signals = weighed_signals(tuple(at_hand)) if signals is None else signals
    learned = {signal.name: signal.fit(data, options.get(signal.name, {}), seed) for signal in signals}
    fitted = {name: one for name, one in learned.items() if one is not None}
    vectors = {name: matrix for one in fitted.values() for name, matrix in one.vectors.items()}
    opened = tuple(
        signal.open(
            SignalContext(
                settings=settings,
                text_mean=mean_vector(data.text_vectors),
                n_items=len(data.text_vectors),
                fields={},
                parameters=fitted[signal.name].parameters if signal.name in fitted else {},
            )
        )
        for signal in signals
    )
    catalog = ArrayCatalog({**at_hand, **vectors})
    return FittedSignals(opened, catalog, data.events, half_life_events), fitted


def ages(order: sparse.csr_array) -> NDArray[np.int64]:
    """Return for every event how many events of its row are newer, in the order of `order.data`.

    Events at the same time have the same age.
    """
    rows = np.repeat(np.arange(order.shape[0]), np.diff(order.indptr))
    newest_first = np.lexsort((-order.data, rows))
    when, row = order.data[newest_first], rows[newest_first]
    begins = np.ones(order.nnz, bool)
    begins[1:] = (row[1:] != row[:-1]) | (when[1:] != when[:-1])
    first = np.flatnonzero(begins)[np.cumsum(begins) - 1]
    result = np.empty(order.nnz, np.int64)
    result[newest_first] = first - order.indptr[row]
    return result


def asked_with(
    histories: sparse.csr_array, order: sparse.csr_array | None, half_life_events: float | None
) -> Histories:
    """Return the histories as signals are asked with them.

    The weights are the confidences times 0.5^(newer events / half life); without an order or a half life, the
    confidences as they are.
    """
    if order is None:
        return Histories(histories)
    newer = ages(order)
    if half_life_events is None:
        return Histories(histories, newer)
    return Histories(Histories(histories, newer).decayed(0.5 ** (1 / half_life_events)), newer)


def blend_signals(
    parts: Sequence[Float2D], weights: BlendWeights, lengths: NDArray[np.integer], events: Float1D
) -> Float2D:
    """Add standardised scores up, with the weights of every history and item, float32 (n, n_items).

    Parameters
    ----------
    parts : one float32 (n, n_items) for each of `weights.signals`.
    lengths : int (n,), events of each history.
    events : float32 (n_items,).
    """
    scores = np.zeros((len(lengths), len(events)), np.float32)
    buckets = weights.buckets(lengths)
    for bucket in np.unique(buckets):
        rows = np.flatnonzero(buckets == bucket)
        by_item = weights.of(weights.history_edges[bucket], events)
        for signal, values in enumerate(parts):
            if by_item[:, signal].any():
                scores[rows] += values[rows] * by_item[:, signal]
    return scores


def chunks(n_rows: int, n_items: int) -> Iterator[slice]:
    """Yield slices of rows that bound the memory of `FittedSignals.raw`."""
    step = max(1, CHUNK_CELLS // max(1, n_items))
    for first in range(0, n_rows, step):
        yield slice(first, min(first + step, n_rows))
