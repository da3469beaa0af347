"""The `item_item` signal: items that are used together or taken next, by an item-item linear model.

    score(i) = Σ_h w_h · decay^age_h · L[h, i]    items with events
    score(i) = Σ_h w_h · B[h, i]                  items without events

L is the link that `fit` chose, see `semrec.signals.models.links`; its decay is 1 unless it is what is taken
next. B is what is used together, predicted from near items. An item keeps its column of L or B as a sparse
vector, so a history is one sparse query and no user is stored anywhere. Each item of a history has two
indices in that query: vectors of items with events hold the one, vectors of items without events the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from semrec.signals.fitting import Fitted, NewItems, Parameters, TrainingData, Trial
from semrec.signals.popularity import POPULARITY, events_of
from semrec.signals.signal import Question, Signal, SignalContext, SignalQuery
from semrec.signals.standard import standard
from semrec.store.protocol import TEXT, Items, ScoreQuery, Search, SparseRows, SparseVector, VectorField
from semrec.store.sparse_rows import entries_at
from semrec.types import Float1D, Float2D, Keys

if TYPE_CHECKING:
    from scipy.sparse import csc_array, csr_array

    from semrec.signals.catalog_matrix import Catalog, Histories

ITEM_ITEM = "item_item"
MAX_ENTRIES = 200
"""Weights that an item keeps."""

USED_TOGETHER, TAKEN_NEXT = "used together with", "taken next after"
"""What a recommended item is to one of the history."""

_OTHER_TEXTS = "other_texts"
"""Parameter: the encoder has changed since the fit."""


def columns_of(keys: Keys) -> np.ndarray:
    """Return the index that stands for each item inside vectors of items with events, uint32 (n,).

    It is the low 32 bits of the key.
    """
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)


def cold_columns_of(keys: Keys) -> np.ndarray:
    """Return the index that stands for each item inside vectors of items without events, uint32 (n,)."""
    return ~columns_of(keys)


def clashing(keys: Keys) -> Keys:
    """Return the items of which an index is one of an item before them: they stand inside no vector.

    Two pairs in a catalog of 100,000, about two hundred in one of a million.
    """
    _, first = np.unique(np.minimum(columns_of(keys), cold_columns_of(keys)), return_index=True)
    return np.delete(keys, first)


@dataclass(frozen=True, kw_only=True)
class ItemItemQuery(SignalQuery):
    """What one history asks.

    Parameters
    ----------
    asked : the indices that stand for its items and what each counts: first in vectors of items with events,
        then the same items in vectors of items without events.
    places : int64 (n_asked / 2,), the items of the history that these are.
    n_history : items of the history.
    relation : what items with events are to those of the history.
    """

    asked: SparseVector
    places: np.ndarray
    n_history: int
    relation: str

    def terms(self, items: Items, scores: Float1D) -> Float2D:
        """Return what each item of the history adds to stored items, float32 (n, n_history)."""
        found = weights_from(items.sparse_rows(ITEM_ITEM), self.asked.indices)
        return _by_item(found, self.asked.values, self.places, self.n_history)

    def relations(self, items: Items) -> Sequence[str]:
        """Return the relation of the link, and of what is used together for items without events."""
        rows = items.sparse_rows(ITEM_ITEM)
        cold = self.asked.indices[len(self.places) :]
        is_cold = np.any(weights_from(rows, cold) != 0, axis=1)
        return [USED_TOGETHER if one else self.relation for one in is_cold.tolist()]


class ItemItemSignal(Signal):
    """The signal on one catalog.

    Parameters
    ----------
    left_out : keys that do not stand inside the sparse vectors, see `clashing`.
    sample : a fixed sample of the catalog; None where only `score_catalog` is used.
    decay : what an item of a history counts for each newer one, for items with events.
    """

    name = ITEM_ITEM
    label = "used together"
    source = "events"
    is_fitted = True
    because = "People who use {items} also use this."
    warm_prior = 0.5
    cold_prior = 0.45
    history_fields = (POPULARITY,)
    sample_fields = (ITEM_ITEM,)
    tunes_half_life = True

    def __init__(self, left_out: Keys, sample: Items | None = None, decay: float = 1.0) -> None:
        self._left_out = left_out
        self._decay = decay
        if sample is not None:
            self._sample_keys = sample.keys
            self._vocabulary, self._sample = _by_column(sample.sparse_rows(ITEM_ITEM))

    @classmethod
    def open(cls, context: SignalContext) -> ItemItemSignal:
        """Open the signal on a catalog."""
        left_out = np.asarray(context.parameters["left_out"], np.uint64)
        return cls(left_out, context.sample, float(np.asarray(context.parameters.get("decay", 1.0))))

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part for the history, where given."""
        if not len(question.history):
            return []
        n_history = len(question.history)
        # An item without events stands in no sparse vector; it may share its index with one that does.
        events = events_of(question.vectors(POPULARITY)[:, 0])
        places = np.flatnonzero(~np.isin(question.history, self._left_out) & (events > 0))
        keys = question.history[places]
        indices = np.concatenate([columns_of(keys), cold_columns_of(keys)])
        weights = np.concatenate([question.decayed(self._decay)[places], question.weights[places]])
        query = SparseVector(indices, weights.astype(np.float32))
        terms = _by_item(self._of_sample(indices), query.values, places, n_history)
        part = ItemItemQuery(
            ITEM_ITEM,
            "history",
            *standard(terms, self._sample_keys, question.history),
            searches=(Search(ITEM_ITEM, query, question.limit),) if len(places) else (),
            requests=(ScoreQuery(ITEM_ITEM, query),) if len(places) else (),
            fields=(ITEM_ITEM,),
            asked=query,
            places=places,
            n_history=n_history,
            relation=USED_TOGETHER if self._decay == 1 else TAKEN_NEXT,
        )
        return [part]

    def score_catalog(self, catalog: Catalog, histories: Histories, rows: slice) -> Float2D:
        """Score items of a catalog for many histories, float32 (n, n_rows)."""
        asked = histories.prepared(ITEM_ITEM, lambda: both_ways(histories, self._decay))
        scores: Float2D = (asked @ catalog.item_columns(ITEM_ITEM, rows)).toarray()
        return scores.astype(np.float32, copy=False)

    def _of_sample(self, columns: np.ndarray) -> Float2D:
        """Return the entries of the sample at these indices, float32 (n_sample, n_columns)."""
        found = np.zeros((self._sample.shape[0], len(columns)), np.float32)
        if len(self._vocabulary):
            places = np.minimum(np.searchsorted(self._vocabulary, columns), len(self._vocabulary) - 1)
            there = self._vocabulary[places] == columns
            found[:, there] = self._sample[:, places[there]].toarray()
        return found

    # -- what is stored ----------------------------------------------------------------------------------

    @classmethod
    def item_columns(cls, parameters: Parameters) -> Mapping[str, Keys]:
        """Return the field of the weights, with the keys that do not stand in it."""
        return {ITEM_ITEM: np.asarray(parameters["left_out"], np.uint64)}

    @classmethod
    def point_vectors(cls, fitted: Fitted, keys: Keys) -> Mapping[str, Sequence[SparseVector]]:
        """Return the sparse vectors of the items."""
        left_out = np.asarray(fitted.parameters["left_out"], np.uint64)
        return {ITEM_ITEM: list(_sparse_vectors(fitted.vectors[ITEM_ITEM], keys, left_out))}

    @classmethod
    def near_fields(cls, parameters: Parameters) -> tuple[str, ...]:
        """Return the fields by which weights of new items are predicted."""
        return () if parameters.get(_OTHER_TEXTS) else (POPULARITY, ITEM_ITEM)

    @classmethod
    def without_text(cls, parameters: Parameters) -> tuple[Parameters, str]:
        """Return the parameters for texts that cannot be compared with those of the items at hand."""
        return {**parameters, _OTHER_TEXTS: True}, ""

    @classmethod
    def new_item_vectors(
        cls, parameters: Parameters, items: NewItems
    ) -> Mapping[str, Sequence[SparseVector]]:
        """Return the weights predicted from the items whose text is nearest, as for items without events."""
        near = items.near
        if near is None:
            return {}
        known = events_of(near.vectors(POPULARITY)[:, 0]) > 0
        if not known.any():
            return {}
        left_out = np.asarray(parameters["left_out"], np.uint64)
        return {ITEM_ITEM: _predicted(items, near, known, left_out)}

    # -- learning ----------------------------------------------------------------------------------------

    @classmethod
    def alternatives(cls, trial: Trial) -> Mapping[str, Mapping[str, Any]]:
        """Return the best options of each link, by what it finds alone."""
        from semrec.signals.models.links import tune_links

        return tune_links(trial)

    @classmethod
    def fit(cls, data: TrainingData, options: Mapping[str, Any], seed: int) -> Fitted:
        """Train the weights, and predict those of items without events from their text."""
        from semrec.signals.models.links import LinkOptions, stacked, train_link

        link = train_link(data, LinkOptions(**options))
        left_out = clashing(data.keys) if data.keys is not None else np.empty(0, np.uint64)
        fields = (VectorField(ITEM_ITEM, "sparse", max_entries=MAX_ENTRIES),)
        return Fitted(fields, {ITEM_ITEM: stacked(link, data)}, {"left_out": left_out, "decay": link.decay})


