"""Points over gRPC: the messages of the client's stubs, and numpy.

The client itself turns every point into pydantic objects and every vector into a list of floats. For the
hundreds of points of one answer that takes longer than the server needs to answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
from qdrant_client import QdrantClient, grpc
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc

from semrec.store.points import Fields, as_query
from semrec.store.protocol import Hits, ScoreQuery, Search, SparseVector, Vector
from semrec.store.server_messages import EXACT, RESCORED, filter_model
from semrec.types import Float1D, Float2D, Keys

_key, _score = attrgetter("id.num"), attrgetter("score")

_EXACT = RestToGrpc.convert_search_params(EXACT)
_RESCORED = RestToGrpc.convert_search_params(RESCORED)
_NO_PAYLOAD = grpc.WithPayloadSelector(enable=False)
_NO_VECTORS = grpc.WithVectorsSelector(enable=False)


class GrpcPoint:
    """A point as it was read; its payload and each of its vectors are decoded on access.

    Parameters
    ----------
    message : the point.
    """

    def __init__(self, message: grpc.RetrievedPoint) -> None:
        self._message = message
        self.id: int = message.id.num
        self.vector = _Vectors(message.vectors.vectors.vectors)

    @cached_property
    def payload(self) -> dict[str, Any]:
        """The payload, or the part of it that was read."""
        return GrpcToRest.convert_payload(self._message.payload)


class _Vectors:
    """Vectors by name, as numpy."""

    __slots__ = ("_messages",)

    def __init__(self, messages: Mapping[str, grpc.VectorOutput]) -> None:
        self._messages = messages

    def __contains__(self, name: str) -> bool:
        return name in self._messages

    def get(self, name: str) -> Vector | None:
        """Return the vector of this name; None if the point has none."""
        return vector_of(self._messages[name]) if name in self._messages else None


class GrpcPoints:
    """`ServerPoints` on top of the client's gRPC stubs, which add the API key.

    Parameters
    ----------
    client : the connection.
    collection : the collection.
    fields : the named vectors of its points.
    timeout_s : longest wait for one answer, seconds.
    """

    def __init__(self, client: QdrantClient, collection: str, fields: Fields, timeout_s: float) -> None:
        self._client = client
        self._collection = collection
        self._fields = fields
        self._timeout_s = timeout_s

    def search(self, searches: Sequence[Search]) -> list[Hits]:
        """Answer a batch of searches, each with a limit of at least 1, in order."""
        filters: dict[tuple[Any, bytes], grpc.Filter | None] = {}  # most searches of a batch share one
        request = grpc.QueryBatchPoints(collection_name=self._collection)
        for search in searches:
            conditions = search.where, search.exclude.tobytes()
            if conditions not in filters:
                filters[conditions] = _filter(search)
            request.query_points.add(
                collection_name=self._collection,
                query=_nearest(as_query(search.query, self._fields[search.vector_name])),
                using=search.vector_name,
                params=_RESCORED if self._fields[search.vector_name].quantized else None,
                limit=search.limit,
                filter=filters[conditions],
                with_payload=_NO_PAYLOAD,
                with_vectors=_with_vectors([search.vector_name] if search.with_vector else []),
            )
        return [
            _hits(points, search.vector_name if search.with_vector else None)
            for search, points in zip(searches, self._answer(request), strict=True)
        ]

    def scores(self, queries: Sequence[ScoreQuery], keys: Keys) -> Float2D:
        """Return the exact score of every item by every query, float32 (n_queries, n); NaN without one."""
        only = grpc.Filter(must=[_has_id(keys)])
        request = grpc.QueryBatchPoints(collection_name=self._collection)
        for query in queries:
            request.query_points.add(
                collection_name=self._collection,
                query=_nearest(as_query(query.query, self._fields[query.vector_name])),
                using=query.vector_name,
                params=_EXACT,
                limit=len(keys),
                filter=only,
                with_payload=_NO_PAYLOAD,
                with_vectors=_NO_VECTORS,
            )
        answers = self._answer(request)
        n_hits = [len(answer) for answer in answers]
        rows = np.repeat(np.arange(len(queries)), n_hits)
        columns = np.searchsorted(keys, _keys(chain.from_iterable(answers), sum(n_hits)))
        scores = np.full((len(queries), len(keys)), np.nan, np.float32)
        scores[rows, columns] = _scores(chain.from_iterable(answers), sum(n_hits))
        return scores

    def retrieve(self, ids: list[int], payload: bool | list[str], vectors: list[str]) -> list[GrpcPoint]:
        """Return the points that exist, in any order; a list names the parts of the payload that are read."""
        request = grpc.GetPoints(
            collection_name=self._collection,
            ids=[grpc.PointId(num=key) for key in ids],
            with_payload=_with_payload(payload),
            with_vectors=_with_vectors(vectors),
        )
        answer = self._client.grpc_points.Get(request, timeout=self._timeout_s)
        return [GrpcPoint(point) for point in answer.result]

    def page(
        self, start: int, limit: int, payload: bool, vectors: list[str]
    ) -> tuple[list[GrpcPoint], int | None]:
        """Return up to `limit` points from key `start` on, ascending, and the next key (None: no more)."""
        request = grpc.ScrollPoints(
            collection_name=self._collection,
            offset=grpc.PointId(num=start),
            limit=limit,
            with_payload=_with_payload(payload),
            with_vectors=_with_vectors(vectors),
        )
        answer = self._client.grpc_points.Scroll(request, timeout=self._timeout_s)
        following = answer.next_page_offset.num if answer.HasField("next_page_offset") else None
        return [GrpcPoint(point) for point in answer.result], following

    def _answer(self, request: grpc.QueryBatchPoints) -> list[Sequence[grpc.ScoredPoint]]:
        answer = self._client.grpc_points.QueryBatch(request, timeout=self._timeout_s)
        return [one.result for one in answer.result]


def vector_of(message: grpc.VectorOutput) -> Vector:
    """Return a vector as numpy: dense float32 (dim,), multi float32 (n_rows, dim), or sparse.

    Older servers send one flat list of numbers, with the indices or the number of rows beside it.
    """
    kind = message.WhichOneof("vector")
    if kind == "dense":
        return _floats(message.dense.data)
    if kind == "sparse":
        return SparseVector(np.array(message.sparse.indices, dtype=np.uint32), _floats(message.sparse.values))
    if kind == "multi_dense":
        return np.stack([_floats(row.data) for row in message.multi_dense.vectors])
    if message.HasField("indices"):
        return SparseVector(np.array(message.indices.data, dtype=np.uint32), _floats(message.data))
    if message.HasField("vectors_count"):
        return _floats(message.data).reshape(message.vectors_count, -1)
    return _floats(message.data)


def _floats(numbers: Any) -> Float1D:
    return np.array(numbers, dtype=np.float32)


# Points are never collected in a list: so many objects at once would start the garbage collector.
def _keys(points: Iterable[grpc.ScoredPoint], n_points: int) -> Keys:
    return np.fromiter(map(_key, points), np.uint64, n_points)


def _scores(points: Iterable[grpc.ScoredPoint], n_points: int) -> Float1D:
    return np.fromiter(map(_score, points), np.float32, n_points)


def _hits(points: Sequence[grpc.ScoredPoint], vector_name: str | None = None) -> Hits:
    """Return an answer as arrays, with the hits' vectors of one field if it is named."""
    return Hits(
        _keys(points, len(points)),
        _scores(points, len(points)),
        tuple(vector_of(point.vectors.vectors.vectors[vector_name]) for point in points)
        if vector_name
        else None,
    )


