"""One generation of an embedded store: a shard of Qdrant Edge, and memory-mapped rows for exact reads."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as qe

from semrec.errors import StoreError, StoreUnavailableError
from semrec.store.edge_files import damaged_error, edge_errors, require_space
from semrec.store.edge_items import EdgeItems
from semrec.store.edge_messages import (
    SCHEMAS,
    edge_filter,
    edge_point,
    hits_of,
    query_request,
    search_request,
)
from semrec.store.fetched_items import RawPoint
from semrec.store.leaders import Leaders, leaders_of
from semrec.store.owner import Owner, held
from semrec.store.payload_indexes import indexed_fields
from semrec.store.points import (
    by_name,
    check_points,
    check_query,
    field_path,
    read_sparse,
    read_vector,
    to_payload,
)
from semrec.store.protocol import (
    FieldType,
    Hits,
    Items,
    Point,
    Record,
    ScoreQuery,
    Search,
    SparseRows,
    SparseVector,
    Vector,
    VectorField,
)
from semrec.store.reading import LARGE_PAGE, PointReader
from semrec.store.row_file import RowFile
from semrec.store.sparse_rows import sparse_scores, unpack_sparse
from semrec.store.vector_rows import are_same, rows_of
from semrec.types import Condition, Float2D, Keys, item_keys

log = logging.getLogger("semrec")


class EdgeIndex(PointReader):
    """One generation in a shard of Qdrant Edge.

    Parameters
    ----------
    folder : the folder of the generation.
    shard : its open shard.
    owner : ownership of the folder, released on close.
    vectors : the named vectors of every point.
    borrowed : it is a read-only copy, removed when it is closed.
    """

    def __init__(
        self,
        folder: Path,
        shard: qe.EdgeShard,
        owner: Owner,
        vectors: Sequence[VectorField],
        *,
        borrowed: bool = False,
    ) -> None:
        super().__init__(by_name(vectors))
        self.folder = folder
        self.borrowed = borrowed
        self.owner: Owner | None = owner
        self._shard: qe.EdgeShard | None = shard
        self._rows = {
            field.name: RowFile(folder / field.name, field.dimension or 2 * field.max_entries)
            for field in vectors
            if field.kind == "dense" or field.max_entries
        }
        self._known_leaders: dict[str, Leaders] = {}

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points; each replaces the one of the same item id as a whole."""
        check_points(points, self._fields)
        if not points:
            return
        keys = item_keys(point.record.item_id for point in points)
        with self._writing():
            require_space(self.folder)
            # A process that dies between these steps leaves items without rows, never with wrong ones:
            # the next one writes them from the shard, see `restore_rows`.
            self._forget_rows(keys)
            edge_points = [
                edge_point(key, point, self._fields) for key, point in zip(keys.tolist(), points, strict=True)
            ]
            self._open_shard.update(qe.UpdateOperation.upsert_points(edge_points))
            self._append_rows(keys, points)

    def update_records(self, records: Sequence[Record]) -> None:
        """Replace the records of items that are there; their vectors stay."""
        check_points((Point(record, {}) for record in records), self._fields)
        keys = item_keys(record.item_id for record in records)
        with self._writing():
            require_space(self.folder)
            for key, record in zip(keys.tolist(), records, strict=True):
                # Not overwritten: the checksum of the vectors stays.
                self._open_shard.update(qe.UpdateOperation.set_payload([key], to_payload(record)))

    def add_fields(self, fields: Mapping[str, FieldType]) -> None:
        """Index metadata fields for filters; fields that are indexed already change nothing."""
        with self._writing():
            for name, kind in fields.items():
                schema = SCHEMAS[kind]
                self._open_shard.update(qe.UpdateOperation.create_field_index(field_path(name), schema))

    def retype_fields(self, fields: Mapping[str, FieldType]) -> None:
        """Index metadata fields that are indexed again, as fields of other types."""
        with self._writing():
            for name in fields:
                self._open_shard.update(qe.UpdateOperation.delete_field_index(field_path(name)))
        self.add_fields(fields)

    def delete(self, keys: Keys) -> None:
        """Delete points; unknown keys are ignored."""
        with self._writing():
            self._forget_rows(keys)
            self._open_shard.update(qe.UpdateOperation.delete_points(keys.tolist()))

    def search(self, searches: Sequence[Search]) -> list[Hits]:
        """Answer a batch of searches, in order."""
        leaders = [self._leaders(search) for search in searches]
        known = [
            among.hits(search) if among else None for search, among in zip(searches, leaders, strict=True)
        ]
        rest = [place for place, hits in enumerate(known) if hits is None]
        found = iter(self._ask([searches[place] for place in rest], [leaders[place] for place in rest]))
        answers = [next(found) if hits is None else hits for hits in known]
        return [
            replace(hits, vectors=self._vectors_of(hits, self._fields[search.vector_name]))
            if search.with_vector
            else hits
            for search, hits in zip(searches, answers, strict=True)
        ]

    def _ask(self, searches: Sequence[Search], leaders: Sequence[Leaders | None]) -> list[Hits]:
        """Let the engine answer searches, first among the leaders where a search has some."""
        if not searches:
            return []
        requests = [
            search_request(search, self._fields, among.condition if among else None)
            for search, among in zip(searches, leaders, strict=True)
        ]
        with edge_errors(self.folder):
            answers = self._open_shard.query_batch(qe.QueryBatchRequest(requests))
            for place, (search, among) in enumerate(zip(searches, leaders, strict=True)):
                if among and len(answers[place]) < search.limit:
                    # Few leaders meet the conditions, so probably few items do: a full search is cheap.
                    answers[place] = self._open_shard.query(search_request(search, self._fields, None))
        return [hits_of(answer) for answer in answers]

    def scores(self, queries: Sequence[ScoreQuery], keys: Keys) -> Float2D:
        """Return the exact score of every given item by every query, float32 (n_queries, n)."""
        scores = np.zeros((len(queries), len(keys)), np.float32)
        if not len(keys):
            return scores
        places_of: dict[str, list[int]] = {}
        for place, query in enumerate(queries):
            check_query(query.vector_name, query.query, self._fields)
            places_of.setdefault(query.vector_name, []).append(place)
        for name, places in places_of.items():
            field = self._fields[name]
            scores_of = self._engine_scores
            if field.kind == "dense" or field.max_entries:
                scores_of = self._dense_scores if field.kind == "dense" else self._row_scores
            scores[places] = scores_of(field, [queries[place].query for place in places], keys)
        return scores

    def fetch(self, keys: Keys, vectors: Sequence[str] = (), *, records: bool = False) -> Items:
        """Return some items; their vectors and records are read on access."""
        return EdgeItems(self, keys[self.contains(keys)], vectors, records)

    def contains(self, keys: Keys) -> np.ndarray:
        """Return bool (n,): which keys the index holds."""
        found = np.zeros(len(keys), dtype=bool)
        for rows in self._rows.values():
            if found.all():
                return found
            found |= rows.contains(keys)
        if not found.all():
            found[~found] = super().contains(keys[~found])
        return found

    def vectors(self, vector_name: str, keys: Keys) -> Float2D:
        """Return dense vectors, float32 (n, dim). Raises KeyError for a key that is not there."""
        found, rows = self._row_of_each(self._fields[vector_name], keys)
        if not found.all():
            raise KeyError(int(keys[~found][0]))
        return rows

    def sparse_rows(self, vector_name: str, keys: Keys) -> SparseRows:
        """Return the sparse vectors of a field with `max_entries` as two arrays, filled up with zeros."""
        found, rows = self._row_of_each(self._fields[vector_name], keys)
        if not found.all() and not (there := self.contains(keys)).all():
            raise KeyError(int(keys[~there][0]))
        return unpack_sparse(rows)

    def count(self, where: Sequence[Condition] = ()) -> int:
        """Return how many items satisfy all conditions."""
        with edge_errors(self.folder):
            return self._open_shard.count(qe.CountRequest(exact=True, filter=edge_filter(where)))

    def _facet(self, field: str, limit: int) -> Mapping[str, int] | None:
        with edge_errors(self.folder):
            shard = self._open_shard
            indexed = {path.replace('"', "") for path in shard.info().payload_schema}
            if field_path(field).replace('"', "") not in indexed:
                return None
            hits = shard.facet(qe.FacetRequest(field_path(field), limit=limit, exact=True)).hits
        return {hit.value: hit.count for hit in hits if isinstance(hit.value, str) and hit.count}

    def restore_rows(self) -> None:
        """Write the rows that are missing: a file was damaged, or a process died while it wrote."""
        n_items = self.count()
        for name, rows in self._rows.items():
            if len(rows) == n_items:
                continue
            keys = self.sample(n_items)
            missing = keys[~rows.contains(keys)]
            for start in range(0, len(missing), LARGE_PAGE):
                some = missing[start : start + LARGE_PAGE]
                found, vectors = self._row_of_each(self._fields[name], some)
                found |= self._fields[name].kind == "sparse"  # an empty one is not in the shard
                rows.append(some[found], vectors[found])
                if found.any():
                    log.warning("%s: wrote %d missing rows of %r again", self.folder, found.sum(), name)

    def row_faults(self) -> Iterator[str]:
        """Yield what is wrong with the rows of vectors; all are read."""
        for name, rows in self._rows.items():
            damaged = len(rows.damaged())
            keys = rows.keys()
            differing = 0
            for start in range(0, len(keys), LARGE_PAGE):
                some = keys[start : start + LARGE_PAGE]
                found, vectors = self._shard_rows(self._fields[name], some)
                is_same = are_same(self._fields[name], vectors, rows.read(some)[1])
                differing += int((found & ~is_same).sum())
            if damaged or differing:
                yield (
                    f"{damaged:,} of {len(keys):,} rows of {name!r} have changed since they were written, "
                    f"{differing:,} differ from the items"
                )

    def build(self, fields: Mapping[str, FieldType]) -> None:
        """Write the payload indexes, sync to the disk and close the shard; the folder stays owned."""
        self.add_fields(indexed_fields(fields))
        self._close_files()

    def close(self) -> None:
        """Release the index; it cannot be used afterwards."""
        try:
            with edge_errors(self.folder), held(self.folder):
                self._close_files()
        finally:
            if self.borrowed:
                shutil.rmtree(self.folder, ignore_errors=True)
            owner, self.owner = self.owner, None
            if owner is not None:
                owner.release()

    def require_writable(self) -> None:
        """Raise StoreUnavailableError for a copy: what is written to it would be lost."""
        if self.borrowed:
            raise StoreUnavailableError(
                f"{self.folder} is a copy that can only be read; nothing was changed. The folder of the "
                "index is read-only or its disk is full: free some space, or use another folder"
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the folder, so that no process copies it meanwhile."""
        self.require_writable()
        self._texts.clear()
        with edge_errors(self.folder), held(self.folder):
            yield

    @property
    def _open_shard(self) -> qe.EdgeShard:
        if self._shard is None:
            raise StoreError(f"the index in {self.folder} is closed")
        return self._shard

    def _close_files(self) -> None:
        shard, self._shard = self._shard, None
        if shard is None:
            return
        rows, self._rows = self._rows, {}
        for file in rows.values():
            if not self.borrowed:
                file.sync()
            file.close()
        if not self.borrowed:
            shard.flush()
        shard.close()

    def _leaders(self, search: Search) -> Leaders | None:
        """Return the leaders of a field of one number; None for other searches."""
        field = check_query(search.vector_name, search.query, self._fields)
        if field.dimension != 1 or isinstance(search.query, SparseVector) or search.query[0] <= 0:
            return None
        if field.name not in self._known_leaders:
            rows = self._rows[field.name]
            keys = rows.keys()
            self._known_leaders[field.name] = leaders_of(keys, rows.read(keys)[1][:, 0])
        return self._known_leaders[field.name]

    def _forget_rows(self, keys: Keys) -> None:
        self._known_leaders.clear()
        for rows in self._rows.values():
            rows.delete(keys)

    def _append_rows(self, keys: Keys, points: Sequence[Point]) -> None:
        for name, rows in self._rows.items():
            field = self._fields[name]
            given = [point.vectors.get(name) for point in points]
            if field.kind == "sparse":
                given = [read_sparse(None) if vector is None else vector for vector in given]
            has = [vector is not None for vector in given]
            rows.append(keys[has], rows_of(field, [vector for vector in given if vector is not None]))

    def _row_of_each(self, field: VectorField, keys: Keys) -> tuple[np.ndarray, Float2D]:
        """Return which items have the vector, bool (n,), and their rows as in the `RowFile`, else zeros.

        Raises
        ------
        StoreError
            The index is closed.
        """
        _ = self._open_shard
        found, rows = self._rows[field.name].read(keys)
        if field.kind == "dense" and not np.isfinite(rows).all():
            raise damaged_error(self.folder, f"rows of {field.name!r} hold numbers that are not finite")
        if len(missing := np.flatnonzero(~found)):  # without the vector, or the row could not be written
            found[missing], rows[missing] = self._shard_rows(field, keys[missing])
        return found, rows

    def _shard_rows(self, field: VectorField, keys: Keys) -> tuple[np.ndarray, Float2D]:
        """Return which items have the vector in the shard, bool (n,), and their rows, else zeros."""
        points = self._points(keys, vectors=[field.name])
        found = np.zeros(len(keys), bool)
        rows = np.zeros((len(keys), field.dimension or 2 * field.max_entries), np.float32)
        for place, key in enumerate(keys.tolist()):
            vector = (points[key].vector or {}).get(field.name) if key in points else None
            if vector is not None:
                found[place] = True
                rows[place] = rows_of(field, [read_vector(field, vector)])[0]
        return found, rows

    def _vectors_of(self, hits: Hits, field: VectorField) -> tuple[Vector, ...]:
        if field.kind == "sparse":
            return tuple(self.sparse_vectors(field.name, hits.keys))
        return tuple(self.vectors(field.name, hits.keys))

    def _dense_scores(self, field: VectorField, queries: Sequence[Any], keys: Keys) -> Float2D:
        """Return scores by dense queries of one field, float32 (n_queries, n)."""
        found, rows = self._row_of_each(field, keys)
        scores: Float2D = rows_of(field, queries) @ rows.T
        scores[:, ~found] = np.nan
        return scores

    def _row_scores(self, field: VectorField, queries: Sequence[Any], keys: Keys) -> Float2D:
        """Return scores by sparse queries of a field with a `RowFile`, float32 (n_queries, n)."""
        rows = unpack_sparse(self._row_of_each(field, keys)[1])
        return np.stack([sparse_scores(rows, query) for query in queries])

    def _engine_scores(self, field: VectorField, queries: Sequence[Any], keys: Keys) -> Float2D:
        """Return scores by queries of a field without a `RowFile`, float32 (n_queries, n)."""
        some, place_of_each = np.unique(keys, return_inverse=True)
        only = qe.Filter(must=[qe.HasIdCondition(set(some.tolist()))])
        requests = [query_request(field, query, limit=len(some), only=only) for query in queries]
        with edge_errors(self.folder):
            answers = self._open_shard.query_batch(qe.QueryBatchRequest(requests))
        scores = np.full((len(queries), len(some)), 0 if field.kind == "sparse" else np.nan, np.float32)
        for row, answer in zip(scores, map(hits_of, answers), strict=True):
            row[np.searchsorted(some, answer.keys)] = answer.scores
        return scores[:, place_of_each]

    def _retrieve(self, ids: list[int], payload: bool | list[str], vectors: list[str]) -> Sequence[RawPoint]:
        with edge_errors(self.folder):
            points = self._open_shard.retrieve(
                list(ids), with_payload=payload, with_vector=vectors if vectors else False
            )
        if len(points) < len(ids) and self._rows:
            lost = np.setdiff1d(np.array(ids, np.uint64), np.array([point.id for point in points], np.uint64))
            if any(rows.contains(lost).any() for rows in self._rows.values()):
                raise damaged_error(self.folder, "items that have vectors are missing")
        return points

    def _page(
        self, start: int, limit: int, payload: bool, vectors: list[str]
    ) -> tuple[Sequence[RawPoint], int | None]:
        request = qe.ScrollRequest(
            offset=start, limit=limit, with_payload=payload, with_vector=vectors if vectors else False
        )
        with edge_errors(self.folder):
            points, following = self._open_shard.scroll(request)
        return points, None if following is None else int(following)
