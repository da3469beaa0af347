"""The server store: collections of a Qdrant server or cluster, behind one alias.

Generation n is the collection `<alias>-<n>`; the alias points to the current one. The manifest is part of
the collection's metadata, and a collection without one is a build that is not complete. A build holds a
lease, renewed while it writes: when that has run out the build is dead and the next one removes it.
"""

from __future__ import annotations

import base64
import json
import platform
import re
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from semrec.errors import StoreError, StoreUnavailableError
from semrec.store.fetched_items import RawPoint
from semrec.store.manifests import dump_manifest, load_manifest
from semrec.store.owner import describe_this_process, is_alive
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
    FieldType,
    Hits,
    Index,
    Manifest,
    Point,
    Record,
    ScoreQuery,
    Search,
    SparseVector,
    Vector,
    VectorField,
)
from semrec.store.reading import LARGE_PAGE, PointReader
from semrec.types import AnyOf, Condition, Float2D, Keys, Range, item_keys

_MANIFEST = "semrec_manifest"
_ARRAYS = "semrec_manifest_arrays"
_LEASE = "semrec_building_until"
_BUILDER = "semrec_builder"
_LEASE_S = 3600.0
_BATCH_FLOATS = 500_000
"""Numbers in one upload: about 10 MB as JSON, of the 32 MB a server takes."""
_RECORDS = 500
"""Records in one upload."""
_POLL_S = 0.2

_DISTANCES = {"cosine": models.Distance.COSINE, "dot": models.Distance.DOT}
_INT8 = models.ScalarQuantization(
    scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
)
_RESCORED = models.SearchParams(
    quantization=models.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
)
_EXACT = models.SearchParams(exact=True, quantization=models.QuantizationSearchParams(ignore=True))
_SCHEMAS = {
    "keyword": models.PayloadSchemaType.KEYWORD,
    "integer": models.PayloadSchemaType.INTEGER,
    "float": models.PayloadSchemaType.FLOAT,
    "bool": models.PayloadSchemaType.BOOL,
}


