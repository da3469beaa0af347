"""The `neighbours` signal: items that go with those of the history, by an item-item linear model.

    score(i) = Σ_h w_h · B[h, i]

(EASE; Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019). An item keeps its column
of B as a sparse vector, so a history is a sparse query and no user is stored anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from semrec.signals.signal import Question, Signal, SignalQuery
from semrec.signals.standard import standard
from semrec.store.protocol import Index, Search, SparseRows, SparseVector, VectorField
from semrec.store.sparse_rows import entries_at
from semrec.types import Float1D, Float2D, Keys

if TYPE_CHECKING:
    from scipy.sparse import csc_array

NEIGHBOURS = "neighbours"
MOST_NEIGHBOURS = 200
NEIGHBOURS_FIELDS = (VectorField(NEIGHBOURS, "sparse", most=MOST_NEIGHBOURS),)


def columns_of(keys: Keys) -> np.ndarray:
    """Return the index that stands for each item inside sparse vectors: the low 32 bits of its key."""
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)


def clashing(keys: Keys) -> Keys:
    """Return the items whose index another item before them has; they cannot stand inside sparse vectors.

    One pair in a catalog of 100,000, about a hundred in one of a million.
    """
    _, first = np.unique(columns_of(keys), return_index=True)
    return np.delete(keys, first)


class NeighboursSignal(Signal):
    """The signal on one generation.

    Parameters
    ----------
    index : the generation.
    sample : keys of the items by which scores are standardised.
    left_out : keys that do not stand inside the sparse vectors, see `clashing`.
    evidence : returns the number of events of each item. One without any stands in no sparse vector; an item
        that came after the fit may share its index with one that does. None: all were learned from.
    """

    name = NEIGHBOURS

    def __init__(
        self,
        index: Index,
        sample: Keys,
        left_out: Keys,
        evidence: Callable[[Keys], Float1D] | None = None,
    ) -> None:
        self._index = index
        self._evidence = evidence
        self._left_out = left_out
        self._sample_keys = sample
        self._vocabulary, self._sample = _by_column(index.sparse_rows(NEIGHBOURS, sample))

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part for the history, where given."""
        if not len(question.history):
            return []
        columns = columns_of(question.history)
        counts = ~np.isin(question.history, self._left_out)
        if self._evidence:
            counts &= self._evidence(question.history) > 0
        weights = np.where(counts, question.weights, 0).astype(np.float32)
        query = SparseVector(columns[counts], weights[counts])

        def terms(keys: Keys) -> Float2D:
            return weights_from(self._index.sparse_rows(NEIGHBOURS, keys), columns) * weights

        searches = (Search(NEIGHBOURS, query, question.limit),) if counts.any() else ()
        scale = standard(self._sample_terms(columns) * weights, self._sample_keys, question.history)
        return [SignalQuery(NEIGHBOURS, "history", searches, terms, *scale)]

    def _sample_terms(self, columns: np.ndarray) -> Float2D:
        """Return B[h, i] for the items of the sample, float32 (n_sample, n_history)."""
        found = np.zeros((self._sample.shape[0], len(columns)), np.float32)
        if len(self._vocabulary):
            places = np.minimum(np.searchsorted(self._vocabulary, columns), len(self._vocabulary) - 1)
            there = self._vocabulary[places] == columns
            found[:, there] = self._sample[:, places[there]].toarray()
        return found


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


def _by_column(rows: SparseRows) -> tuple[np.ndarray, csc_array]:
    """Return the indices that occur, ascending, and a matrix (n_items, n_indices) of the values."""
    from scipy.sparse import csc_array  # here, because an index without events does without it

    item, entry = np.nonzero(rows.values)
    vocabulary, column = np.unique(rows.indices[item, entry], return_inverse=True)
    shape = (len(rows.values), len(vocabulary))
    return vocabulary, csc_array((rows.values[item, entry], (item, column)), shape=shape)
