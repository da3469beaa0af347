"""A client around Qdrant's in-memory mode that answers late, as in a cluster, or is away for a while."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

_CHANGES = ("create_collection", "update_collection", "delete_collection", "update_collection_aliases")


class FakeClock:
    """A clock that moves only during `sleep`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@dataclass
class Known:
    """What a node knows of its collections from a moment on."""

    since: float
    metadata: dict[str, dict[str, Any]]
    aliases: dict[str, str]
    payload_indexes: dict[str, set[str]] = field(default_factory=dict)


class UnreliableClient:
    """The client of a node.

    Parameters
    ----------
    clock : moves when its caller waits.
    stale_s : changes of collections, metadata, aliases and payload indexes can be read so much later.

    Attributes
    ----------
    memory : the in-memory mode, for what is really stored.
    calls : names of the methods that were called, in order.
    """

    def __init__(self, clock: FakeClock, stale_s: float = 0.0) -> None:
        self.memory = QdrantClient(":memory:")
        self.init_options: dict[str, Any] = {}  # so that payload indexes are waited for
        self.calls: list[str] = []
        self.clock = clock
        self.stale_s = stale_s
        self._leaves: tuple[str, int, float] | None = None
        self._loses_answer = False
        self._status: int | None = None
        self._back_at = 0.0
        self._payload_indexes: dict[str, set[str]] = {}
        self._history = [Known(0.0, {}, {})]

    def leave(
        self,
        method: str,
        after: int = 0,
        seconds: float = 10.0,
        *,
        loses_answer: bool = False,
        status: int | None = None,
    ) -> None:
        """Be away for some seconds from a call of a method on.

        Parameters
        ----------
        method : name of the method.
        after : number of its calls that are answered before.
        seconds : how long.
        loses_answer : the call itself is carried out, but its answer does not arrive.
        status : HTTP status of the answers meanwhile; None: no answer.
        """
        self._leaves = method, after, seconds
        self._loses_answer = loses_answer
        self._status = status

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.memory, name)
        if not callable(method) or name == "close":
            return method

        def call(*arguments: Any, **options: Any) -> Any:
            self.calls.append(name)
            starts = self._starts_leaving(name)
            if self.clock.now < self._back_at and not (starts and self._loses_answer):
                raise self._fault("connection refused")
            answer = self._answer(name, method, arguments, options)
            if starts:
                raise self._fault("connection reset by peer")
            return answer

        return call

    def _fault(self, reason: str) -> Exception:
        if self._status is None:
            return ResponseHandlingException(ConnectionError(reason))
        return UnexpectedResponse(self._status, reason, reason.encode(), None)

    def _starts_leaving(self, name: str) -> bool:
        if self._leaves is None or self._leaves[0] != name:
            return False
        _, after, seconds = self._leaves
        self._leaves = (name, after - 1, seconds) if after else None
        if not after:
            self._back_at = self.clock.now + seconds
        return not after

    def _answer(self, name: str, method: Any, arguments: Any, options: Any) -> Any:
        if name == "get_collections":
            names = self._known().metadata
            return models.CollectionsResponse(
                collections=[models.CollectionDescription(name=name) for name in names]
            )
        if name == "get_aliases":
            aliases = self._known().aliases.items()
            return models.CollectionsAliasesResponse(
                aliases=[
                    models.AliasDescription(alias_name=alias, collection_name=name) for alias, name in aliases
                ]
            )
        if name == "get_collection":
            return self._info(*arguments)
        if name == "create_payload_index":
            collection, path, *_ = arguments
            self._payload_indexes.setdefault(collection, set()).add(path.replace('"', ""))
            self._note()
            return None
        answer = method(*arguments, **options)
        if name in _CHANGES:
            self._note()
        return answer

    def _info(self, name: str) -> models.CollectionInfo:
        known = self._known()
        if name not in known.metadata:
            raise UnexpectedResponse(404, "Not Found", b"no such collection", None)
        info = copy.deepcopy(self.memory.get_collection(name))
        info.config.metadata = known.metadata[name]
        indexed = known.payload_indexes.get(name, ())
        info.payload_schema = {
            path: models.PayloadIndexInfo(data_type=models.PayloadSchemaType.KEYWORD, points=0)
            for path in indexed
        }
        return info

    def _note(self) -> None:
        names = [collection.name for collection in self.memory.get_collections().collections]
        self._history.append(
            Known(
                self.clock.now + self.stale_s,
                {
                    name: copy.deepcopy(self.memory.get_collection(name).config.metadata or {})
                    for name in names
                },
                {one.alias_name: one.collection_name for one in self.memory.get_aliases().aliases},
                copy.deepcopy(self._payload_indexes),
            )
        )

    def _known(self) -> Known:
        return [known for known in self._history if known.since <= self.clock.now][-1]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def unreliable(clock):
    """A client with this clock."""
    client = UnreliableClient(clock)
    yield client
    client.memory.close()