class ServerStore:
    """The generations behind one alias of a Qdrant server.

    Parameters
    ----------
    alias : name of the alias, and beginning of the collections' names.
    url : REST address of the server; gRPC is expected one port above it, as Qdrant does (6333, 6334).
    client : a client to use instead of `url`; it is not closed here.
    api_key : the server's key; never part of a message.
    prefer_grpc : talk gRPC where there is a choice.
    timeout_s : longest wait for one answer, seconds.
    keep : how many complete generations a build leaves.
    """

    def __init__(
        self,
        alias: str,
        *,
        url: str | None = None,
        client: QdrantClient | None = None,
        api_key: str | None = None,
        prefer_grpc: bool = True,
        timeout_s: float = 30.0,
        keep: int = 2,
    ) -> None:
        self.keep = keep
        if (url is None) == (client is None):
            raise StoreError("a server store needs either a URL or a client")
        self._alias = alias
        self._where = url or "the given client"
        self._owns_client = client is None
        with _server_errors(self._where):
            self._client = client or _connect(str(url), api_key, prefer_grpc, timeout_s)

    def describe(self) -> str:
        """Return where the store is, in words for people."""
        return f"Qdrant collection {self._alias} at {self._where}"

    def generations(self) -> list[int]:
        """Return the numbers of all complete generations, ascending."""
        return [number for number in self._numbers() if _MANIFEST in self._metadata(number)]

    def current(self) -> int | None:
        """Return the number of the generation that answers, or None when nothing is indexed."""
        with _server_errors(self._where):
            aliases = self._client.get_aliases().aliases
        target = {alias.alias_name: alias.collection_name for alias in aliases}.get(self._alias)
        if target is None:
            return None
        number = self._number(target)
        if number is None:
            raise StoreError(
                f"alias {self._alias} at {self._where} points to {target}, which semrec did not make; "
                "choose another collection name"
            )
        return number

    def named(self) -> int | None:
        """Return what `current` does: an alias always names a collection, or nothing."""
        return self.current()

    def manifest(self, generation: int) -> Manifest:
        """Return the manifest of a complete generation."""
        name = self._name(generation)
        metadata = self._metadata(generation) if generation in self._numbers() else {}
        if _MANIFEST not in metadata:
            raise StoreError(f"{self._where} has no complete generation {generation} ({name})")
        return load_manifest(
            metadata[_MANIFEST],
            lambda _: base64.b64decode(metadata.get(_ARRAYS, "")),
            where=f"collection {name} at {self._where}",
        )

    def create(self, vectors: Sequence[VectorField]) -> tuple[int, ServerIndex]:
        """Start the next generation, empty and invisible to readers; leftovers of dead builds are removed."""
        numbers = self._numbers()
        for number in numbers:
            self._remove_if_dead(number)
        number = max(numbers, default=0) + 1
        index = ServerIndex(self._client, self._name(number), vectors, self._where)
        with _server_errors(self._where):
            self._client.create_collection(
                self._name(number),
                vectors_config={
                    field.name: _dense_params(field) for field in vectors if field.kind != "sparse"
                },
                sparse_vectors_config={
                    field.name: models.SparseVectorParams(modifier=models.Modifier.IDF if field.idf else None)
                    for field in vectors
                    if field.kind == "sparse"
                },
            )
            index.renew_lease()
        return number, index

    def complete(self, generation: int, index: Index, manifest: Manifest) -> None:
        """Finish a build: wait for its search structures, check its count, write its manifest."""
        if not isinstance(index, ServerIndex) or index.name != self._name(generation):
            raise StoreError(f"the index is not generation {generation} of {self._alias}")
        index.build(manifest.fields)
        n_items = index.count()
        if n_items != manifest.n_items:
            raise StoreError(
                f"generation {generation} holds {n_items} items instead of {manifest.n_items}; index again"
            )
        index.close()
        with _server_errors(self._where):
            self._client.update_collection(index.name, metadata=_manifest_metadata(manifest))

    def open(self, generation: int) -> ServerIndex:
        """Open a complete generation for reading and writing."""
        vectors = self.manifest(generation).vectors
        return ServerIndex(self._client, self._name(generation), vectors, self._where)

    def rewrite_manifest(self, generation: int, manifest: Manifest) -> None:
        """Replace the manifest of a complete generation, in one atomic step."""
        self.manifest(generation)
        with _server_errors(self._where):
            self._client.update_collection(self._name(generation), metadata=_manifest_metadata(manifest))

    def borrow(self, generation: int) -> ServerIndex:
        """Open a complete generation for reading, also while others use it."""
        return self.open(generation)

    def owner(self, generation: int) -> str | None:
        """Return which process has a generation to itself: a server's nobody has."""
        return None

    def builder(self) -> str | None:
        """Return who builds a generation, as far as its lease tells; None when nobody does."""
        for number in self._numbers():
            metadata = self._metadata(number)
            if _MANIFEST not in metadata and _LEASE in metadata and not _is_dead(metadata):
                builder = metadata.get(_BUILDER, {})
                until = time.strftime("%H:%M", time.localtime(metadata[_LEASE]))
                names = {name: builder.get(name, "unknown") for name in ("pid", "command", "host")}
                return (
                    "process {pid} ({command}) on {host}".format(**names)
                    + f", which has until {until} to give a sign of life"
                )
        return None

    def make_current(self, generation: int) -> None:
        """Let readers use this generation, in one atomic step."""
        self.manifest(generation)
        remove = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=self._alias))
        create = models.CreateAliasOperation(
            create_alias=models.CreateAlias(collection_name=self._name(generation), alias_name=self._alias)
        )
        changes: list[models.AliasOperations] = [create] if self.current() is None else [remove, create]
        with _server_errors(self._where):
            self._client.update_collection_aliases(changes)

    def drop(self, generation: int) -> None:
        """Remove a generation that is not current."""
        if generation == self.current():
            raise StoreError(f"generation {generation} is current; make another one current first")
        if generation not in self._numbers():
            raise StoreError(f"{self._where} has no generation {generation} ({self._name(generation)})")
        with _server_errors(self._where):
            self._client.delete_collection(self._name(generation))

    def close(self) -> None:
        """Release the connection, if this store opened it."""
        if self._owns_client:
            self._client.close()

    def _name(self, generation: int) -> str:
        return f"{self._alias}-{generation}"

    def _number(self, collection: str) -> int | None:
        found = re.fullmatch(re.escape(self._alias) + r"-([1-9][0-9]*)", collection)
        return int(found[1]) if found else None

    def _numbers(self) -> list[int]:
        with _server_errors(self._where):
            collections = self._client.get_collections().collections
        numbers = (self._number(collection.name) for collection in collections)
        return sorted(number for number in numbers if number is not None)

    def _metadata(self, generation: int) -> Mapping[str, Any]:
        with _server_errors(self._where):
            return self._client.get_collection(self._name(generation)).config.metadata or {}

    def _remove_if_dead(self, generation: int) -> None:
        metadata = self._metadata(generation)
        if _MANIFEST not in metadata and _is_dead(metadata):
            self.drop(generation)


