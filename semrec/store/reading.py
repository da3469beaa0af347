"""Reading points, the same for every engine, on top of two methods of the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from semrec.store.fetched_items import FetchedItems, RawPoint
from semrec.store.point_checksums import point_faults
from semrec.store.points import Fields, field_path, metadata_value, read_vector, to_record
from semrec.store.protocol import PASSAGES, Items, Point, Record, SparseRows, SparseVector
from semrec.store.text_values import MOST_TEXTS, TextValueCache, TextValues
from semrec.types import Condition, Float2D, Keys, Value

LARGE_PAGE = 5000
"""Items in one request for scores, for vectors or for one metadata field: about 10 MB."""
PAGE = 1000
"""Items in one request for records or passages."""
_PAGE_KEYS = 20_000


class PointReader(ABC):
    """The reading methods of an `Index`.

    Parameters
    ----------
    fields : the named vectors of every point.
    keep_s : seconds after which the texts of a field are read again, because another process can write.
    """

    def __init__(self, fields: Fields, *, keep_s: float = float("inf")) -> None:
        self._fields = fields
        self._texts = TextValueCache(self._read_texts, keep_s)

    @abstractmethod
    def _retrieve(self, ids: list[int], payload: bool | list[str], vectors: list[str]) -> Sequence[RawPoint]:
        """Return the points that exist, in any order; a list names the parts of the payload that are read."""

    @abstractmethod
    def _page(
        self, start: int, limit: int, payload: bool, vectors: list[str]
    ) -> tuple[Sequence[RawPoint], int | None]:
        """Return up to `limit` points from key `start` on, ascending, and the next key (None: no more)."""

    @abstractmethod
    def _facet(self, field: str, limit: int) -> Mapping[str, int] | None:
        """Return texts of a metadata field with their numbers of items; None if it has no index."""

    @abstractmethod
    def count(self, where: Sequence[Condition] = ()) -> int:
        """Return the number of items that meet all conditions."""

    def require_writable(self) -> None:  # noqa: B027 - an index can be written unless it says otherwise
        """Raise `StoreError` if the index cannot be changed."""

    def contains(self, keys: Keys) -> np.ndarray:
        """Return bool (n,): which keys the index holds."""
        found = self._points(keys)
        return np.fromiter((key in found for key in keys.tolist()), dtype=bool, count=len(keys))

    def fetch(self, keys: Keys, vectors: Sequence[str] = (), *, records: bool = False) -> Items:
        """Return what the index holds of some items, in one request; keys that are not there are left out."""
        found = self._points(keys, payload=records, vectors=vectors)
        points = [found[key] for key in keys.tolist() if key in found]
        return FetchedItems(self._fields, points, vectors, records)

    def metadata_values(self, field: str, keys: Keys) -> list[Value | None]:
        """Return one metadata field of every item, in one request; None where it has none or is not there."""
        found = self._points(keys, payload=[field_path(field)])
        return [
            metadata_value(found[key].payload or {}, field) if key in found else None for key in keys.tolist()
        ]

    def text_values(self, field: str) -> TextValues:
        """Return the different texts of a metadata field, with the number of items of each."""
        return self._texts.of(field)

    def _read_texts(self, field: str) -> Mapping[str, int]:
        """Return the texts of a field from its index; without one, from the items, unless they are many."""
        found = self._facet(field, MOST_TEXTS + 1)
        if found is not None:
            return found
        counts: Counter[str] = Counter()
        for value in self.metadata_values(field, self.sample(MOST_TEXTS)):
            values = value if isinstance(value, tuple) else (value,)
            counts.update(text for text in values if isinstance(text, str))
        return counts

    def vectors(self, vector_name: str, keys: Keys) -> Float2D:
        """Return dense vectors, float32 (n, dim). Raises KeyError for a key that is not there."""
        return self._all_of(keys, vector_name).vectors(vector_name)

    def sparse_vectors(self, vector_name: str, keys: Keys) -> list[SparseVector]:
        """Return sparse vectors (empty where an item has none). Raises KeyError for an unknown key."""
        return self._all_of(keys, vector_name).sparse_vectors(vector_name)

    def sparse_rows(self, vector_name: str, keys: Keys) -> SparseRows:
        """Return the sparse vectors of a field with `max_entries` as two arrays, filled up with zeros."""
        return self._all_of(keys, vector_name).sparse_rows(vector_name)

    def passage_vectors(self, keys: Keys) -> list[Float2D]:
        """Return the multi-vector `passages` of every item, each float32 (n_passages, dim)."""
        return self._all_of(keys, PASSAGES).passage_vectors(range(len(keys)))

    def records(self, keys: Keys) -> list[Record]:
        """Return the records. Raises KeyError for a key that is not there."""
        found = self._points(keys, payload=True)
        return [to_record(found[key].payload) for key in keys.tolist()]

    def points(self, keys: Keys) -> list[Point]:
        """Return points with all vectors. Raises KeyError for a key that is not there."""
        found = self._points(keys, payload=True, vectors=list(self._fields))
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

    def point_faults(self) -> Iterator[tuple[Record, list[str]]]:
        """Yield every record, with what is wrong with its point by its checksums; all points are read."""
        start: int | None = 0
        while start is not None:
            points, start = self._page(start, PAGE, payload=True, vectors=list(self._fields))
            for raw in points:
                point = self._point(raw)
                yield point.record, list(point_faults(int(raw.id), raw.payload, point))

    def _all_of(self, keys: Keys, vector_name: str) -> FetchedItems:
        """Return these items with one named vector. Raises KeyError for a key that is not there."""
        found = self._points(keys, vectors=[vector_name])
        return FetchedItems(
            self._fields, [found[key] for key in keys.tolist()], vectors=[vector_name], records=False
        )

    def _points(
        self, keys: Keys, payload: bool | list[str] = False, vectors: Sequence[str] = ()
    ) -> Mapping[int, RawPoint]:
        """Return the points that exist by key, read in pages so that no single answer grows large."""
        ids = list(dict.fromkeys(keys.tolist()))
        page = PAGE if payload is True or PASSAGES in vectors else LARGE_PAGE
        return {
            point.id: point
            for start in range(0, len(ids), page)
            for point in self._retrieve(ids[start : start + page], payload, list(vectors))
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