def both_ways(histories: Histories, decay: float) -> csr_array:
    """Return what histories ask of items with events and of items without, float32 (n, 2·n_items)."""
    from scipy.sparse import csr_array, hstack

    return csr_array(hstack([histories.decayed(decay), histories.weights], format="csr"))


def _by_item(found: Float2D, weights: Float1D, places: np.ndarray, n_history: int) -> Float2D:
    """Return the terms of a history out of entries for its items in both kinds of vectors.

    Parameters
    ----------
    found : float32 (n, 2·n_places), entries.
    weights : float32 (2·n_places,), what each counts.
    places : int64 (n_places,), which items of the history they are.

    Returns
    -------
    float32 (n, n_history).
    """
    terms = np.zeros((len(found), n_history), np.float32)
    counted = found * weights
    terms[:, places] = counted[:, : len(places)] + counted[:, len(places) :]
    return terms


def weights_from(rows: SparseRows, columns: np.ndarray) -> Float2D:
    """Return the entries of sparse vectors at given indices.

    Parameters
    ----------
    rows : of n items.
    columns : uint32 (m,), each once.

    Returns
    -------
    float32 (n, m), 0 where a vector has no such entry.
    """
    found = np.zeros((len(rows.values), len(columns)), np.float32)
    items, places, values = entries_at(rows, columns)
    found[items, places] = values
    return found