def _nearest(query: Vector) -> grpc.Query:
    if isinstance(query, SparseVector):
        vector = grpc.VectorInput(
            sparse=grpc.SparseVector(indices=query.indices.tolist(), values=query.values.tolist())
        )
    elif query.ndim == 2:
        rows = [grpc.DenseVector(data=row) for row in query.tolist()]
        vector = grpc.VectorInput(multi_dense=grpc.MultiDenseVector(vectors=rows))
    else:
        vector = grpc.VectorInput(dense=grpc.DenseVector(data=query.tolist()))
    return grpc.Query(nearest=vector)


def _filter(search: Search) -> grpc.Filter | None:
    conditions = filter_model(search.where)
    if conditions is None and not len(search.exclude):
        return None
    message = RestToGrpc.convert_filter(conditions) if conditions else grpc.Filter()
    if len(search.exclude):
        message.must_not.append(_has_id(search.exclude))
    return message


def _has_id(keys: Keys) -> grpc.Condition:
    ids = [grpc.PointId(num=key) for key in keys.tolist()]
    return grpc.Condition(has_id=grpc.HasIdCondition(has_id=ids))


def _with_payload(payload: bool | list[str]) -> grpc.WithPayloadSelector:
    if isinstance(payload, bool):
        return grpc.WithPayloadSelector(enable=payload)
    return grpc.WithPayloadSelector(include=grpc.PayloadIncludeSelector(fields=payload))


def _with_vectors(names: list[str]) -> grpc.WithVectorsSelector:
    if not names:
        return _NO_VECTORS
    return grpc.WithVectorsSelector(include=grpc.VectorsSelector(names=names))
