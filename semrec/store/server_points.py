"""How an index reads points of its collection: one protocol, over gRPC or through the client's models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from semrec.store.fetched_items import RawPoint
from semrec.store.protocol import Hits, ScoreQuery, Search
from semrec.types import Float2D, Keys


class ServerPoints(Protocol):
    """Reads points of one collection; every call is one request. Errors are those of the client."""

    def search(self, searches: Sequence[Search]) -> list[Hits]:
        """Answer a batch of searches, each with a limit of at least 1, in order."""

    def scores(self, queries: Sequence[ScoreQuery], keys: Keys) -> Float2D:
        """Return the exact score of every item by every query.

        Parameters
        ----------
        queries : at least one.
        keys : uint64 (n,), ascending, each once.

        Returns
        -------
        float32 (n_queries, n); NaN for an item that the server gives no score.
        """

    def retrieve(self, ids: list[int], payload: bool | list[str], vectors: list[str]) -> Sequence[RawPoint]:
        """Return the points that exist, in any order; a list names the parts of the payload that are read."""

    def page(
        self, start: int, limit: int, payload: bool, vectors: list[str]
    ) -> tuple[Sequence[RawPoint], int | None]:
        """Return up to `limit` points from key `start` on, ascending, and the next key (None: no more)."""
