"""Items of an embedded index, read on access."""

from __future__ import annotations

from collections.abc import Sequence

from semrec.store.fetched_items import Fetched
from semrec.store.protocol import PASSAGES, Record, SparseRows, SparseVector
from semrec.store.reading import PointReader
from semrec.types import Float2D, Keys


class EdgeItems(Fetched):
    """`Items` that are read on access: in an embedded store that costs no request."""

    def __init__(self, index: PointReader, keys: Keys, vectors: Sequence[str], records: bool) -> None:
        super().__init__(keys, vectors, records)
        self._index = index

    def vectors(self, vector_name: str) -> Float2D:
        """Return dense vectors, float32 (n, dim). Raises KeyError for an item without one."""
        self._check_vector(vector_name)
        return self._index.vectors(vector_name, self.keys)

    def sparse_vectors(self, vector_name: str) -> list[SparseVector]:
        """Return sparse vectors (empty where an item has none)."""
        self._check_vector(vector_name)
        return self._index.sparse_vectors(vector_name, self.keys)

    def sparse_rows(self, vector_name: str) -> SparseRows:
        """Return the sparse vectors of a field with `max_entries` as two arrays, filled up with zeros."""
        self._check_vector(vector_name)
        return self._index.sparse_rows(vector_name, self.keys)

    def records(self, places: Sequence[int] | None = None) -> list[Record]:
        """Return the records of the items at these places; None: of all."""
        self._check_records()
        return self._index.records(self.keys if places is None else self.keys[list(places)])

    def passage_vectors(self, places: Sequence[int]) -> list[Float2D]:
        """Return the multi-vector `passages` of the items at these places, each float32 (n_passages, dim)."""
        self._check_vector(PASSAGES)
        return self._index.passage_vectors(self.keys[list(places)])
