"""One generation of a server store: a collection."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from qdrant_client import models

from semrec.errors import StoreError
from semrec.store.fetched_items import RawPoint
from semrec.store.owner import describe_this_process, is_alive
from semrec.store.points import by_name, check_points, check_query, field_path, to_payload
from semrec.store.protocol import FieldType, Hits, Point, Record, ScoreQuery, Search, VectorField
from semrec.store.reading import LARGE_PAGE, PointReader
from semrec.store.server_connection import Connection
from semrec.store.server_messages import SCHEMAS, filter_model, point_structs, upload_batches
from semrec.types import Condition, Float2D, Keys, item_keys

LEASE = "semrec_building_until"
BUILDER = "semrec_builder"
_LEASE_S = 3600.0
_RECORDS = 500
"""Records in one upload."""
_POLL_S = 0.2


class ServerIndex(PointReader):
    """One generation in a collection of a Qdrant server.

    Parameters
    ----------
    connection : to the server.
    name : the collection.
    vectors : the named vectors of every point.
    """

    def __init__(self, connection: Connection, name: str, vectors: Sequence[VectorField]) -> None:
        super().__init__(by_name(vectors))
        self.name = name
        self._client = connection.client
        self._connection = connection
        self._points_reader = connection.points_of(name, self._fields)
        self._leased_until: float | None = None  # only of a build
        self._closed = False

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points; each replaces the one of the same item id as a whole."""
        check_points(points, self._fields)
        if not points:
            return
        batches = list(upload_batches(points))
        for number, batch in enumerate(batches, start=1):
            with self._errors():
                # A shard applies writes in order: when the last upload is done, all are.
                self._client.upsert(self.name, point_structs(batch), wait=number == len(batches))
        self._renew_lease_if_due()

    def update_records(self, records: Sequence[Record]) -> None:
        """Replace the records of items that are there; their vectors stay."""
        check_points((Point(record, {}) for record in records), self._fields)
        keys = item_keys(record.item_id for record in records).tolist()
        changes = [
            models.OverwritePayloadOperation(
                overwrite_payload=models.SetPayload(payload=to_payload(record), points=[key])
            )
            for key, record in zip(keys, records, strict=True)
        ]
        for start in range(0, len(changes), _RECORDS):
            with self._errors():
                self._client.batch_update_points(self.name, changes[start : start + _RECORDS], wait=True)
        self._renew_lease_if_due()

    def add_fields(self, fields: Mapping[str, FieldType]) -> None:
        """Index metadata fields for filters; fields that are indexed already change nothing."""
        for name, kind in fields.items():
            with self._errors():
                self._client.create_payload_index(self.name, field_path(name), SCHEMAS[kind], wait=True)

    def delete(self, keys: Keys) -> None:
        """Delete points; unknown keys are ignored."""
        if not len(keys):
            return
        with self._errors():
            self._client.delete(self.name, models.PointIdsList(points=keys.tolist()), wait=True)

    def search(self, searches: Sequence[Search]) -> list[Hits]:
        """Answer a batch of searches, in order."""
        for search in searches:
            check_query(search.vector_name, search.query, self._fields)
        asked = [search for search in searches if search.limit > 0]  # a server refuses a limit of 0
        answers: Iterator[Hits] = iter(())
        if asked:
            with self._errors():
                answers = iter(self._points_reader.search(asked))
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
            with self._errors():
                pages.append(self._points_reader.scores(queries, some[start : start + LARGE_PAGE]))
        np.take(np.concatenate(pages, axis=1), place_of_each, axis=1, out=scores)
        sparse = [field.kind == "sparse" for field in fields]
        scores[sparse] = np.nan_to_num(scores[sparse])  # no common index: nothing to add up
        return scores

    def count(self, where: Sequence[Condition] = ()) -> int:
        """Return how many items satisfy all conditions."""
        with self._errors():
            return self._client.count(self.name, count_filter=filter_model(where), exact=True).count

    def build(self, fields: Mapping[str, FieldType]) -> None:
        """Write the payload indexes and wait until the server has built its search structures."""
        self.add_fields(fields)
        while (status := self._status()) == models.CollectionStatus.YELLOW:
            self._renew_lease_if_due()
            time.sleep(_POLL_S)
        if status == models.CollectionStatus.RED:
            raise StoreError(
                f"collection {self.name} at {self._connection.where} failed to build; see the server's log"
            )

    def renew_lease(self) -> None:
        """Write until when this build counts as alive."""
        self._leased_until = time.time() + _LEASE_S
        builder = {"host": platform.node(), **describe_this_process()}
        with self._errors():
            self._client.update_collection(self.name, metadata={LEASE: self._leased_until, BUILDER: builder})

    def close(self) -> None:
        """Release the index; it cannot be used afterwards."""
        self._closed = True

    def _renew_lease_if_due(self) -> None:
        if self._leased_until is not None and self._leased_until - time.time() < _LEASE_S / 2:
            self.renew_lease()

    def _status(self) -> models.CollectionStatus:
        with self._errors():
            return self._client.get_collection(self.name).status

    @contextmanager
    def _errors(self) -> Iterator[None]:
        if self._closed:
            raise StoreError(f"the index in collection {self.name} is closed")
        with self._connection.errors():
            yield

    def _retrieve(self, ids: list[int], payload: bool | list[str], vectors: list[str]) -> Sequence[RawPoint]:
        with self._errors():
            return self._points_reader.retrieve(ids, payload, vectors)

    def _page(
        self, start: int, limit: int, payload: bool, vectors: list[str]
    ) -> tuple[Sequence[RawPoint], int | None]:
        with self._errors():
            return self._points_reader.page(start, limit, payload, vectors)


def is_dead(metadata: Mapping[str, Any]) -> bool:
    """Return whether a build is dead: its lease has expired, or its process on this machine has ended.

    Parameters
    ----------
    metadata : of a collection that is not complete.
    """
    # Without a lease the collection is a moment old, or not semrec's. In both cases it must not be removed.
    if metadata.get(LEASE, np.inf) < time.time():
        return True
    builder = metadata.get(BUILDER, {})
    return builder.get("host") == platform.node() and not is_alive(builder["pid"])


def _no_hits(search: Search) -> Hits:
    return Hits(np.empty(0, np.uint64), np.empty(0, np.float32), () if search.with_vector else None)
