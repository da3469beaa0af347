"""Points through the client's models: over REST, or from its in-memory mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qdrant_client import QdrantClient, models

from semrec.store.fetched_items import RawPoint
from semrec.store.points import Fields, as_query, read_vector
from semrec.store.protocol import Hits, ScoreQuery, Search, VectorField
from semrec.store.server_messages import EXACT, RESCORED, filter_model, vector_model
from semrec.types import Float2D, Keys


class ModelPoints:
    """`ServerPoints` on top of the client's own methods.

    Parameters
    ----------
    client : the connection.
    collection : the collection.
    fields : the named vectors of its points.
    """

    def __init__(self, client: QdrantClient, collection: str, fields: Fields) -> None:
        self._client = client
        self._collection = collection
        self._fields = fields

    def search(self, searches: Sequence[Search]) -> list[Hits]:
        """Answer a batch of searches, each with a limit of at least 1, in order."""
        requests = [
            models.QueryRequest(
                query=vector_model(as_query(search.query, self._fields[search.vector_name])),
                using=search.vector_name,
                params=RESCORED if self._fields[search.vector_name].quantized else None,
                limit=search.limit,
                filter=filter_model(search.where, search.exclude),
                with_payload=False,
                with_vector=[search.vector_name] if search.with_vector else False,
            )
            for search in searches
        ]
        answers = self._client.query_batch_points(self._collection, requests)
        return [
            _hits(answer.points, self._fields[search.vector_name] if search.with_vector else None)
            for search, answer in zip(searches, answers, strict=True)
        ]

    def scores(self, queries: Sequence[ScoreQuery], keys: Keys) -> Float2D:
        """Return the exact score of every item by every query, float32 (n_queries, n); NaN without one."""
        only = models.Filter(must=[models.HasIdCondition(has_id=list(keys.tolist()))])
        requests = [
            models.QueryRequest(
                query=vector_model(as_query(query.query, self._fields[query.vector_name])),
                using=query.vector_name,
                params=EXACT,
                limit=len(keys),
                filter=only,
                with_payload=False,
                with_vector=False,
            )
            for query in queries
        ]
        scores = np.full((len(queries), len(keys)), np.nan, np.float32)
        answers = self._client.query_batch_points(self._collection, requests)
        for row, hits in zip(scores, (_hits(answer.points) for answer in answers), strict=True):
            row[np.searchsorted(keys, hits.keys)] = hits.scores
        return scores

    def retrieve(self, ids: list[int], payload: bool | list[str], vectors: list[str]) -> Sequence[RawPoint]:
        """Return the points that exist, in any order; a list names the parts of the payload that are read."""
        return self._client.retrieve(
            self._collection, ids, with_payload=payload, with_vectors=vectors if vectors else False
        )

    def page(
        self, start: int, limit: int, payload: bool, vectors: list[str]
    ) -> tuple[Sequence[RawPoint], int | None]:
        """Return up to `limit` points from key `start` on, ascending, and the next key (None: no more)."""
        points, following = self._client.scroll(
            self._collection,
            offset=start,
            limit=limit,
            with_payload=payload,
            with_vectors=vectors if vectors else False,
        )
        return points, None if following is None else int(following)


def _hits(points: Sequence[models.ScoredPoint], field: VectorField | None = None) -> Hits:
    """Return an answer as arrays; `field` is the one whose vectors the hits bring."""
    vectors: list[Any] = [point.vector for point in points] if field else []
    return Hits(
        np.array([point.id for point in points], dtype=np.uint64),
        np.array([point.score for point in points], dtype=np.float32),
        tuple(read_vector(field, vector[field.name]) for vector in vectors) if field else None,
    )
