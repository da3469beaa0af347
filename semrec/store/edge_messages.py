"""Requests to Qdrant Edge: configuration, points, queries and filters in its own classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import qdrant_edge as qe

from semrec.store.point_checksums import OF_VECTORS, as_stored, vectors_checksum
from semrec.store.points import Fields, check_query, field_path, stored, to_payload
from semrec.store.protocol import OVERSAMPLING, Hits, Point, Search, SparseVector, Vector, VectorField
from semrec.types import AnyOf, Condition, Either, Exists, Keys, Not, Range

_DISTANCES = {"cosine": qe.Distance.Cosine, "dot": qe.Distance.Dot}
_INT8 = qe.ScalarQuantizationConfig(qe.ScalarType.Int8, memory=qe.Memory.Pinned)
_RESCORED = qe.SearchParams(quantization=qe.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING))
_NO_GRAPH = qe.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000)
SCHEMAS = {
    "keyword": qe.PayloadSchemaType.Keyword,
    "integer": qe.PayloadSchemaType.Integer,
    "float": qe.PayloadSchemaType.Float,
    "bool": qe.PayloadSchemaType.Bool,
}

EdgeCondition: TypeAlias = qe.FieldCondition | qe.HasIdCondition | qe.Filter


def shard_config(fields: Sequence[VectorField]) -> qe.EdgeConfig:
    """Return the configuration of a shard with these named vectors."""
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
    # A graph of single numbers has no use.
    if field.dimension == 1 or (field.kind == "dense" and not field.searched):
        return qe.EdgeVectorParams(field.dimension, distance, hnsw_config=_NO_GRAPH)
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
        hnsw_config=None if field.searched else _NO_GRAPH,
    )


def edge_point(key: int, point: Point, fields: Fields) -> qe.Point:
    """Return a point as the engine stores it, with its checksums."""
    vectors = {name: as_stored(fields[name], vector) for name, vector in stored(point.vectors)}
    payload = {**to_payload(point.record), OF_VECTORS: vectors_checksum(vectors)}
    return qe.Point(key, {name: _edge_vector(vector) for name, vector in vectors.items()}, payload)


def _edge_vector(vector: Vector) -> qe.SparseVector | list[float] | list[list[float]]:
    if isinstance(vector, SparseVector):
        return qe.SparseVector(vector.indices.tolist(), vector.values.tolist())
    return vector.tolist()


def search_request(search: Search, fields: Fields, among: qe.HasIdCondition | None) -> qe.QueryRequest:
    """Return the request of a search.

    Parameters
    ----------
    search : what to search.
    fields : the named vectors of the index.
    among : search only these items; None: all.

    Raises
    ------
    StoreError
        The query does not fit its field.
    """
    field = check_query(search.vector_name, search.query, fields)
    only = edge_filter(search.where, search.exclude, among)
    return query_request(field, search.query, max(search.limit, 0), only)


def query_request(field: VectorField, query: Vector, limit: int, only: qe.Filter | None) -> qe.QueryRequest:
    """Return the request for the nearest items that pass a filter."""
    return qe.QueryRequest(
        limit,
        query=qe.Query.Nearest(_edge_vector(query), using=field.name),
        filter=only,
        with_payload=False,
        with_vector=False,
        params=_RESCORED if field.quantized else None,
    )


def hits_of(answer: Sequence[qe.ScoredPoint]) -> Hits:
    """Return an answer of the engine as arrays."""
    return Hits(
        np.array([point.id for point in answer], dtype=np.uint64),
        np.array([point.score for point in answer], dtype=np.float32),
    )


def edge_filter(
    where: Sequence[Condition], exclude: Keys | None = None, among: qe.HasIdCondition | None = None
) -> qe.Filter | None:
    """Return the filter for items that meet all conditions; None when every item passes.

    Parameters
    ----------
    where : conditions on metadata fields.
    exclude : keys that do not pass.
    among : the only keys that may pass.
    """
    excluded = exclude is not None and len(exclude) > 0
    if not where and not excluded and not among:
        return None
    return qe.Filter(
        must=[*map(_condition, where), *([among] if among else [])],
        must_not=[qe.HasIdCondition(set(exclude.tolist()))] if exclude is not None and excluded else None,
    )


def _condition(condition: Condition) -> EdgeCondition:
    if isinstance(condition, Not):
        return qe.Filter(must_not=[_condition(condition.condition)])
    if isinstance(condition, Either):
        alternatives = [qe.Filter(must=list(map(_condition, all_of))) for all_of in condition.alternatives]
        return qe.Filter(should=list(alternatives)) if alternatives else qe.HasIdCondition(set())
    path = field_path(condition.field)
    if isinstance(condition, Exists):
        return qe.Filter(must_not=[qe.IsEmptyCondition(path)])
    if isinstance(condition, Range):
        within = qe.RangeFloat(gte=condition.gte, gt=condition.gt, lte=condition.lte, lt=condition.lt)
        return qe.FieldCondition(path, range=within)
    return _any_of(path, condition)


def _any_of(path: str, condition: AnyOf) -> EdgeCondition:
    """Return one condition for all texts, and one for each number.

    A number is a range from itself to itself: so 3 finds a stored 3.0, and 3.0 a stored 3.
    """
    texts = [value for value in condition.values if isinstance(value, str)]
    others = [value for value in condition.values if not isinstance(value, str)]
    alternatives: list[EdgeCondition] = [_equals(path, value) for value in others]
    if texts:
        alternatives.append(qe.FieldCondition(path, match=qe.MatchAny(any=texts)))
    if not alternatives:
        return qe.HasIdCondition(set())  # no value is allowed: no item
    return qe.Filter(should=list(alternatives))


def _equals(path: str, value: float) -> qe.FieldCondition:
    if isinstance(value, bool):
        # Edge 0.9 reads a Python bool as the integer 0 or 1, which matches no stored bool; numpy.bool works.
        return qe.FieldCondition(path, match=qe.MatchValue(np.bool_(value)))  # type: ignore[arg-type]
    if isinstance(value, int) and abs(value) >= 2**53:
        return qe.FieldCondition(path, match=qe.MatchValue(value))  # too large for exact floats
    return qe.FieldCondition(path, range=qe.RangeFloat(gte=value, lte=value))
