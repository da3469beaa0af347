"""Reading points back: the same for every engine, on top of two calls of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from semrec.store.points import Fields, pack_sparse, read_sparse, read_vector, to_record, unpack_sparse
from semrec.store.protocol import Point, Record, SparseRows, SparseVector
from semrec.types import Float2D, Keys

_PAGE_ITEMS = 1000
_PAGE_KEYS = 20_000


class RawPoint(Protocol):
    """A point as both engines hand it out."""

    @property
    def id(self) -> Any:
        """The key, an int."""

    @property
    def payload(self) -> Any:
        """A dictionary, or None when it was not asked for."""

    @property
    def vector(self) -> Any:
        """Vectors by name, or None when they were not asked for."""


class PointReader(ABC):
    """What an `Index` says about given keys, and its walks over all keys."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    @abstractmethod
    def _retrieve(self, ids: list[int], payload: bool, vectors: list[str]) -> Sequence[RawPoint]:
        """Return the points that exist, in any order."""

    @abstractmethod
    def _page(
        self, start: int, limit: int, payload: bool, vectors: list[str]
    ) -> tuple[Sequence[RawPoint], int | None]:
        """Return up to `limit` points from key `start` on, ascending, and the next key (None: no more)."""

    def contains(self, keys: Keys) -> np.ndarray:
        """Return bool (n,): which keys the index holds."""
        found = self._fetch(keys)
        return np.fromiter((key in found for key in keys.tolist()), dtype=bool, count=len(keys))

    def vectors(self, vector_name: str, keys: Keys) -> Float2D:
        """Return dense vectors, float32 (n, dim). Raises KeyError for a key that is not there."""
        raw = self._named(vector_name, keys)
        for key, vector in zip(keys.tolist(), raw, strict=True):
            if vector is None:
                raise KeyError(key)
        return np.asarray(raw, dtype=np.float32).reshape(-1, self._fields[vector_name].dimension)

    def sparse_vectors(self, vector_name: str, keys: Keys) -> list[SparseVector]:
        """Return sparse vectors (empty where an item has none)."""
        return [read_sparse(raw) for raw in self._named(vector_name, keys)]

    def sparse_rows(self, vector_name: str, keys: Keys) -> SparseRows:
        """Return the sparse vectors of a field with `most` entries as two arrays, filled up with zeros."""
        packed = pack_sparse(self.sparse_vectors(vector_name, keys), self._fields[vector_name].most)
        return unpack_sparse(packed)

    def passage_vectors(self, keys: Keys) -> list[Float2D]:
        """Return the multi-vector `passages` of every item, each float32 (n_passages, dim)."""
        dimension = self._fields["passages"].dimension
        return [
            np.asarray(raw or [], dtype=np.float32).reshape(-1, dimension)
            for raw in self._named("passages", keys)
        ]

    def records(self, keys: Keys) -> list[Record]:
        """Return the records. Raises KeyError for a key that is not there."""
        found = self._fetch(keys, payload=True)
        return [to_record(found[key].payload) for key in keys.tolist()]

    def points(self, keys: Keys) -> list[Point]:
        """Return points with all vectors. Raises KeyError for a key that is not there."""
        found = self._fetch(keys, payload=True, vectors=list(self._fields))
        return [self._point(found[key]) for key in keys.tolist()]

    def sample(self, n_items: int) -> Keys:
        """Return the `n_items` smallest keys, ascending: a fixed random sample of the catalog."""
        pages = [np.empty(0, np.uint64)]
        start: int | None = 0
        while start is not None and n_items > 0:
            points, start = self._page(start, min(n_items, _PAGE_KEYS), payload=False, vectors=[])
            pages.append(np.array([point.id for point in points], dtype=np.uint64))
            n_items -= len(points)
        return np.concatenate(pages)

    def scan(self, batch_items: int = 1000) -> Iterator[list[Point]]:
        """Yield all points with all vectors, in order of keys."""
        start: int | None = 0
        while start is not None:
            points, start = self._page(start, batch_items, payload=True, vectors=list(self._fields))
            if points:
                yield [self._point(point) for point in points]

    def _named(self, vector_name: str, keys: Keys) -> list[Any]:
        """Return one named vector of every key as the engine gives it, None where an item has none."""
        found = self._fetch(keys, vectors=[vector_name])
        return [(found[key].vector or {}).get(vector_name) for key in keys.tolist()]

    def _fetch(
        self, keys: Keys, payload: bool = False, vectors: Sequence[str] = ()
    ) -> Mapping[int, RawPoint]:
        """Return the points that exist by key, asked for in pages so that no single answer grows large."""
        ids = keys.tolist()
        return {
            point.id: point
            for start in range(0, len(ids), _PAGE_ITEMS)
            for point in self._retrieve(ids[start : start + _PAGE_ITEMS], payload, list(vectors))
        }

    def _point(self, raw: RawPoint) -> Point:
        stored = raw.vector or {}
        return Point(
            to_record(raw.payload),
            {
                name: read_vector(field, stored.get(name))
                for name, field in self._fields.items()
                # A dense vector may be missing; an empty array would not be a vector.
                if field.kind != "dense" or name in stored
            },
        )
