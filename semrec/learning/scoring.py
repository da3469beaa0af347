"""What the signals say about the whole catalog, for many histories at once.

The online path scores a few hundred candidates of one query; this module scores everything for many. Both
compute the same: each signal is standardised over the catalog without the items of the history, then the
signals are added up with the weights for the length of the history and the evidence of the item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from semrec.learning.ials import fold_in
from semrec.signals.blend import BlendWeights
from semrec.signals.collaborative import TextMap
from semrec.signals.standard import mean_and_factor
from semrec.signals.text import soft_nearest
from semrec.types import Float1D, Float2D

SIGNALS = ("text", "taste", "neighbours", "popularity")
CHUNK_CELLS = 1 << 22
"""Scores of one signal that are held at once: bounds the memory."""


@dataclass(frozen=True)
class Signals:
    """What is trained, without the weights.

    Parameters
    ----------
    factors : float32 (n_items, rank), as served.
    gram : float32 (rank, rank).
    alpha, reg, nu : of the fold-in.
    neighbours : float32 (n_items, n_items); column i is stored with item i.
    events : float32 (n_items,), number of events of every item.
    half_life_events : events of a history after which one counts half; None: all count alike.
    text_map : tells taste from text.
    """

    factors: Float2D
    gram: Float2D
    alpha: float
    reg: float
    nu: float
    neighbours: sparse.csc_array
    events: Float1D
    half_life_events: float | None
    text_map: TextMap


def sorted_csr(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return the matrix as float32 CSR with sorted columns; the input stays as it is."""
    result = sparse.csr_array(matrix, copy=not matrix.has_sorted_indices)
    result.sort_indices()
    return result


def ages(order: sparse.csr_array) -> NDArray[np.int64]:
    """Return for every event how many events of its row are newer, in the order of `order.data`."""
    rows = np.repeat(np.arange(order.shape[0]), np.diff(order.indptr))
    newest_first = np.lexsort((order.indices, -order.data, rows))
    result = np.empty(order.nnz, np.int64)
    result[newest_first] = np.arange(order.nnz) - np.repeat(order.indptr[:-1], np.diff(order.indptr))
    return result


def with_recency(
    histories: sparse.csr_array, order: sparse.csr_array | None, half_life_events: float | None
) -> sparse.csr_array:
    """Return the confidences times 0.5^(newer events / half life); without one of the two, as they are."""
    if order is None or half_life_events is None:
        return histories
    decay = 0.5 ** (ages(order) / half_life_events)
    data = (histories.data * decay).astype(np.float32)
    return sparse.csr_array((data, histories.indices, histories.indptr), shape=histories.shape)


def raw_signals(
    signals: Signals, text: Float2D, histories: sparse.csr_array, order: sparse.csr_array | None
) -> list[Float2D]:
    """Return the score of every item by every signal, in the order of `SIGNALS`.

    Parameters
    ----------
    text : float32 (n_items, dim), centred unit vectors.
    histories : float32 (n, n_items), confidences, columns sorted.
    order : same pattern, or None.

    Returns
    -------
    Four float32 (n, n_items); that of popularity is a read-only view.
    """
    weighted = with_recency(histories, order, signals.half_life_events)
    users = fold_in(weighted, signals.factors, signals.gram, signals.alpha, signals.reg, signals.nu)
    popularity = np.log1p(signals.events).astype(np.float32)
    return [
        soft_nearest(text, weighted, text),
        users @ signals.factors.T,
        neighbour_scores(signals.neighbours, weighted),
        np.broadcast_to(popularity, histories.shape),
    ]


def neighbour_scores(neighbours: sparse.csc_array, histories: sparse.csr_array) -> Float2D:
    """Return Σ_h w_h·B[h, i], float32 (n, n_items)."""
    result: Float2D = (histories @ neighbours).toarray().astype(np.float32, copy=False)
    return result


def standardise(
    raw: Float2D, histories: sparse.csr_array, sample: NDArray[np.bool_] | None = None
) -> Float2D:
    """Return scores minus their mean, over their standard deviation, a row being one query.

    Mean and deviation are those of the items outside the history. A signal that says the same of every item
    becomes 0.

    Parameters
    ----------
    raw : float32 (n, n_items).
    histories : (n, n_items); stored entries are left out of mean and deviation.
    sample : bool (n_items,), use only those items; None: all.
    """
    counted = np.ones(raw.shape, bool) if sample is None else np.broadcast_to(sample, raw.shape).copy()
    counted[np.repeat(np.arange(len(raw)), np.diff(histories.indptr)), histories.indices] = False
    mean, factor = mean_and_factor(raw, counted)
    centred: Float2D = raw - mean
    centred *= factor
    return centred


def blend_signals(
    standardised: Sequence[Float2D], weights: BlendWeights, lengths: NDArray[np.integer], events: Float1D
) -> Float2D:
    """Add the standardised signals up, with the weights of every query and item.

    Parameters
    ----------
    standardised : one float32 (n, n_items) for each of `weights.signals`.
    lengths : int (n,), events of each history.
    events : float32 (n_items,).
    """
    scores = np.zeros((len(lengths), len(events)), np.float32)
    bucket = np.searchsorted(weights.history_edges, lengths, side="right") - 1
    for one in np.unique(bucket):
        rows = np.flatnonzero(bucket == one)
        by_item = weights.of(weights.history_edges[one], events)
        for signal, values in enumerate(standardised):
            if by_item[:, signal].any():
                scores[rows] += values[rows] * by_item[:, signal]
    return scores


def chunks(n_rows: int, n_items: int) -> Iterator[slice]:
    """Yield slices of rows that bound the memory of `raw_signals`."""
    step = max(1, CHUNK_CELLS // max(1, n_items))
    for first in range(0, n_rows, step):
        yield slice(first, min(first + step, n_rows))