class ServerIndex(PointReader):
    """One generation in a collection of a Qdrant server.

    Parameters
    ----------
    client : the connection.
    name : the collection.
    vectors : the named vectors of every point.
    where : the server, for messages.
    """

    def __init__(self, client: QdrantClient, name: str, vectors: Sequence[VectorField], where: str) -> None:
        super().__init__(by_name(vectors))
        self.name = name
        self._client = client
        self._where = where
        self._leased_until: float | None = None  # a build's only
        self._closed = False

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points; each replaces the one of the same item id as a whole."""
        check_points(points, self._fields)
        if not points:
            return
        batches = list(_batches(points))
        for number, batch in enumerate(batches, start=1):
            with self._errors():
                # A shard applies writes in order: whoever waits for the last has waited for all.
                self._client.upsert(self.name, _server_points(batch), wait=number == len(batches))
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
        """Let metadata fields be filtered by; those that can be already change nothing."""
        for name, kind in fields.items():
            with self._errors():
                self._client.create_payload_index(self.name, field_path(name), _SCHEMAS[kind], wait=True)

    def delete(self, keys: Keys) -> None:
        """Delete points; unknown keys are ignored."""
        if not len(keys):
            return
        with self._errors():
            self._client.delete(self.name, models.PointIdsList(points=keys.tolist()), wait=True)

    def search(self, searches: Sequence[Search]) -> list[Hits]:
        """Answer a batch of searches, in order."""
        requests = [_query(search, self._fields) for search in searches]
        asked = [request for request in requests if request.limit]  # a server refuses a limit of 0
        answers: Iterator[models.QueryResponse] = iter(())
        if asked:
            with self._errors():
                answers = iter(self._client.query_batch_points(self.name, asked))
        return [
            self._hits(search, next(answers).points if request.limit else [])
            for search, request in zip(searches, requests, strict=True)
        ]

    def scores(self, queries: Sequence[ScoreQuery], keys: Keys) -> Float2D:
        """Return the exact score of every given item by every query, float32 (n_queries, n)."""
        kinds = [check_query(query.vector_name, query.query, self._fields).kind for query in queries]
        some, place_of_each = np.unique(keys, return_inverse=True)
        scores = np.empty((len(queries), len(some)), np.float32)
        scores[:] = [[np.nan if kind == "dense" else 0.0] for kind in kinds] or 0.0
        for start in range(0, len(some) if queries else 0, LARGE_PAGE):
            for row, hits in zip(scores, self._exact(queries, some[start : start + LARGE_PAGE]), strict=True):
                row[np.searchsorted(some, hits.keys)] = hits.scores
        return scores[:, place_of_each]

    def count(self, where: Sequence[Condition] = ()) -> int:
        """Return how many items satisfy all conditions."""
        with self._errors():
            return self._client.count(self.name, count_filter=_filter(where), exact=True).count

    def build(self, fields: Mapping[str, FieldType]) -> None:
        """Write the payload indexes and wait until the server has built its search structures."""
        self.add_fields(fields)
        while (status := self._status()) == models.CollectionStatus.YELLOW:
            self._renew_lease_if_due()
            time.sleep(_POLL_S)
        if status == models.CollectionStatus.RED:
            raise StoreError(f"collection {self.name} at {self._where} failed to build; see the server's log")

    def renew_lease(self) -> None:
        """Tell other builders that this build is alive."""
        self._leased_until = time.time() + _LEASE_S
        with self._errors():
            self._client.update_collection(
                self.name, metadata={_LEASE: self._leased_until, _BUILDER: _this_builder()}
            )

    def close(self) -> None:
        """Release the index; it cannot be used afterwards."""
        self._closed = True

    def _exact(self, queries: Sequence[ScoreQuery], keys: Keys) -> list[Hits]:
        """Return the exact scores of these items by every query, in one request."""
        only = models.Filter(must=[models.HasIdCondition(has_id=list(keys.tolist()))])
        requests = [
            models.QueryRequest(
                query=_server_vector(query.query),
                using=query.vector_name,
                params=_EXACT,
                limit=len(keys),
                filter=only,
                with_payload=False,
                with_vector=False,
            )
            for query in queries
        ]
        with self._errors():
            return [_hits(answer.points) for answer in self._client.query_batch_points(self.name, requests)]

    def _hits(self, search: Search, points: Sequence[models.ScoredPoint]) -> Hits:
        hits = _hits(points)
        if not search.with_vector:
            return hits
        field = self._fields[search.vector_name]
        raw: list[Any] = [point.vector for point in points]
        return replace(hits, vectors=tuple(read_vector(field, vector[field.name]) for vector in raw))

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
        with _server_errors(self._where):
            yield

    def _retrieve(self, ids: list[int], payload: bool | list[str], vectors: list[str]) -> Sequence[RawPoint]:
        with self._errors():
            return self._client.retrieve(
                self.name, ids, with_payload=payload, with_vectors=vectors if vectors else False
            )

    def _page(
        self, start: int, limit: int, payload: bool, vectors: list[str]
    ) -> tuple[Sequence[RawPoint], int | None]:
        with self._errors():
            points, following = self._client.scroll(
                self.name,
                offset=start,
                limit=limit,
                with_payload=payload,
                with_vectors=vectors if vectors else False,
            )
        return points, None if following is None else int(following)


def _manifest_metadata(manifest: Manifest) -> dict[str, str]:
    """Return a manifest as metadata of a collection; its arrays are base64 of the safetensors format."""
    text, arrays = dump_manifest(manifest)
    return {_MANIFEST: text, _ARRAYS: base64.b64encode(arrays).decode()}


def _this_builder() -> dict[str, object]:
    return {"host": platform.node(), **describe_this_process()}


def _is_dead(metadata: Mapping[str, Any]) -> bool:
    """Return whether a build is dead: its lease has run out, or its process is gone from this machine."""
    # No lease at all: made a moment ago, or not by semrec. Neither is ours to remove.
    if metadata.get(_LEASE, np.inf) < time.time():
        return True
    builder = metadata.get(_BUILDER, {})
    return builder.get("host") == platform.node() and not is_alive(builder["pid"])


def _connect(url: str, api_key: str | None, prefer_grpc: bool, timeout_s: float) -> QdrantClient:
    parts = urlsplit(url if "//" in url else f"//{url}")
    port = parts.port or 6333
    with warnings.catch_warnings():
        if parts.hostname in ("localhost", "127.0.0.1", "::1"):
            # A key sent to this machine in the clear is seen by nobody else.
            warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
        return QdrantClient(
            url=url,
            port=port,
            grpc_port=port + 1,
            prefer_grpc=prefer_grpc,
            api_key=api_key,
            timeout=max(1, round(timeout_s)),
            check_compatibility=False,  # it asks in a thread and warns about a server that is down
        )


def _dense_params(field: VectorField) -> models.VectorParams:
    distance = _DISTANCES[field.distance]
    if field.quantized:
        return models.VectorParams(
            size=field.dimension, distance=distance, on_disk=True, quantization_config=_INT8
        )
    if field.kind == "dense":
        return models.VectorParams(size=field.dimension, distance=distance)
    return models.VectorParams(
        size=field.dimension,
        distance=distance,
        on_disk=True,
        multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
        hnsw_config=models.HnswConfigDiff(m=0),
    )


def _server_points(points: Sequence[Point]) -> list[models.PointStruct]:
    keys = item_keys(point.record.item_id for point in points).tolist()
    return [
        models.PointStruct(
            id=key,
            vector={name: _server_vector(vector) for name, vector in stored(point.vectors)},
            payload=to_payload(point.record),
        )
        for key, point in zip(keys, points, strict=True)
    ]


def _server_vector(vector: Vector) -> Any:
    if isinstance(vector, SparseVector):
        return models.SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())
    return vector.tolist()


def _batches(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Yield the points in uploads that a server accepts."""
    batch: list[Point] = []
    n_floats = 0
    for point in points:
        size = sum(map(_n_floats, point.vectors.values()))
        if batch and n_floats + size > _BATCH_FLOATS:
            yield batch
            batch, n_floats = [], 0
        batch.append(point)
        n_floats += size
    if batch:
        yield batch


