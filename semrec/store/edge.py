"""The embedded store: Qdrant Edge, the Qdrant engine in this process, in the workspace folder.

On the disk::

    current                       the number of the generation that answers
    generations/<n>/manifest.json written last: a generation without one is not complete
    generations/<n>/manifest-<digest>.safetensors
                                  arrays of the manifest, if it has any
    generations/<n>/owner.json    who has it open
    generations/<n>/edge/         the shard
    generations/<n>/<vector>.*    dense vectors for exact reads, see `RowFile`
    generations/.borrowed-*/      copies that somebody reads while another process owns the original
    builder.json                  who builds the next generation

A generation belongs to one process. Another one that must read it, to build the next, borrows: it copies the
folder while writers are held off. The engine writes through memory maps and into its write-ahead log, so
a copy sees the pages of all that was acknowledged, and opening it is what opening after a kill is.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import qdrant_edge as qe

from semrec.errors import StoreError, StoreLockedError, WorkspaceError
from semrec.mathematics.rows import unit_rows
from semrec.store import edge_optimize
from semrec.store.copying import allocated_bytes, copy_folder
from semrec.store.fetched_items import Fetched, RawPoint
from semrec.store.leaders import Leaders, leaders_of
from semrec.store.manifests import arrays_digest, dump_manifest, load_manifest
from semrec.store.owner import Owner, held, locked_error, owner_of
from semrec.store.points import (
    Fields,
    by_name,
    check_points,
    check_query,
    field_path,
    read_vector,
    stored,
    to_payload,
)
from semrec.store.protocol import (
    OVERSAMPLING,
    PASSAGES,
    FieldType,
    Hits,
    Index,
    Items,
    Manifest,
    Point,
    Record,
    ScoreQuery,
    Search,
    SparseRows,
    SparseVector,
    Vector,
    VectorField,
)
from semrec.store.reading import PointReader
from semrec.store.row_file import RowFile
from semrec.store.sparse_rows import pack_sparse, sparse_scores, unpack_sparse
from semrec.types import AnyOf, Condition, Float2D, Keys, Range, item_keys

# Edge maps its files and grows them 32 MiB at a time: where the disk cannot follow, the kernel kills the
# process (SIGBUS) without an error to catch. So writing stops while there is still room for such steps.
_RESERVE_BYTES = 256 * 2**20

_BORROWED = ".borrowed-"

_DISTANCES = {"cosine": qe.Distance.Cosine, "dot": qe.Distance.Dot}
_INT8 = qe.ScalarQuantizationConfig(qe.ScalarType.Int8, memory=qe.Memory.Pinned)
_RESCORED = qe.SearchParams(quantization=qe.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING))
_NO_GRAPH = qe.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000)
_SCHEMAS = {
    "keyword": qe.PayloadSchemaType.Keyword,
    "integer": qe.PayloadSchemaType.Integer,
    "float": qe.PayloadSchemaType.Float,
    "bool": qe.PayloadSchemaType.Bool,
}
_DISK_FULL = re.compile(r"no space left|file too large|quota exceeded|os error (28|27|122)\b", re.IGNORECASE)

EdgeCondition: TypeAlias = qe.FieldCondition | qe.HasIdCondition | qe.Filter


class EdgeStore:
    """The generations of one workspace folder.

    Parameters
    ----------
    folder : the workspace; it is made when the first generation is.
    keep : how many complete generations a build leaves.
    """

    def __init__(self, folder: Path, *, keep: int = 2) -> None:
        self.keep = keep
        self._folder = folder
        self._generations = folder / "generations"
        self._current = folder / "current"

    def describe(self) -> str:
        """Return where the store is, in words for people."""
        return f"Qdrant Edge in {self._folder}"

    def generations(self) -> list[int]:
        """Return the numbers of all complete generations, ascending."""
        return [number for number in self._numbers() if self._manifest_path(number).exists()]

    def current(self) -> int | None:
        """Return the number of the generation that answers, or None when nothing is indexed."""
        try:
            text = self._current.read_text()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise WorkspaceError(f"cannot read {self._current}: {error.strerror}") from error
        if not text.strip().isdecimal() or not self._manifest_path(int(text)).exists():
            newest = self.generations()[-1:]
            cure = (
                f"the newest complete one is {newest[0]}: semrec rollback {newest[0]}"
                if newest
                else "build it again: semrec index CATALOG --rebuild"
            )
            raise WorkspaceError(f"{self._current} names no complete generation ({text[:40]!r}); {cure}")
        return int(text)

    def named(self) -> int | None:
        """Return what `current` does, and None where that is an error."""
        with suppress(WorkspaceError):
            return self.current()
        return None

    def manifest(self, generation: int) -> Manifest:
        """Return the manifest of a complete generation."""
        path = self._manifest_path(generation)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise StoreError(f"{self._folder} has no complete generation {generation}") from None
        return load_manifest(text, lambda digest: _read_arrays(path.parent, digest), where=str(path.parent))

    def create(self, vectors: Sequence[VectorField]) -> tuple[int, EdgeIndex]:
        """Start the next generation, empty and invisible to readers; leftovers of dead builds are removed."""
        with _edge_errors(self._folder):
            self._generations.mkdir(parents=True, exist_ok=True)
            _require_space(self._generations)
            number, owner = self._claim_next()
            try:
                folder = self._path(number)
                shard = qe.EdgeShard.create(str(_shard_path(folder)), _shard_config(vectors))
                return number, EdgeIndex(folder, shard, owner, vectors)
            except BaseException:
                owner.release()
                raise

    def complete(self, generation: int, index: Index, manifest: Manifest) -> None:
        """Finish a build: close the index, optimize it, check its count, write its manifest."""
        if not isinstance(index, EdgeIndex) or index.folder != self._path(generation):
            raise StoreError(f"the index is not generation {generation} of {self._folder}")
        try:
            with _edge_errors(self._folder):
                index.build(manifest.fields)
                n_items = _optimize(index)
                if n_items != manifest.n_items:
                    raise StoreError(
                        f"generation {generation} holds {n_items} items instead of {manifest.n_items}; "
                        "index again"
                    )
                _write_manifest(self._path(generation), manifest)
        finally:
            index.close()

    def open(self, generation: int) -> EdgeIndex:
        """Open a complete generation for reading and writing."""
        manifest = self.manifest(generation)
        folder = self._path(generation)
        return _load(folder, Owner(folder), manifest.vectors)

    def borrow(self, generation: int) -> EdgeIndex:
        """Open a complete generation for reading: it, or a copy of it while another process owns it."""
        manifest = self.manifest(generation)
        folder = self._path(generation)
        try:
            return _load(folder, Owner(folder), manifest.vectors)
        except StoreLockedError:
            pass
        copy, owner = self._copy(folder)
        try:
            return _load(copy, owner, manifest.vectors, borrowed=True)
        except BaseException:
            shutil.rmtree(copy, ignore_errors=True)
            raise

    def rewrite_manifest(self, generation: int, manifest: Manifest) -> None:
        """Replace the manifest of a complete generation, in one atomic step."""
        self.manifest(generation)
        with _edge_errors(self._folder):
            _write_manifest(self._path(generation), manifest)

    def owner(self, generation: int) -> str | None:
        """Return which process has a generation open, in words; None when it is free."""
        return owner_of(self._path(generation))

    def builder(self) -> str | None:
        """Return who builds here from another machine: nobody can."""
        return None

    def make_current(self, generation: int) -> None:
        """Let readers use this generation, in one atomic step."""
        self.manifest(generation)
        with _edge_errors(self._folder):
            _write_atomically(self._current, f"{generation}\n".encode())

    def drop(self, generation: int) -> None:
        """Remove a generation that is not current."""
        if generation == self.named():
            raise StoreError(f"generation {generation} is current; make another one current first")
        folder = self._path(generation)
        if not folder.exists():
            raise StoreError(f"{self._folder} has no generation {generation}")
        _remove(folder)

    def close(self) -> None:
        """Release what the store itself holds: nothing."""

    def _path(self, generation: int) -> Path:
        return self._generations / str(generation)

    def _manifest_path(self, generation: int) -> Path:
        return _manifest_path(self._path(generation))

    def _numbers(self) -> list[int]:
        if not self._generations.is_dir():
            return []
        return sorted(int(path.name) for path in self._generations.iterdir() if path.name.isdecimal())

    def _claim_next(self) -> tuple[int, Owner]:
        """Make and own the folder of the next generation, and remove those of dead builds."""
        with held(self._generations):  # no build may be taken for dead between its folder and its lock
            numbers = self._numbers()
            number = max(numbers, default=0) + 1
            self._path(number).mkdir()
            owner = Owner(self._path(number))
            for old in set(numbers) - set(self.generations()):
                _remove_if_free(self._path(old))
            self._remove_dead_copies()
            return number, owner

    def _copy(self, folder: Path) -> tuple[Path, Owner]:
        """Return a copy of a generation's folder, owned; those of dead borrowers are removed."""
        with held(self._generations):
            self._remove_dead_copies()
            copy = Path(tempfile.mkdtemp(prefix=_BORROWED, dir=self._generations))
            owner = Owner(copy)
        try:
            with _edge_errors(self._folder):
                _require_space(self._folder, allocated_bytes(folder))
                with held(folder):  # see `EdgeIndex._writing`
                    copy_folder(folder, copy)
            return copy, owner
        except BaseException:
            shutil.rmtree(copy, ignore_errors=True)
            owner.release()
            raise

    def _remove_dead_copies(self) -> None:
        for copy in self._generations.glob(_BORROWED + "*"):
            _remove_if_free(copy)


