"""One generation of a server store: a collection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from qdrant_client import models

from semrec.errors import StoreError, StoreUnavailableError
from semrec.store.fetched_items import RawPoint
from semrec.store.payload_indexes import indexed_fields
from semrec.store.points import by_name, check_points, check_query, field_path, to_payload
from semrec.store.protocol import FieldType, Hits, Point, Record, ScoreQuery, Search, VectorField
from semrec.store.reading import LARGE_PAGE, PointReader
from semrec.store.server_collections import ServerCollections
from semrec.store.server_connection import Connection
from semrec.store.server_lease import LEASE_S, lease_from_now
from semrec.store.server_messages import filter_model, point_structs, upload_batches
from semrec.types import Condition, Float2D, Keys, item_keys

T = TypeVar("T")

_RECORDS = 500
"""Records in one upload."""
_POLL_S = 0.2
_KEEP_TEXTS_S = 10.0
"""Seconds after which the texts of a field are read again: another process can write into the collection."""


class ServerIndex(PointReader):
    """One generation in a collection of a Qdrant server.

    Parameters
    ----------
    connection : to the server.
    name : the collection.
    vectors : the named vectors of every point.
    leased : the collection was made with a lease, see `semrec.store.server_lease`.
    """

    def __init__(
        self, connection: Connection, name: str, vectors: Sequence[VectorField], *, leased: bool = False
    ) -> None:
        super().__init__(by_name(vectors), keep_s=_KEEP_TEXTS_S)
        self.name = name
        self._client = connection.client
        self._connection = connection
        self._collections = ServerCollections(connection)
        self._points_reader = connection.points_of(name, self._fields)
        self._leased_until = time.time() + LEASE_S if leased else None
        self._closed = False

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points; each replaces the one of the same item id as a whole."""
        check_points(points, self._fields)
        if not points:
            return
        self._texts.clear()
        for batch in upload_batches(points):
            self._call(self._client.upsert, self.name, point_structs(batch), wait=True)
        self._renew_lease_if_due()

    def update_records(self, records: Sequence[Record]) -> None:
        """Replace the records of items that are there; their vectors stay."""
        check_points((Point(record, {}) for record in records), self._fields)
        self._texts.clear()
        for batch in upload_batches([Point(record, {}) for record in records]):
            keys = item_keys(point.record.item_id for point in batch).tolist()
            changes = [
                models.OverwritePayloadOperation(
                    overwrite_payload=models.SetPayload(payload=to_payload(point.record), points=[key])
                )
                for key, point in zip(keys, batch, strict=True)
            ]
            for start in range(0, len(changes), _RECORDS):
                some = changes[start : start + _RECORDS]
                self._call(self._client.batch_update_points, self.name, some, wait=True)
        self._renew_lease_if_due()

    def add_fields(self, fields: Mapping[str, FieldType]) -> None:
        """Index metadata fields for filters; fields that are indexed already change nothing."""
        self._require_open()
        self._collections.index_fields(self.name, fields)

    def retype_fields(self, fields: Mapping[str, FieldType]) -> None:
        """Index metadata fields that are indexed again, as fields of other types."""
        self._require_open()
        self._texts.clear()
        self._collections.remove_field_indexes(self.name, fields)
        self._collections.index_fields(self.name, fields)

    def delete(self, keys: Keys) -> None:
        """Delete points; unknown keys are ignored."""
        if not len(keys):
            return
        self._texts.clear()
        self._call(self._client.delete, self.name, models.PointIdsList(points=keys.tolist()), wait=True)

    def search(self, searches: Sequence[Search]) -> list[Hits]:
        """Answer a batch of searches, in order."""
        for search in searches:
            check_query(search.vector_name, search.query, self._fields)
        asked = [search for search in searches if search.limit > 0]  # a server refuses a limit of 0
        answers: Iterator[Hits] = iter(())
        if asked:
            answers = iter(self._call(self._points_reader.search, asked))
        return [next(answers) if search.limit > 0 else _no_hits(search) for search in searches]

    def scores(self, queries: Sequence[ScoreQuery], keys: Keys) -> Float2D:
        """Return the exact score of every given item by every query, float32 (n_queries, n)."""
        fields = [check_query(query.vector_name, query.query, self._fields) for query in queries]
        scores = np.empty((len(queries), len(keys)), np.float32)
        if not scores.size:
            return scores
        some, place_of_each = np.unique(keys, return_inverse=True)
        pages = []
        for start in range(0, len(some), LARGE_PAGE):
            pages.append(self._call(self._points_reader.scores, queries, some[start : start + LARGE_PAGE]))
        np.take(np.concatenate(pages, axis=1), place_of_each, axis=1, out=scores)
        sparse = [field.kind == "sparse" for field in fields]
        scores[sparse] = np.nan_to_num(scores[sparse])  # no common index: nothing to add up
        return scores

    def count(self, where: Sequence[Condition] = ()) -> int:
        """Return how many items satisfy all conditions."""
        only = filter_model(where)
        return self._call(self._client.count, self.name, count_filter=only, exact=True).count

    def _facet(self, field: str, limit: int) -> Mapping[str, int] | None:
        try:
            answer = self._call(self._client.facet, self.name, field_path(field), limit=limit, exact=True)
        except StoreUnavailableError:
            raise
        except StoreError:  # the field has no index
            return None
        return {hit.value: hit.count for hit in answer.hits if isinstance(hit.value, str)}

    def row_faults(self) -> Iterator[str]:
        """Yield nothing: on a server there are no copies of the vectors."""
        return iter(())

    def build(self, fields: Mapping[str, FieldType]) -> None:
        """Write the payload indexes and wait until the server has built its search structures."""
        self.add_fields(indexed_fields(fields))
        while (status := self._status()) == models.CollectionStatus.YELLOW:
            self._renew_lease_if_due()
            self._connection.clock.sleep(_POLL_S)
        if status == models.CollectionStatus.RED:
            raise StoreError(
                f"collection {self.name} at {self._connection.where} failed to build; see the server's log"
            )

    def renew_lease(self) -> None:
        """Write until when this build counts as alive."""
        self._leased_until = time.time() + LEASE_S
        self._collections.set_metadata(self.name, lease_from_now())

    def close(self) -> None:
        """Release the index; it cannot be used afterwards."""
        self._closed = True

    def _renew_lease_if_due(self) -> None:
        if self._leased_until is not None and self._leased_until - time.time() < LEASE_S / 2:
            self.renew_lease()

    def _status(self) -> models.CollectionStatus:
        self._require_open()
        return self._collections.info(self.name).status

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError(f"the index in collection {self.name} is closed")

    def _call(self, method: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Call a method of the client, see `Connection.call`."""
        self._require_open()
        return self._connection.call(method, *arguments, **options)

    def _retrieve(self, ids: list[int], payload: bool | list[str], vectors: list[str]) -> Sequence[RawPoint]:
        return self._call(self._points_reader.retrieve, ids, payload, vectors)

    def _page(
        self, start: int, limit: int, payload: bool, vectors: list[str]
    ) -> tuple[Sequence[RawPoint], int | None]:
        return self._call(self._points_reader.page, start, limit, payload, vectors)


def _no_hits(search: Search) -> Hits:
    return Hits(np.empty(0, np.uint64), np.empty(0, np.float32), () if search.with_vector else None)