def _n_floats(vector: Vector) -> int:
    return 2 * len(vector.values) if isinstance(vector, SparseVector) else vector.size


def _query(search: Search, fields: Fields) -> models.QueryRequest:
    field = check_query(search.vector_name, search.query, fields)
    return models.QueryRequest(
        query=_server_vector(search.query),
        using=search.vector_name,
        params=_RESCORED if field.quantized else None,
        limit=max(search.limit, 0),
        filter=_filter(search.where, search.exclude),
        with_payload=False,
        with_vector=[search.vector_name] if search.with_vector else False,
    )


def _hits(points: Sequence[models.ScoredPoint]) -> Hits:
    return Hits(
        np.array([point.id for point in points], dtype=np.uint64),
        np.array([point.score for point in points], dtype=np.float32),
    )


def _filter(where: Sequence[Condition], exclude: Keys | None = None) -> models.Filter | None:
    excluded = [] if exclude is None else exclude.tolist()
    if not where and not excluded:
        return None
    return models.Filter(
        must=list(map(_condition, where)),
        must_not=[models.HasIdCondition(has_id=excluded)] if excluded else None,
    )


def _condition(condition: Condition) -> models.Condition:
    path = field_path(condition.field)
    if isinstance(condition, Range):
        within = models.Range(gte=condition.gte, gt=condition.gt, lte=condition.lte, lt=condition.lt)
        return models.FieldCondition(key=path, range=within)
    return _any_of(path, condition)