class EdgeIndex(PointReader):
    """One generation in a shard of Qdrant Edge.

    Parameters
    ----------
    folder : the folder of the generation.
    shard : its open shard.
    owner : ownership of the folder, released on close.
    vectors : the named vectors of every point.
    borrowed : it is a copy, read only, that goes when it is closed.
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
            field.name: RowFile(folder / field.name, field.dimension or 2 * field.most)
            for field in vectors
            if field.kind == "dense" or field.most
        }
        self._known_leaders: dict[str, Leaders] = {}

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points; each replaces the one of the same item id as a whole."""
        check_points(points, self._fields)
        if not points:
            return
        keys = item_keys(point.record.item_id for point in points)
        with self._writing():
            _require_space(self.folder)
            # Between these steps a killed process leaves items without rows, never with wrong ones:
            # `vectors` then asks the shard.
            self._forget_rows(keys)
            self._open_shard.update(
                qe.UpdateOperation.upsert_points(list(map(_edge_point, keys.tolist(), points)))
            )
            self._append_rows(keys, points)

    def update_records(self, records: Sequence[Record]) -> None:
        """Replace the records of items that are there; their vectors stay."""
        check_points((Point(record, {}) for record in records), self._fields)
        keys = item_keys(record.item_id for record in records)
        with self._writing():
            _require_space(self.folder)
            for key, record in zip(keys.tolist(), records, strict=True):
                self._open_shard.update(qe.UpdateOperation.overwrite_payload([key], to_payload(record)))

    def add_fields(self, fields: Mapping[str, FieldType]) -> None:
        """Let metadata fields be filtered by; those that can be already change nothing."""
        with self._writing():
            for name, kind in fields.items():
                schema = _SCHEMAS[kind]
                self._open_shard.update(qe.UpdateOperation.create_field_index(field_path(name), schema))

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
        """Answer searches by the engine, first among the leaders where there are such."""
        if not searches:
            return []
        requests = [
            _query(search, self._fields, among.condition if among else None)
            for search, among in zip(searches, leaders, strict=True)
        ]
        with _edge_errors(self.folder):
            answers = self._open_shard.query_batch(qe.QueryBatchRequest(requests))
            for place, (search, among) in enumerate(zip(searches, leaders, strict=True)):
                if among and len(answers[place]) < search.limit:
                    # Few leaders meet the conditions, so few items do: to look at each of them is cheap.
                    answers[place] = self._open_shard.query(_query(search, self._fields, None))
        return [_hits(answer) for answer in answers]

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
            scores_of = (
                self._dense_scores
                if field.kind == "dense"
                else self._row_scores
                if field.most
                else self._engine_scores
            )
            scores[places] = scores_of(field, [queries[place].query for place in places], keys)
        return scores

    def fetch(self, keys: Keys, vectors: Sequence[str] = (), *, records: bool = False) -> Items:
        """Return some items; what they hold is read when it is asked for."""
        return _EdgeItems(self, keys[self.contains(keys)], vectors, records)

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
        """Return the sparse vectors of a field with `most` entries as two arrays, filled up with zeros."""
        found, rows = self._row_of_each(self._fields[vector_name], keys)
        if not found.all() and not (there := self.contains(keys)).all():
            raise KeyError(int(keys[~there][0]))
        return unpack_sparse(rows)

    def count(self, where: Sequence[Condition] = ()) -> int:
        """Return how many items satisfy all conditions."""
        with _edge_errors(self.folder):
            return self._open_shard.count(qe.CountRequest(exact=True, filter=_filter(where)))

    def build(self, fields: Mapping[str, FieldType]) -> None:
        """Write the payload indexes, wait for the disk and let go of the shard, but stay its owner."""
        self.add_fields(fields)
        self._close_files()

    def close(self) -> None:
        """Release the index; it cannot be used afterwards."""
        try:
            with _edge_errors(self.folder), held(self.folder):
                self._close_files()
        finally:
            if self.borrowed:
                shutil.rmtree(self.folder, ignore_errors=True)
            owner, self.owner = self.owner, None
            if owner is not None:
                owner.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold off whoever wants to copy the folder."""
        if self.borrowed:
            raise StoreError(f"{self.folder} is a borrowed copy; what is written there would be lost")
        with _edge_errors(self.folder), held(self.folder):
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
        """Return the items among which a search by one number looks first, None for other searches."""
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
            has = [name in point.vectors for point in points]
            vectors = [point.vectors[name] for point in points if name in point.vectors]
            rows.append(keys[has], _rows_of(self._fields[name], vectors))

    def _row_of_each(self, field: VectorField, keys: Keys) -> tuple[np.ndarray, Float2D]:
        """Return which items have the vector, bool (n,), and their rows as in the `RowFile`, else zeros.

        Raises
        ------
        StoreError
            The index is closed.
        """
        _ = self._open_shard
        found, rows = self._rows[field.name].read(keys)
        if not found.all():  # an item without the vector, or a write that was cut short, see `upsert`
            points = self._points(keys[~found], vectors=[field.name])
            for place in np.flatnonzero(~found).tolist():
                point = points.get(int(keys[place]))
                vector = (point.vector or {}).get(field.name) if point else None
                if vector is not None:
                    found[place] = True
                    rows[place] = _rows_of(field, [read_vector(field, vector)])[0]
        return found, rows

    def _vectors_of(self, hits: Hits, field: VectorField) -> tuple[Vector, ...]:
        if field.kind == "sparse":
            return tuple(self.sparse_vectors(field.name, hits.keys))
        return tuple(self.vectors(field.name, hits.keys))

    def _dense_scores(self, field: VectorField, queries: Sequence[Any], keys: Keys) -> Float2D:
        """Return scores by dense queries of one field, float32 (n_queries, n)."""
        found, rows = self._row_of_each(field, keys)
        scores: Float2D = _rows_of(field, queries) @ rows.T
        scores[:, ~found] = np.nan
        return scores

    def _row_scores(self, field: VectorField, queries: Sequence[Any], keys: Keys) -> Float2D:
        """Return scores by sparse queries of a field with a `RowFile`, float32 (n_queries, n)."""
        rows = unpack_sparse(self._row_of_each(field, keys)[1])
        return np.stack([sparse_scores(rows, query) for query in queries])

    def _engine_scores(self, field: VectorField, queries: Sequence[Any], keys: Keys) -> Float2D:
        """Return scores by sparse queries of a field that only the engine has, float32 (n_queries, n)."""
        some, place_of_each = np.unique(keys, return_inverse=True)
        only = qe.Filter(must=[qe.HasIdCondition(set(some.tolist()))])
        requests = [_request(field, query, limit=len(some), only=only) for query in queries]
        with _edge_errors(self.folder):
            answers = self._open_shard.query_batch(qe.QueryBatchRequest(requests))
        scores = np.zeros((len(queries), len(some)), np.float32)
        for row, answer in zip(scores, map(_hits, answers), strict=True):
            row[np.searchsorted(some, answer.keys)] = answer.scores
        return scores[:, place_of_each]

    def _retrieve(self, ids: list[int], payload: bool | list[str], vectors: list[str]) -> Sequence[RawPoint]:
        with _edge_errors(self.folder):
            return self._open_shard.retrieve(
                list(ids), with_payload=payload, with_vector=vectors if vectors else False
            )

    def _page(
        self, start: int, limit: int, payload: bool, vectors: list[str]
    ) -> tuple[Sequence[RawPoint], int | None]:
        request = qe.ScrollRequest(
            offset=start, limit=limit, with_payload=payload, with_vector=vectors if vectors else False
        )
        with _edge_errors(self.folder):
            points, following = self._open_shard.scroll(request)
        return points, None if following is None else int(following)


class _EdgeItems(Fetched):
    """`Items` that are read when they are asked for: here that costs no request."""

    def __init__(self, index: EdgeIndex, keys: Keys, vectors: Sequence[str], records: bool) -> None:
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
        """Return the sparse vectors of a field with `most` entries as two arrays, filled up with zeros."""
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


def _rows_of(field: VectorField, vectors: Sequence[Any]) -> Float2D:
    """Return vectors of one field as the rows of its `RowFile`."""
    if field.kind == "sparse":
        return pack_sparse(vectors, field.most)
    matrix = np.asarray(vectors, dtype=np.float32).reshape(-1, field.dimension)
    return unit_rows(matrix) if field.distance == "cosine" else matrix


def _load(folder: Path, owner: Owner, vectors: Sequence[VectorField], *, borrowed: bool = False) -> EdgeIndex:
    """Open what lies in a folder that is owned; when that fails the folder is free again."""
    try:
        if not (_shard_path(folder) / "segments").is_dir():  # the engine would open an empty one
            raise StoreError(
                f"{folder} is damaged: its points are gone. Go back to an older generation with "
                "`semrec rollback`, or index again with --rebuild"
            )
        with _edge_errors(folder), held(folder):
            shard = qe.EdgeShard.load(str(_shard_path(folder)))
            return EdgeIndex(folder, shard, owner, vectors, borrowed=borrowed)
    except BaseException:
        owner.release()
        raise


def _remove(folder: Path) -> None:
    """Remove the folder of a generation that nobody owns."""
    owner = Owner(folder)
    try:
        # First, so that a removal cut short leaves no generation that looks complete.
        _manifest_path(folder).unlink(missing_ok=True)
        shutil.rmtree(folder)
    finally:
        owner.release()


def _remove_if_free(folder: Path) -> None:
    with suppress(StoreLockedError):  # another process works on it
        _remove(folder)


def _manifest_path(folder: Path) -> Path:
    return folder / "manifest.json"


def _shard_path(folder: Path) -> Path:
    return folder / "edge"


def _shard_config(fields: Sequence[VectorField]) -> qe.EdgeConfig:
    return qe.EdgeConfig(
        vectors={field.name: _dense_params(field) for field in fields if field.kind != "sparse"},
        sparse_vectors={
            # Mapped from the disk: pinned, 200 weights of a million items would take 2.4 GB and be as fast.
            field.name: qe.EdgeSparseVectorParams(
                modifier=qe.Modifier.Idf if field.idf else None, memory=qe.Memory.Cached
            )
            for field in fields
            if field.kind == "sparse"
        },
    )


def _dense_params(field: VectorField) -> qe.EdgeVectorParams:
    distance = _DISTANCES[field.distance]
    if field.dimension == 1:  # one number has no neighbourhood to make a graph of
        return qe.EdgeVectorParams(1, distance, hnsw_config=_NO_GRAPH)
    if field.quantized:
        return qe.EdgeVectorParams(
            field.dimension, distance, quantization_config=_INT8, memory=qe.Memory.Cold
        )
    if field.kind == "dense":
        return qe.EdgeVectorParams(field.dimension, distance)
    return qe.EdgeVectorParams(
        field.dimension,
        distance,
        memory=qe.Memory.Cold,
        multivector_config=qe.MultiVectorConfig(qe.MultiVectorComparator.MaxSim),
        hnsw_config=_NO_GRAPH,
    )


def _edge_point(key: int, point: Point) -> qe.Point:
    vectors = {name: _edge_vector(vector) for name, vector in stored(point.vectors)}
    return qe.Point(key, vectors, to_payload(point.record))


def _edge_vector(vector: Vector) -> qe.SparseVector | list[float] | list[list[float]]:
    if isinstance(vector, SparseVector):
        return qe.SparseVector(vector.indices.tolist(), vector.values.tolist())
    return vector.tolist()


def _query(search: Search, fields: Fields, among: qe.HasIdCondition | None) -> qe.QueryRequest:
    field = check_query(search.vector_name, search.query, fields)
    only = _filter(search.where, search.exclude, among)
    return _request(field, search.query, max(search.limit, 0), only)


def _request(field: VectorField, query: Vector, limit: int, only: qe.Filter | None) -> qe.QueryRequest:
    return qe.QueryRequest(
        limit,
        query=qe.Query.Nearest(_edge_vector(query), using=field.name),
        filter=only,
        with_payload=False,
        with_vector=False,
        params=_RESCORED if field.quantized else None,
    )


def _hits(answer: Sequence[qe.ScoredPoint]) -> Hits:
    return Hits(
        np.array([point.id for point in answer], dtype=np.uint64),
        np.array([point.score for point in answer], dtype=np.float32),
    )


def _filter(
    where: Sequence[Condition], exclude: Keys | None = None, among: qe.HasIdCondition | None = None
) -> qe.Filter | None:
    excluded = exclude is not None and len(exclude) > 0
    if not where and not excluded and not among:
        return None
    return qe.Filter(
        must=[*map(_condition, where), *([among] if among else [])],
        must_not=[qe.HasIdCondition(set(exclude.tolist()))] if exclude is not None and excluded else None,
    )


def _condition(condition: Condition) -> EdgeCondition:
    path = field_path(condition.field)
    if isinstance(condition, Range):
        within = qe.RangeFloat(gte=condition.gte, gt=condition.gt, lte=condition.lte, lt=condition.lt)
        return qe.FieldCondition(path, range=within)
    return _any_of(path, condition)


def _any_of(path: str, condition: AnyOf) -> EdgeCondition:
    """Return one condition for all words, and one for each number.

    A number is a range from itself to itself, which finds 3 where 3.0 is stored and the other way round.
    """
    words = [value for value in condition.values if isinstance(value, str)]
    others = [value for value in condition.values if not isinstance(value, str)]
    alternatives: list[EdgeCondition] = [_equals(path, value) for value in others]
    if words:
        alternatives.append(qe.FieldCondition(path, match=qe.MatchAny(any=words)))
    if not alternatives:
        return qe.HasIdCondition(set())  # any of nothing: no item
    return qe.Filter(should=list(alternatives))


def _equals(path: str, value: float) -> qe.FieldCondition:
    if isinstance(value, bool):
        # Edge 0.9 takes a Python bool for the integer 0 or 1, which matches no stored bool; numpy's it
        # cannot take for an integer.
        return qe.FieldCondition(path, match=qe.MatchValue(np.bool_(value)))  # type: ignore[arg-type]
    if isinstance(value, int) and abs(value) >= 2**53:
        return qe.FieldCondition(path, match=qe.MatchValue(value))  # beyond what a float range tells apart
    return qe.FieldCondition(path, range=qe.RangeFloat(gte=value, lte=value))


def _optimize(index: EdgeIndex) -> int:
    """Optimize a closed shard in a process of its own; return how many points it holds."""
    _give_memory_back()
    # The child inherits the lock: should this process die, nobody takes the build for dead under it.
    held = [index.owner.descriptor] if index.owner else []
    child = subprocess.run(
        [sys.executable, "-P", edge_optimize.__file__, str(_shard_path(index.folder))],
        capture_output=True,
        text=True,
        pass_fds=held,
        check=False,
    )
    if child.returncode != 0:
        reason = child.stderr.strip().splitlines()[-1:] or [f"ended with status {child.returncode}"]
        raise RuntimeError(f"building the search structures failed: {reason[0]}")
    return int(child.stdout)


def _give_memory_back() -> None:
    """Let the system have what closing a shard has freed: 150 MB of 200,000 items that glibc would keep."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _require_space(folder: Path, n_bytes: int = 0) -> None:
    """Refuse to write `n_bytes` more where the reserve would not be left."""
    free = shutil.disk_usage(folder).free - n_bytes
    if free < _RESERVE_BYTES:
        raise StoreError(
            f"the disk of {folder} is full ({max(free, 0) >> 20} MiB are left, "
            f"semrec keeps {_RESERVE_BYTES >> 20} MiB free); make room and try again. "
            "The previous index still answers"
        )


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of a generation: first its arrays, in a file of their own name, then the JSON."""
    text, arrays = dump_manifest(manifest)
    file = _arrays_path(folder, arrays_digest(arrays))
    if arrays and not file.exists():
        _write_atomically(file, arrays)
    _write_atomically(_manifest_path(folder), text.encode())


def _read_arrays(folder: Path, digest: str) -> bytes:
    try:
        return _arrays_path(folder, digest).read_bytes()
    except FileNotFoundError:
        raise ValueError("the file of its arrays is missing") from None


def _arrays_path(folder: Path, digest: str) -> Path:
    return folder / f"manifest-{digest}.safetensors"


def _write_atomically(path: Path, data: bytes) -> None:
    """Replace a file so that after any crash it is the old or the new one, whole."""
    draft = path.with_name(path.name + ".tmp")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _edge_errors(folder: Path) -> Iterator[None]:
    """Turn what the engine and the disk raise into store errors.

    Edge raises bare `Exception`, so that is what is caught; programming errors of ours pass.
    """
    try:
        yield
    except (StoreError, KeyError, TypeError, AttributeError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise  # an interrupt; a panic of the engine is a failure like others
        text = " ".join(str(error).split())
        if "WouldBlock" in text:
            raise locked_error(folder) from error
        if _DISK_FULL.search(text):
            raise StoreError(
                f"the disk of {folder} is full; make room and try again. The previous index still answers"
            ) from error
        raise StoreError(f"the embedded index in {folder} failed: {text}") from error