def _sparse_vectors(weights: csc_array, keys: Keys, left_out: Keys) -> Iterator[SparseVector]:
    """Yield the column of every item with the indices that stand for items.

    Parameters
    ----------
    weights : float32 (2·n_items, n_items), see `semrec.signals.models.links.stacked`.
    """
    columns = np.concatenate([columns_of(keys), cold_columns_of(keys)])
    stands = np.tile(~np.isin(keys, left_out), 2)
    for start, end in zip(weights.indptr[:-1], weights.indptr[1:], strict=True):
        others, values = weights.indices[start:end], weights.data[start:end]
        chosen = np.flatnonzero(stands[others])[:MAX_ENTRIES]
        yield SparseVector(columns[others[chosen]], values[chosen].astype(np.float32))


def _predicted(new: NewItems, near: Items, known: NDArray[np.bool_], left_out: Keys) -> list[SparseVector]:
    """Return the sparse vectors of new items: those of near items with events, by how near these are.

    Indices of the vectors of items with events become those of items without events.
    """
    from scipy.sparse import csc_array

    from semrec.mathematics.rows import centre
    from semrec.signals.models.near_items import largest, shares, with_themselves

    n_new = len(new.text_vectors)
    texts = centre(np.concatenate([new.text_vectors, near.vectors(TEXT)]), new.text_mean)
    weights = shares(texts, np.arange(n_new), n_new + np.flatnonzero(known))[:, n_new:]
    rows, own = near.sparse_rows(ITEM_ITEM), columns_of(near.keys)
    vocabulary = np.unique(np.concatenate([rows.indices[rows.values != 0], own]))
    item, entry = np.nonzero(rows.values)
    shape = (len(vocabulary), len(own))
    places = np.searchsorted(vocabulary, rows.indices[item, entry])
    columns = csc_array((rows.values[item, entry], (places, item)), shape=shape)
    stands = np.flatnonzero(~np.isin(near.keys, left_out))
    ones = np.ones(len(stands), np.float32)
    themselves = csc_array((ones, (np.searchsorted(vocabulary, own[stands]), stands)), shape=shape)
    found = largest((with_themselves(columns, themselves) @ weights.T).tocsc(), MAX_ENTRIES)
    return [
        SparseVector(~vocabulary[found.indices[start:end]], found.data[start:end].astype(np.float32))
        for start, end in zip(found.indptr[:-1], found.indptr[1:], strict=True)
    ]


def _by_column(rows: SparseRows) -> tuple[np.ndarray, csc_array]:
    """Return the indices that occur, ascending, and a matrix (n_items, n_indices) of the values."""
    from scipy.sparse import csc_array

    item, entry = np.nonzero(rows.values)
    vocabulary, column = np.unique(rows.indices[item, entry], return_inverse=True)
    shape = (len(rows.values), len(vocabulary))
    return vocabulary, csc_array((rows.values[item, entry], (item, column)), shape=shape)
