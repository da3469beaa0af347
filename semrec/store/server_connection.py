"""A connection to a Qdrant server: its client, how points are read through it, and how calls are repeated.

A server may be away for some seconds, because it restarts. So a call is repeated, with growing pauses, for as
long as `semrec.store.patience` says; every call of semrec can be made twice without harm. A server that has
never answered is more likely not there, or has another address: then the time is short.

In a cluster a node may answer with what it knew before a change. So a change is waited for until it can be
read.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from qdrant_client import QdrantClient
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential, wait_random

from semrec.store.patience import SHORT_S, Clock, patience_s
from semrec.store.points import Fields
from semrec.store.server_errors import ServerAwayError, server_errors
from semrec.store.server_grpc import GrpcPoints
from semrec.store.server_points import ServerPoints
from semrec.store.server_rest import ModelPoints

T = TypeVar("T")

log = logging.getLogger("semrec")

_PAUSES = wait_exponential(multiplier=0.01, max=2) + wait_random(0, 0.01)
_SILENT_S = 2.0
_RECONNECT_MS = 1000
"""Longest pause of a gRPC channel between two attempts to connect; by default two minutes."""


@dataclass(slots=True)
class Connection:
    """A client of a Qdrant server.

    Parameters
    ----------
    client : the client.
    where : the server, for messages.
    points_of : collection, named vectors -> reader of its points.
    clock : for pauses between attempts.
    has_answered : whether the server has answered a call.
    """

    client: QdrantClient
    where: str
    points_of: Callable[[str, Fields], ServerPoints]
    clock: Clock = time
    has_answered: bool = False

    @property
    def lists_payload_indexes(self) -> bool:
        """Whether payload indexes can be read; the client's in-memory mode has none."""
        options = self.client.init_options
        return options.get("location") != ":memory:" and not options.get("path")

    def call(self, method: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Call a method of the client; while the server is away, call it again.

        Raises
        ------
        StoreUnavailableError
            The server is still away after the time that `patience_s` allows, or it refuses the API key.
        StoreError
            The server refuses the request.
        """

        def attempt() -> T:
            with server_errors(self.where):
                answer = method(*arguments, **options)
            self.has_answered = True
            return answer

        return self._repeat(attempt, patience_s() if self.has_answered else SHORT_S)

    def wait_until(self, is_readable: Callable[[], bool], change: str) -> None:
        """Wait until a change can be read.

        Parameters
        ----------
        is_readable : reads from the server.
        change : what was written, for the message.

        Raises
        ------
        StoreUnavailableError
            It cannot be read after the time that `patience_s` allows.
        """

        def look() -> None:
            if not is_readable():
                raise ServerAwayError(
                    f"the Qdrant server at {self.where} has accepted {change}, but still answers with what "
                    "was there before; are all nodes of the cluster running?"
                )

        self._repeat(look, patience_s())

    def _repeat(self, attempt: Callable[[], T], longest_s: float) -> T:
        until = self.clock.monotonic() + longest_s
        repeating = Retrying(
            retry=retry_if_exception_type(ServerAwayError),
            stop=lambda _: self.clock.monotonic() >= until,
            wait=_PAUSES,
            sleep=self.clock.sleep,
            before_sleep=partial(_warn_once, longest_s),
            reraise=True,
        )
        return repeating(attempt)


def _warn_once(longest_s: float, state: RetryCallState) -> None:
    """Say once that a call is repeated, because the pause is long."""
    if state.outcome and state.idle_for - state.upcoming_sleep < _SILENT_S <= state.idle_for:
        log.warning("%s (trying again for up to %.0f s)", state.outcome.exception(), longest_s)


def connect(
    url: str, *, api_key: str | None, prefer_grpc: bool, timeout_s: float, clock: Clock = time
) -> Connection:
    """Return a connection; nothing is sent yet.

    Parameters
    ----------
    url : REST address of the server; gRPC is expected one port above it, as Qdrant does (6333, 6334).
    api_key : the server's key; never part of a message.
    prefer_grpc : use gRPC where there is a choice.
    timeout_s : longest wait for one answer, seconds.
    clock : for pauses between attempts.

    Raises
    ------
    StoreError
        The URL is not one.
    """
    with server_errors(url):
        client = _client(url, api_key, prefer_grpc, timeout_s)
    if prefer_grpc:
        return Connection(client, url, partial(GrpcPoints, client, timeout_s=timeout_s), clock)
    return connection_of(client, url, clock)


def connection_of(client: QdrantClient, where: str = "the given client", clock: Clock = time) -> Connection:
    """Return a connection that reads points through the methods of a client, also of an in-memory one."""
    return Connection(client, where, partial(ModelPoints, client), clock)


def _client(url: str, api_key: str | None, prefer_grpc: bool, timeout_s: float) -> QdrantClient:
    parts = urlsplit(url if "//" in url else f"//{url}")
    port = parts.port or 6333
    with warnings.catch_warnings():
        if parts.hostname in ("localhost", "127.0.0.1", "::1"):
            # On this machine a key without encryption is not sent over a network.
            warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
        return QdrantClient(
            url=url,
            port=port,
            grpc_port=port + 1,
            prefer_grpc=prefer_grpc,
            api_key=api_key,
            timeout=max(1, round(timeout_s)),
            grpc_options={"grpc.max_reconnect_backoff_ms": _RECONNECT_MS},
            check_compatibility=False,  # the check runs in a thread and warns if the server is down
        )
