"""Items whose points were read in one request, decoded when asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from semrec.errors import StoreError
from semrec.store.points import Fields, read_sparse, read_vector, to_record
from semrec.store.protocol import PASSAGES, Record, SparseRows, SparseVector
from semrec.store.sparse_rows import pack_sparse, unpack_sparse
from semrec.types import Float2D, Keys


class RawPoint(Protocol):
    """A point as both engines return it."""

    @property
    def id(self) -> Any:
        """The key, an int."""

    @property
    def payload(self) -> Any:
        """A dictionary, or None when it was not asked for."""

    @property
    def vector(self) -> Any:
        """Vectors by name, or None when they were not asked for."""


class Fetched:
    """What was asked of a fetch; base of the implementations of `Items`.

    Parameters
    ----------
    keys : uint64 (n,), of the items that exist.
    vectors, records : what may be read.
    """

    def __init__(self, keys: Keys, vectors: Iterable[str], records: bool) -> None:
        self.keys = keys
        self._vectors = frozenset(vectors)
        self._has_records = records

    def _check_vector(self, name: str) -> None:
        if name not in self._vectors:
            fetched = ", ".join(sorted(self._vectors)) or "none"
            raise StoreError(f"vectors {name!r} were not fetched; fetched: {fetched}")

    def _check_records(self) -> None:
        if not self._has_records:
            raise StoreError("records were not fetched")


class FetchedItems(Fetched):
    """`Items` on top of points that were read.

    Parameters
    ----------
    fields : the named vectors of the index.
    points : the points of the items, in order; an item may occur twice.
    vectors, records : what may be read.
    """

    def __init__(
        self, fields: Fields, points: Sequence[RawPoint], vectors: Iterable[str], records: bool
    ) -> None:
        super().__init__(np.array([point.id for point in points], dtype=np.uint64), vectors, records)
        self._fields = fields
        self._points = points

    def vectors(self, vector_name: str) -> Float2D:
        """Return dense vectors, float32 (n, dim). Raises KeyError for an item without one."""
        raw = self._raw(vector_name, self._points)
        for point, vector in zip(self._points, raw, strict=True):
            if vector is None:
                raise KeyError(point.id)
        return np.asarray(raw, dtype=np.float32).reshape(-1, self._fields[vector_name].dimension)

    def sparse_vectors(self, vector_name: str) -> list[SparseVector]:
        """Return sparse vectors (empty where an item has none)."""
        return [read_sparse(raw) for raw in self._raw(vector_name, self._points)]

    def sparse_rows(self, vector_name: str) -> SparseRows:
        """Return the sparse vectors of a field with `max_entries` as two arrays, filled up with zeros."""
        return unpack_sparse(
            pack_sparse(self.sparse_vectors(vector_name), self._fields[vector_name].max_entries)
        )

    def records(self, places: Sequence[int] | None = None) -> list[Record]:
        """Return the records of the items at these places; None: of all."""
        self._check_records()
        points = self._points if places is None else [self._points[place] for place in places]
        return [to_record(point.payload) for point in points]

    def passage_vectors(self, places: Sequence[int]) -> list[Float2D]:
        """Return the multi-vector `passages` of the items at these places, each float32 (n_passages, dim)."""
        field = self._fields[PASSAGES]
        raw = self._raw(PASSAGES, [self._points[place] for place in places])
        return [np.asarray(read_vector(field, vector)) for vector in raw]

    def _raw(self, name: str, points: Sequence[RawPoint]) -> list[Any]:
        """Return one named vector of every point as the engine gives it, None where an item has none."""
        self._check_vector(name)
        return [(point.vector or {}).get(name) for point in points]
