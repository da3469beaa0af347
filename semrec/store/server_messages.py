"""Requests to a Qdrant server, in the models of its client: collections, points and filters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from qdrant_client import models

from semrec.store.item_limits import rough_size
from semrec.store.points import field_path, stored, to_payload
from semrec.store.protocol import OVERSAMPLING, Point, SparseVector, Vector, VectorField
from semrec.types import AnyOf, Condition, Either, Exists, Keys, Not, Range, item_keys

UPLOAD_FLOATS = 500_000
"""Numbers in one upload: about 10 MB as JSON; a server accepts 32 MB."""
UPLOAD_BYTES = 3 * 2**20
"""Bytes of texts and metadata in one upload; escaped in JSON they can be six times as many."""

_DISTANCES = {"cosine": models.Distance.COSINE, "dot": models.Distance.DOT}
_INT8 = models.ScalarQuantization(
    scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
)
_NO_GRAPH = models.HnswConfigDiff(m=0)
RESCORED = models.SearchParams(
    quantization=models.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
)
"""A search in int8 whose hits are scored again by the exact vectors."""
EXACT = models.SearchParams(exact=True, quantization=models.QuantizationSearchParams(ignore=True))
"""A search that compares every item that passes the filter, by the exact vectors."""
SCHEMAS = {
    "keyword": models.PayloadSchemaType.KEYWORD,
    "integer": models.PayloadSchemaType.INTEGER,
    "float": models.PayloadSchemaType.FLOAT,
    "bool": models.PayloadSchemaType.BOOL,
}


def vectors_config(fields: Sequence[VectorField]) -> dict[str, models.VectorParams]:
    """Return the configuration of the dense and multi-vectors of a collection, by name."""
    return {field.name: _dense_params(field) for field in fields if field.kind != "sparse"}


def sparse_vectors_config(fields: Sequence[VectorField]) -> dict[str, models.SparseVectorParams]:
    """Return the configuration of the sparse vectors of a collection, by name."""
    return {
        field.name: models.SparseVectorParams(modifier=models.Modifier.IDF if field.idf else None)
        for field in fields
        if field.kind == "sparse"
    }


def _dense_params(field: VectorField) -> models.VectorParams:
    distance = _DISTANCES[field.distance]
    if field.quantized:
        return models.VectorParams(
            size=field.dimension, distance=distance, on_disk=True, quantization_config=_INT8
        )
    if field.kind == "dense":
        graph = None if field.searched else _NO_GRAPH
        return models.VectorParams(size=field.dimension, distance=distance, hnsw_config=graph)
    return models.VectorParams(
        size=field.dimension,
        distance=distance,
        on_disk=True,
        multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
        hnsw_config=None if field.searched else _NO_GRAPH,
    )


def point_structs(points: Sequence[Point]) -> list[models.PointStruct]:
    """Return points as the client uploads them."""
    keys = item_keys(point.record.item_id for point in points).tolist()
    return [
        models.PointStruct(
            id=key,
            vector={name: vector_model(vector) for name, vector in stored(point.vectors)},
            payload=to_payload(point.record),
        )
        for key, point in zip(keys, points, strict=True)
    ]


def vector_model(vector: Vector) -> Any:
    """Return a vector, of an item or of a query, as the client sends it."""
    if isinstance(vector, SparseVector):
        return models.SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())
    return vector.tolist()


def upload_batches(points: Sequence[Point], max_floats: int = UPLOAD_FLOATS) -> Iterator[list[Point]]:
    """Yield the points in uploads of a size that a server accepts.

    Parameters
    ----------
    points : in order.
    max_floats : numbers in one upload; a single point may have more.
    """
    batch: list[Point] = []
    n_floats = n_batch_bytes = 0
    for point in points:
        size = sum(map(_n_floats, point.vectors.values()))
        n_bytes = rough_size(to_payload(point.record))
        if batch and (n_floats + size > max_floats or n_batch_bytes + n_bytes > UPLOAD_BYTES):
            yield batch
            batch, n_floats, n_batch_bytes = [], 0, 0
        batch.append(point)
        n_floats, n_batch_bytes = n_floats + size, n_batch_bytes + n_bytes
    if batch:
        yield batch


def _n_floats(vector: Vector) -> int:
    return 2 * len(vector.values) if isinstance(vector, SparseVector) else vector.size


def filter_model(where: Sequence[Condition], exclude: Keys | None = None) -> models.Filter | None:
    """Return the filter for items that meet all conditions; None when every item passes.

    Parameters
    ----------
    where : conditions on metadata fields.
    exclude : keys that do not pass.
    """
    excluded = [] if exclude is None else exclude.tolist()
    if not where and not excluded:
        return None
    return models.Filter(
        must=list(map(_condition, where)),
        must_not=[models.HasIdCondition(has_id=excluded)] if excluded else None,
    )


def _condition(condition: Condition) -> models.Condition:
    if isinstance(condition, Not):
        return models.Filter(must_not=[_condition(condition.condition)])
    if isinstance(condition, Either):
        alternatives = [
            models.Filter(must=list(map(_condition, all_of))) for all_of in condition.alternatives
        ]
        return models.Filter(should=list(alternatives)) if alternatives else models.HasIdCondition(has_id=[])
    path = field_path(condition.field)
    if isinstance(condition, Exists):
        return models.Filter(must_not=[models.IsEmptyCondition(is_empty=models.PayloadField(key=path))])
    if isinstance(condition, Range):
        within = models.Range(gte=condition.gte, gt=condition.gt, lte=condition.lte, lt=condition.lt)
        return models.FieldCondition(key=path, range=within)
    return _any_of(path, condition)


def _any_of(path: str, condition: AnyOf) -> models.Condition:
    """Return one condition for all texts, and one for each number.

    A number is a range from itself to itself: so 3 finds a stored 3.0, and 3.0 a stored 3.
    """
    texts = [value for value in condition.values if isinstance(value, str)]
    others = [value for value in condition.values if not isinstance(value, str)]
    alternatives: list[models.Condition] = [_equals(path, value) for value in others]
    if texts:
        alternatives.append(models.FieldCondition(key=path, match=models.MatchAny(any=texts)))
    if not alternatives:
        return models.HasIdCondition(has_id=[])  # no value is allowed: no item
    return models.Filter(should=alternatives)


def _equals(path: str, value: float) -> models.FieldCondition:
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) >= 2**53):
        return models.FieldCondition(key=path, match=models.MatchValue(value=value))
    return models.FieldCondition(key=path, range=models.Range(gte=value, lte=value))
