"""Errors as HTTP responses: the only place that maps errors to statuses.

Every error has the same body::

    {"error": {"code": "unknown_item", "message": "…", "item": "A17", "request_id": "…"}}

`code` is for programs, `message` for people. The text of an unexpected error is never sent: the client
receives `internal`, and the log has the details under the request id.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from semrec.errors import (
    LONGEST_SHOWN,
    CatalogError,
    ConfigError,
    EncoderError,
    ItemRefusedError,
    QueryError,
    SemrecError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
    UnknownFieldError,
    UnknownItemError,
    WorkspaceError,
)

log = logging.getLogger("semrec.service")

STATUSES: tuple[tuple[type[SemrecError], int, str], ...] = (
    (UnknownItemError, 404, "unknown_item"),
    (UnknownFieldError, 422, "unknown_field"),
    (QueryError, 422, "bad_query"),
    (ConfigError, 422, "bad_query"),
    (CatalogError, 422, "bad_item"),
    (ItemRefusedError, 422, "bad_item"),
    (StoreLockedError, 503, "store_locked"),
    (StoreUnavailableError, 503, "store_unavailable"),
    (StoreError, 503, "store_failed"),
    (WorkspaceError, 503, "nothing_indexed"),
    (EncoderError, 503, "encoder_does_not_fit"),
)
"""Status and code of each error; the first class that matches is used."""

CODES = {
    400: "bad_request",
    401: "key_needed",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "body_too_large",
    422: "bad_request",
    429: "too_many_requests",
    503: "unavailable",
    504: "timeout",
}
"""Code of each status, if the error has no code of its own."""

RETRY_AFTER_S = 1
"""Seconds before a client should try again after the store failed."""

MAX_REPORTED_FAULTS = 5
"""Largest number of faults of one request body that the message lists."""


class ServiceError(Exception):
    """The service refuses a request.

    Parameters
    ----------
    status, message : of the response.
    code : of the response; None: the usual one for the status.
    item : id of the item that caused the error.
    retry_after_s : seconds before the client should try again.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        item: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or CODES[status]
        self.message = message
        self.item = item
        self.retry_after_s = retry_after_s


def error_response(error: ServiceError, request_id: str) -> JSONResponse:
    """Return the response for an error."""
    content = {"code": error.code, "message": error.message, "request_id": request_id}
    if error.item is not None:
        content["item"] = error.item
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": content}, error.status, headers)


def to_service_error(error: Exception) -> ServiceError:
    """Convert any error to one that can be sent; an unexpected error becomes `internal`."""
    if isinstance(error, ServiceError):
        return error
    for kind, status, code in STATUSES:
        if isinstance(error, kind):
            retry_after_s = RETRY_AFTER_S if status == 503 else None
            return ServiceError(status, str(error), code=code, retry_after_s=retry_after_s)
    if isinstance(error, RequestValidationError):
        return ServiceError(422, faults_in_words(error.errors()))
    if isinstance(error, HTTPException):
        code = CODES.get(error.status_code, "bad_request")
        return ServiceError(error.status_code, str(error.detail), code=code)
    return ServiceError(
        500, "unexpected error in the service; its log has the details under this request id", code="internal"
    )


def faults_in_words(faults: Sequence[Mapping[str, Any]]) -> str:
    """Return where a body is invalid and why, without its values: they can be long or secret."""
    places = [".".join(str(part)[:LONGEST_SHOWN] for part in fault["loc"]) for fault in faults]
    lines = [
        f"{place}: {fault['msg']}" if place else str(fault["msg"])
        for place, fault in zip(places, faults, strict=True)
    ]
    n_hidden = len(lines) - MAX_REPORTED_FAULTS
    more = f"; and {n_hidden} more" if n_hidden > 0 else ""
    return "; ".join(lines[:MAX_REPORTED_FAULTS]).encode("utf-8", "replace").decode() + more


def add_error_handlers(app: FastAPI) -> None:
    """Make an app answer every error of its handlers with the common error body."""

    async def respond(request: Request, error: Exception) -> JSONResponse:
        converted = to_service_error(error)
        if converted.status >= 500:
            if isinstance(error, StoreError):
                request.app.state.metrics.store_errors.labels(converted.code).inc()
            # A service that is starting is no fault: a load balancer asks until it is ready.
            level = logging.INFO if converted.code == "warming_up" else logging.ERROR
            log.log(level, converted.message, extra={"code": converted.code})
        return error_response(converted, request.state.request_id)

    for kind in (ServiceError, SemrecError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, respond)
