"""Checksums of points, kept in their payload: of the record and, in the embedded store, of the vectors.

Edge keeps vectors of unit length bit by bit. So a vector that is compared by cosine is scaled before it is
stored, and what is read later has the same checksum.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from semrec.mathematics.rows import unit_rows
from semrec.store.protocol import Point, SparseVector, Vector, VectorField
from semrec.types import item_keys

OF_RECORD, OF_VECTORS = "record_checksum", "vectors_checksum"
_NEARLY_UNIT = 2.5e-7
"""Edge scales vectors whose squared length differs from 1 by more than 1e-6; rounding stays below this."""


def record_checksum(payload: Mapping[str, Any]) -> int:
    """Return CRC-32 of the record in a payload; numbers with a fraction count to 12 digits."""
    metadata = {
        name: f"{value:.12g}" if isinstance(value, float) else value
        for name, value in sorted(payload["metadata"].items())
    }
    parts = [payload[name] for name in ("item_id", "title", "passages", "content_hash")]
    return zlib.crc32(json.dumps([*parts, metadata]).encode())


def vectors_checksum(vectors: Mapping[str, Vector]) -> int:
    """Return CRC-32 of the vectors of a point; empty vectors do not count, because they are not stored."""
    checksum = 0
    for name, vector in sorted(vectors.items()):
        is_sparse = isinstance(vector, SparseVector)
        parts = _sorted(vector) if is_sparse else (np.ascontiguousarray(vector, "<f4"),)
        if len(parts[0]):
            checksum = zlib.crc32(name.encode(), checksum)
            for part in parts:
                checksum = zlib.crc32(part.tobytes(), checksum)
    return checksum


def as_stored(field: VectorField, vector: Vector) -> Vector:
    """Return a vector as the engine keeps it: of unit length if it is compared by cosine."""
    if field.kind == "sparse" or field.distance != "cosine" or isinstance(vector, SparseVector):
        return vector
    rows = np.asarray(vector, np.float32).reshape(-1, field.dimension)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return vector if (np.abs(lengths - 1) < _NEARLY_UNIT).all() else unit_rows(rows).reshape(vector.shape)


def point_faults(key: int, payload: Mapping[str, Any], point: Point) -> Iterator[str]:
    """Yield what is wrong with a point that was read; older points without checksums are not compared.

    Parameters
    ----------
    key : its key in the engine.
    payload : its payload.
    point : the point that was read.
    """
    item_id = point.record.item_id
    if key != item_keys([item_id])[0]:
        yield f"item {item_id!r} is stored under the key of another item"
    if payload.get(OF_RECORD, known := record_checksum(payload)) != known:
        yield f"the record of item {item_id!r} has changed since it was written"
    if payload.get(OF_VECTORS, known := vectors_checksum(point.vectors)) != known:
        yield f"the vectors of item {item_id!r} have changed since they were written"


def _sorted(vector: Any) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(vector.indices)
    return np.asarray(vector.indices, "<u4")[order], np.asarray(vector.values, "<f4")[order]
