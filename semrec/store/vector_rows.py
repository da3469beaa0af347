"""Vectors of one field as rows of a `RowFile`, and comparing such rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from semrec.mathematics.rows import unit_rows
from semrec.store.protocol import SparseRows, VectorField
from semrec.store.sparse_rows import pack_sparse, unpack_sparse
from semrec.types import Float2D

_ROUNDING = 1e-5
"""Most by which a number of a row may differ from that of the shard."""


def rows_of(field: VectorField, vectors: Sequence[Any]) -> Float2D:
    """Return vectors of one field as the rows of its `RowFile`."""
    if field.kind == "sparse":
        return pack_sparse(vectors, field.max_entries)
    matrix = np.asarray(vectors, dtype=np.float32).reshape(-1, field.dimension)
    return unit_rows(matrix) if field.distance == "cosine" else matrix


def are_same(field: VectorField, some: Float2D, others: Float2D) -> np.ndarray:
    """Return which rows of two `RowFile` matrices hold the same vector, bool (n,)."""
    if field.kind == "sparse":
        some, others = _in_order(unpack_sparse(some)), _in_order(unpack_sparse(others))
    return np.asarray(np.isclose(some, others, rtol=0, atol=_ROUNDING).all(axis=1))


def _in_order(rows: SparseRows) -> np.ndarray:
    """Return indices and values of sparse vectors as float64, by rising index."""
    order = np.lexsort((rows.values, rows.indices), axis=-1)
    sides = [np.take_along_axis(side, order, axis=1) for side in (rows.indices, rows.values)]
    return np.concatenate(sides, axis=1, dtype=np.float64)
