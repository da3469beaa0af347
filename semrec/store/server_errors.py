"""Errors of a Qdrant server and of its client, as store errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped]
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from semrec.errors import StoreError, StoreUnavailableError

_FAILING = (412, 500)
"""HTTP statuses of a cluster that waits for one of its nodes, and of a server whose disk is full."""


class ServerAwayError(StoreUnavailableError):
    """The server cannot answer at the moment; the same call may succeed later."""


@contextmanager
def server_errors(where: str) -> Iterator[None]:
    """Turn the errors of the client into store errors; no message contains the API key.

    Parameters
    ----------
    where : the server, named in the messages.

    Raises
    ------
    ServerAwayError
        The server does not answer, or cannot carry out the request at the moment.
    StoreUnavailableError
        The server refuses the API key.
    StoreError
        The server refuses the request.
    """
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
        grpc.StatusCode.FAILED_PRECONDITION: 412,
        grpc.StatusCode.INTERNAL: 500,
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
    if status in _FAILING:
        return ServerAwayError(
            f"Qdrant at {where} cannot carry out the request at the moment: {reason[:500]}"
        )
    if status in (429, 502, 503, 504):
        return _unreachable(where, f"status {status} {reason}")
    if status == 404:
        return StoreError(f"Qdrant at {where} does not have this collection any more ({reason}); index again")
    return StoreError(f"Qdrant at {where} refused the request: {reason or f'status {status}'}")


def _unreachable(where: str, reason: str) -> ServerAwayError:
    return ServerAwayError(
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
