"""The layout of an item in Qdrant, and the checks before anything is written.

Both engines write the same payload: `item_id`, `title`, `passages`, `content_hash`, and the fields of
the item under `metadata`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from semrec.errors import ItemRefusedError, StoreError, shown
from semrec.store.item_limits import storing_fault
from semrec.store.point_checksums import OF_RECORD, record_checksum
from semrec.store.protocol import Point, Record, SparseVector, Vector, VectorField
from semrec.types import Float1D, Value

Fields: TypeAlias = Mapping[str, VectorField]
"""The named vectors of an index, by name."""

_LARGEST_INDEX = 2**32 - 1


def check_points(points: Iterable[Point], fields: Fields) -> None:
    """Refuse points that an engine would refuse, store wrongly or store as NaN.

    Raises
    ------
    ItemRefusedError
        A point is refused; the message names the item and the reason.
    """
    for point in points:
        record = point.record
        try:
            if fault := storing_fault(record.item_id, (record.title, *record.passages), record.metadata):
                raise StoreError(fault)
            for name, vector in point.vectors.items():
                field = _field(name, fields)
                _check_vector(field, vector)
                _check_room(field, vector)
        except StoreError as error:
            raise ItemRefusedError(f"item {shown(record.item_id)} was not stored: {error}") from None


def check_query(name: str, query: Float1D | SparseVector, fields: Fields) -> VectorField:
    """Return the field of a query vector, or refuse the query.

    Raises
    ------
    StoreError
        There is no such field, or the query does not fit it.
    """
    field = _field(name, fields)
    if field.kind == "multi":
        if not field.searched:
            raise StoreError(f"vector {name!r} can be read but not searched")
        _check_vector(replace(field, kind="dense"), query)
    else:
        _check_vector(field, query)
    return field


def as_query(query: Float1D | SparseVector, field: VectorField) -> Vector:
    """Return a query as a server takes it for this field: one row for a field of several rows."""
    return query[None] if field.kind == "multi" and isinstance(query, np.ndarray) else query


def _field(name: str, fields: Fields) -> VectorField:
    if name not in fields:
        raise StoreError(f"there is no vector {name!r} in this index; it has {', '.join(fields)}")
    return fields[name]


def _check_vector(field: VectorField, vector: Vector) -> None:
    if field.kind == "sparse":
        _check_sparse(field, vector)
        return
    if isinstance(vector, SparseVector):
        raise StoreError(f"vector {field.name!r} is {field.kind}, not sparse")
    n_axes = 1 if field.kind == "dense" else 2
    if vector.ndim != n_axes or vector.shape[-1] != field.dimension:
        raise StoreError(
            f"vector {field.name!r} has shape {vector.shape}, the index holds {field.dimension} dimensions"
        )
    _check_finite(field.name, vector)


def _check_sparse(field: VectorField, vector: Vector) -> None:
    name = field.name
    if not isinstance(vector, SparseVector):
        raise StoreError(f"vector {name!r} is sparse, not dense")
    if len(vector.indices) != len(vector.values):
        raise StoreError(f"vector {name!r} has {len(vector.indices)} indices, {len(vector.values)} values")
    if len(np.unique(vector.indices)) != len(vector.indices):
        raise StoreError(f"vector {name!r} has an index twice")
    if len(vector.indices) and not 0 <= vector.indices.min() <= vector.indices.max() <= _LARGEST_INDEX:
        raise StoreError(f"vector {name!r} has an index beyond 32 bits")
    _check_finite(name, vector.values)


def _check_room(field: VectorField, vector: Vector) -> None:
    """Refuse an item's vector with too many entries; a query may have more, because a history may be long."""
    n_entries = len(vector.indices) if isinstance(vector, SparseVector) else 0
    if field.max_entries and n_entries > field.max_entries:
        raise StoreError(
            f"vector {field.name!r} has {n_entries} entries; there is room for {field.max_entries}"
        )


def _check_finite(name: str, values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise StoreError(f"vector {name!r} holds NaN or infinity")


def to_payload(record: Record) -> dict[str, Any]:
    """Return the payload of a point, with a checksum; `to_record` reads it back."""
    payload = {
        "item_id": record.item_id,
        "title": record.title,
        "passages": list(record.passages),
        "content_hash": record.content_hash,
        "metadata": {
            _stored_name(name): list(value) if isinstance(value, tuple) else value
            for name, value in record.metadata.items()
        },
    }
    return {**payload, OF_RECORD: record_checksum(payload)}


def to_record(payload: Mapping[str, Any]) -> Record:
    """Return the record of a payload written by `to_payload`."""
    return Record(
        item_id=payload["item_id"],
        title=payload["title"],
        passages=tuple(payload["passages"]),
        content_hash=payload["content_hash"],
        metadata={_name(stored): to_value(value) for stored, value in payload["metadata"].items()},
    )


def to_value(stored: Any) -> Value:
    """Return the value of a metadata field as it was given."""
    return tuple(stored) if isinstance(stored, list) else stored


def metadata_value(payload: Mapping[str, Any], name: str) -> Value | None:
    """Return one metadata field of a payload, which may be cut to this field; None when it has none."""
    return to_value((payload.get("metadata") or {}).get(_stored_name(name)))


def field_path(name: str) -> str:
    """Return the JSON path of a metadata field in Qdrant; any name works."""
    return f'metadata."{_stored_name(name)}"'


_ESCAPES = (("%", "%25"), ('"', "%22"), ("\\", "%5C"))
"""Characters that a quoted name in Qdrant's JSON path cannot hold, and how they are stored."""


def _stored_name(name: str) -> str:
    """Return the name of a field as it is stored, so that any name works in a JSON path."""
    for character, escape in _ESCAPES:
        name = name.replace(character, escape)
    return name


@lru_cache(maxsize=1024)  # a catalog has few names, and all its items share them
def _name(stored: str) -> str:
    for character, escape in reversed(_ESCAPES):
        stored = stored.replace(escape, character)
    return stored


def read_sparse(raw: Any) -> SparseVector:
    """Return an engine's sparse vector (None: empty) with ascending indices."""
    if raw is None:
        return SparseVector(np.empty(0, np.uint32), np.empty(0, np.float32))
    indices = np.asarray(raw.indices, dtype=np.uint32)
    order = np.argsort(indices)
    return SparseVector(indices[order], np.asarray(raw.values, dtype=np.float32)[order])


def read_vector(field: VectorField, raw: Any) -> Vector:
    """Return an engine's vector as numpy; None is an empty sparse or multi-vector."""
    if field.kind == "sparse":
        return read_sparse(raw)
    if field.kind == "multi":
        return np.asarray([] if raw is None else raw, dtype=np.float32).reshape(-1, field.dimension)
    return np.asarray(raw, dtype=np.float32)


def stored(vectors: Mapping[str, Vector]) -> Iterator[tuple[str, Vector]]:
    """Yield the vectors of an item that are written: those that are not empty.

    Qdrant refuses an empty multi-vector. And its engines differ on whether an item with an empty sparse
    vector counts for IDF; an item without the vector never does.
    """
    for name, vector in vectors.items():
        if len(vector.indices if isinstance(vector, SparseVector) else vector):
            yield name, vector


def by_name(fields: Sequence[VectorField]) -> dict[str, VectorField]:
    """Return the fields by name."""
    return {field.name: field for field in fields}
