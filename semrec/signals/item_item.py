"""The `item_item` signal: items that are used together, by an item-item linear model.

    score(i) = Σ_h w_h · B[h, i]

(EASE; Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019). An item keeps its column
of B as a sparse vector, so a history is a sparse query and no user is stored anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from semrec.signals.fitting import Fitted, NewItems, Parameters, ScoreHistories, TrainingData, Trial
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

_OTHER_TEXTS = "other_texts"
"""Parameter: the encoder has changed since the fit."""

DEFAULT_REG = 200.0
REGS = (10.0, 50.0, 200.0, 500.0)
"""λ to try."""


def columns_of(keys: Keys) -> np.ndarray:
    """Return the index that stands for each item inside sparse vectors: the low 32 bits of its key."""
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)


def clashing(keys: Keys) -> Keys:
    """Return the items whose index another item before them has; they cannot stand inside sparse vectors.

    One pair in a catalog of 100,000, about a hundred in one of a million.
    """
    _, first = np.unique(columns_of(keys), return_index=True)
    return np.delete(keys, first)


@dataclass(frozen=True, kw_only=True)
class ItemItemQuery(SignalQuery):
    """The weights of one history.

    Parameters
    ----------
    columns : uint32 (n_history,), the indices that stand for its items.
    weights : float32 (n_history,).
    """

    columns: np.ndarray
    weights: Float1D

    def terms(self, items: Items, scores: Float1D) -> Float2D:
        """Return w_h·B[h, i] of stored items, float32 (n, n_history)."""
        return weights_from(items.sparse_rows(ITEM_ITEM), self.columns) * self.weights


class ItemItemSignal(Signal):
    """The signal on one catalog.

    Parameters
    ----------
    left_out : keys that do not stand inside the sparse vectors, see `clashing`.
    sample : a fixed sample of the catalog; None where only `score_catalog` is used.
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

    def __init__(self, left_out: Keys, sample: Items | None = None) -> None:
        self._left_out = left_out
        if sample is not None:
            self._sample_keys = sample.keys
            self._vocabulary, self._sample = _by_column(sample.sparse_rows(ITEM_ITEM))

    @classmethod
    def open(cls, context: SignalContext) -> ItemItemSignal:
        """Open the signal on a catalog."""
        return cls(np.asarray(context.parameters["left_out"], np.uint64), context.sample)

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part for the history, where given."""
        if not len(question.history):
            return []
        columns = columns_of(question.history)
        # An item without events stands in no sparse vector; it may share its index with one that does.
        events = events_of(question.vectors(POPULARITY)[:, 0])
        counts = ~np.isin(question.history, self._left_out) & (events > 0)
        weights = np.where(counts, question.weights, 0).astype(np.float32)
        query = SparseVector(columns[counts], weights[counts])
        part = ItemItemQuery(
            ITEM_ITEM,
            "history",
            *standard(self._sample_terms(columns) * weights, self._sample_keys, question.history),
            searches=(Search(ITEM_ITEM, query, question.limit),) if counts.any() else (),
            requests=(ScoreQuery(ITEM_ITEM, query),) if counts.any() else (),
            fields=(ITEM_ITEM,),
            columns=columns,
            weights=weights,
        )
        return [part]

    def score_catalog(self, catalog: Catalog, histories: Histories, rows: slice) -> Float2D:
        """Score items of a catalog for many histories, float32 (n, n_rows)."""
        return _scores(catalog.item_columns(ITEM_ITEM, rows), histories.weights)

    def _sample_terms(self, columns: np.ndarray) -> Float2D:
        """Return B[h, i] for the items of the sample, float32 (n_sample, n_history)."""
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
    def tune(cls, trial: Trial) -> Mapping[str, Any]:
        """Choose λ and the half life of events first, then by what weights are kept."""
        from semrec.signals.models import ease

        models = {}

        def trained() -> Iterator[tuple[float, ScoreHistories]]:
            for reg in REGS:
                models[reg] = ease.train_each(trial.data.root_weighted, reg, tuple(ease.WORTHS))
                yield reg, partial(_scores, models[reg][ease.FIRST_WORTH])

        reg = trial.choose_half_life(trained())
        if reg is None:
            return {}
        by_worth = {worth: trial.ndcg(partial(_scores, model)) for worth, model in models[reg].items()}
        return {"reg": reg, "kept_by": max(by_worth, key=lambda worth: by_worth[worth])}

    @classmethod
    def fit(cls, data: TrainingData, options: Mapping[str, Any], seed: int) -> Fitted:
        """Train the weights, and predict those of items without events from their text."""
        from semrec.mathematics.rows import centre
        from semrec.signals.models import ease, near_items, text_map

        reg, kept_by = options.get("reg", DEFAULT_REG), options.get("kept_by", ease.FIRST_WORTH)
        trained = ease.train(data.root_weighted, reg, kept_by)
        text = centre(data.text_vectors, text_map.mean_vector(data.text_vectors))
        columns = near_items.predict_columns(text, trained, data.events)
        left_out = clashing(data.keys) if data.keys is not None else np.empty(0, np.uint64)
        fields = (VectorField(ITEM_ITEM, "sparse", max_entries=MAX_ENTRIES),)
        return Fitted(fields, {ITEM_ITEM: columns}, {"left_out": left_out})


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


def _scores(columns: csc_array, histories: csr_array) -> Float2D:
    """Return Σ_h w_h·B[h, i], float32 (n, n_columns)."""
    scores: Float2D = (histories @ columns).toarray().astype(np.float32, copy=False)
    return scores


def _sparse_vectors(weights: csc_array, keys: Keys, left_out: Keys) -> Iterator[SparseVector]:
    """Yield the column of every item with the indices that stand for items."""
    columns = columns_of(keys)
    stands = ~np.isin(keys, left_out)
    for start, end in zip(weights.indptr[:-1], weights.indptr[1:], strict=True):
        others, values = weights.indices[start:end], weights.data[start:end]
        chosen = np.flatnonzero(stands[others])[:MAX_ENTRIES]
        yield SparseVector(columns[others[chosen]], values[chosen].astype(np.float32))


def _predicted(new: NewItems, near: Items, known: NDArray[np.bool_], left_out: Keys) -> list[SparseVector]:
    """Return the sparse vectors of new items: those of near items with events, by how near these are."""
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
        SparseVector(vocabulary[found.indices[start:end]], found.data[start:end].astype(np.float32))
        for start, end in zip(found.indptr[:-1], found.indptr[1:], strict=True)
    ]


def _by_column(rows: SparseRows) -> tuple[np.ndarray, csc_array]:
    """Return the indices that occur, ascending, and a matrix (n_items, n_indices) of the values."""
    from scipy.sparse import csc_array

    item, entry = np.nonzero(rows.values)
    vocabulary, column = np.unique(rows.indices[item, entry], return_inverse=True)
    shape = (len(rows.values), len(vocabulary))
    return vocabulary, csc_array((rows.values[item, entry], (item, column)), shape=shape)
