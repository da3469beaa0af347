"""Sparse vectors with a bounded number of entries as rows of one length, and scores of such rows.

A row is float32 (2 · max_entries): first the indices, their bits read as floats, then the values. Unused
entries have index 0 and value 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from semrec.store.protocol import SparseRows, SparseVector
from semrec.types import Float1D, Float2D


def pack_sparse(vectors: Sequence[SparseVector], max_entries: int) -> Float2D:
    """Return sparse vectors as rows of one length.

    Parameters
    ----------
    vectors : each of at most `max_entries` entries.
    max_entries : room in a row.

    Returns
    -------
    float32 (n, 2 · max_entries).
    """
    rows = np.zeros((len(vectors), 2 * max_entries), np.float32)
    for row, vector in zip(rows, vectors, strict=True):
        n = len(vector.indices)
        row[:n] = np.asarray(vector.indices, np.uint32).view(np.float32)
        row[max_entries : max_entries + n] = vector.values
    return rows


def unpack_sparse(rows: Float2D) -> SparseRows:
    """Return what `pack_sparse` packed."""
    max_entries = rows.shape[1] // 2
    return SparseRows(np.ascontiguousarray(rows[:, :max_entries]).view(np.uint32), rows[:, max_entries:])


def entries_at(
    rows: SparseRows, indices: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Float1D]:
    """Return the entries of the rows that have one of the given indices.

    Parameters
    ----------
    rows : of n items.
    indices : uint32 (m,), each once.

    Returns
    -------
    items : int64 (n_found,), ascending; the row of each entry.
    places : int64 (n_found,), its position in `indices`.
    values : float32 (n_found,), not 0.
    """
    if not len(indices):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    # Few entries have one of these indices: a table of their low 16 bits rejects most in a tenth of the time.
    has_low_bits = np.zeros(1 << 16, bool)
    has_low_bits[indices.astype(np.uint16)] = True
    items, entries = np.nonzero(has_low_bits[rows.indices.astype(np.uint16)])
    found, values = rows.indices[items, entries], rows.values[items, entries]
    order = np.argsort(indices)
    places = order[np.minimum(np.searchsorted(indices, found, sorter=order), len(indices) - 1)]
    there = (indices[places] == found) & (values != 0)
    return items[there], places[there], values[there]


def sparse_scores(rows: SparseRows, query: SparseVector) -> Float1D:
    """Return the dot product of every row with the query, float32 (n,); 0 without a common index."""
    items, places, values = entries_at(rows, query.indices)
    scores = np.bincount(items, values * query.values[places], minlength=len(rows.values))
    return scores.astype(np.float32)