def _any_of(path: str, condition: AnyOf) -> models.Condition:
    """Return one condition for all words, and one for each number (see the embedded store's)."""
    words = [value for value in condition.values if isinstance(value, str)]
    others = [value for value in condition.values if not isinstance(value, str)]
    alternatives: list[models.Condition] = [_equals(path, value) for value in others]
    if words:
        alternatives.append(models.FieldCondition(key=path, match=models.MatchAny(any=words)))
    if not alternatives:
        return models.HasIdCondition(has_id=[])  # any of nothing: no item
    return models.Filter(should=alternatives)


def _equals(path: str, value: float) -> models.FieldCondition:
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) >= 2**53):
        return models.FieldCondition(key=path, match=models.MatchValue(value=value))
    return models.FieldCondition(key=path, range=models.Range(gte=value, lte=value))


@contextmanager
def _server_errors(where: str) -> Iterator[None]:
    """Turn what the client raises into store errors. No message repeats the key."""
    try:
        yield
    except UnexpectedResponse as error:
        raise _refusal(where, error.status_code or 0, _reason(error.content)) from None
    except (ResponseHandlingException, QdrantException) as error:
        raise _unreachable(where, str(getattr(error, "source", error))) from None
    except grpc.RpcError as error:
        raise _grpc_error(where, error) from None
    except json.JSONDecodeError:
        raise _unreachable(where, "what listens there is not Qdrant") from None
    except ValueError as error:  # the client's own checks, and all errors of its in-memory mode
        raise StoreError(f"Qdrant at {where} refused the request: {error}") from error


def _grpc_error(where: str, error: Any) -> StoreError:
    code, details = error.code(), str(error.details())
    statuses = {
        grpc.StatusCode.UNAUTHENTICATED: 401,
        grpc.StatusCode.PERMISSION_DENIED: 403,
        grpc.StatusCode.NOT_FOUND: 404,
    }
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        hint = " (this was gRPC, one port above the URL's; SEMREC_QDRANT_PREFER_GRPC=false uses the URL's)"
        return _unreachable(where, details + hint)
    return _refusal(where, statuses.get(code, 0), details)


def _refusal(where: str, status: int, reason: str) -> StoreError:
    if status in (401, 403):
        return StoreUnavailableError(
            f"the Qdrant server at {where} refuses the API key; set SEMREC_QDRANT_API_KEY to the right one"
        )
    if status in (429, 502, 503, 504):
        return _unreachable(where, f"status {status} {reason}")
    if status == 404:
        return StoreError(f"Qdrant at {where} does not have this collection any more ({reason}); index again")
    return StoreError(f"Qdrant at {where} refused the request: {reason or f'status {status}'}")


def _unreachable(where: str, reason: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"the Qdrant server at {where} does not answer: {' '.join(reason.split())[:300]}; "
        "is it running, and is the URL right?"
    )


def _reason(content: bytes) -> str:
    """Return what the server says went wrong, on one line."""
    try:
        reason = str(json.loads(content)["status"]["error"])
    except (ValueError, KeyError, TypeError):
        reason = content.decode(errors="replace")
    return " ".join(reason.split())[:300]
