"""A connection to a Qdrant server: its client, and how points are read through it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from qdrant_client import QdrantClient

from semrec.store.points import Fields
from semrec.store.server_errors import server_errors
from semrec.store.server_grpc import GrpcPoints
from semrec.store.server_points import ServerPoints
from semrec.store.server_rest import ModelPoints


@dataclass(frozen=True, slots=True)
class Connection:
    """A client of a Qdrant server.

    Parameters
    ----------
    client : the client.
    where : the server, for messages.
    points_of : collection, named vectors -> reader of its points.
    """

    client: QdrantClient
    where: str
    points_of: Callable[[str, Fields], ServerPoints]

    def errors(self) -> AbstractContextManager[None]:
        """Turn the errors of the client into store errors, see `server_errors`."""
        return server_errors(self.where)


def connect(url: str, *, api_key: str | None, prefer_grpc: bool, timeout_s: float) -> Connection:
    """Return a connection; nothing is sent yet.

    Parameters
    ----------
    url : REST address of the server; gRPC is expected one port above it, as Qdrant does (6333, 6334).
    api_key : the server's key; never part of a message.
    prefer_grpc : use gRPC where there is a choice.
    timeout_s : longest wait for one answer, seconds.

    Raises
    ------
    StoreError
        The URL is not one.
    """
    with server_errors(url):
        client = _client(url, api_key, prefer_grpc, timeout_s)
    if prefer_grpc:
        return Connection(client, url, partial(GrpcPoints, client, timeout_s=timeout_s))
    return connection_of(client, url)


def connection_of(client: QdrantClient, where: str = "the given client") -> Connection:
    """Return a connection that reads points through the methods of a client, also of an in-memory one."""
    return Connection(client, where, partial(ModelPoints, client))


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
            check_compatibility=False,  # the check runs in a thread and warns if the server is down
        )
