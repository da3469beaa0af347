"""One error body everywhere, and the only place that turns errors into statuses.

    {"error": {"code": "unknown_item", "message": "…", "item": "A17", "request_id": "…"}}

`code` is for programs, `message` for people. Nothing that was not written for the asker is ever sent: an
unexpected error is `internal` without its text; the log has it under the request id.
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
    CatalogError,
    ConfigError,
    EmptyProfileError,
    EncoderError,
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
    (EmptyProfileError, 422, "empty_profile"),
    (QueryError, 422, "bad_query"),
    (ConfigError, 422, "bad_query"),
    (CatalogError, 422, "bad_item"),
    (StoreLockedError, 503, "store_locked"),
    (StoreUnavailableError, 503, "store_unavailable"),
    (StoreError, 503, "store_failed"),
    (WorkspaceError, 503, "nothing_indexed"),
    (EncoderError, 503, "encoder_does_not_fit"),
)
"""The status and the code of each error; the first that fits."""

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

RETRY_AFTER_S = 1
"""Seconds after which a failed store is worth another try."""

MOST_FAULTS = 5
"""Faults of one body that are named."""


class ServiceError(Exception):
    """A request that the service itself refuses.

    Parameters
    ----------
    status, code, message : of the answer.
    item : the item it is about.
    retry_after_s : when to come again.
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
    """Return the answer that tells an error."""
    told = {"code": error.code, "message": error.message, "request_id": request_id}
    if error.item is not None:
        told["item"] = error.item
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": told}, error.status, headers)


def as_service_error(error: Exception) -> ServiceError:
    """Return any error as one that can be told; what nobody expected becomes `internal`."""
    if isinstance(error, ServiceError):
        return error
    for kind, status, code in STATUSES:
        if isinstance(error, kind):
            wait = RETRY_AFTER_S if status == 503 else None
            return ServiceError(status, str(error), code=code, retry_after_s=wait)
    if isinstance(error, RequestValidationError):
        return ServiceError(422, _faults(error.errors()))
    if isinstance(error, HTTPException):
        code = CODES.get(error.status_code, "bad_request")
        return ServiceError(error.status_code, str(error.detail), code=code)
    return ServiceError(
        500, "something went wrong inside; the log tells more under this request id", code="internal"
    )


def _faults(faults: Sequence[Mapping[str, Any]]) -> str:
    """Return in words what does not fit; values are not repeated, they may be long or secret."""
    told = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in faults]
    more = f"; and {len(told) - MOST_FAULTS} more" if len(told) > MOST_FAULTS else ""
    return "; ".join(told[:MOST_FAULTS]).encode("utf-8", "replace").decode() + more


def tell_errors(app: FastAPI) -> None:
    """Make every error of an app's handlers an answer with the one error body."""

    async def tell(request: Request, error: Exception) -> JSONResponse:
        told = as_service_error(error)
        if told.status >= 500:
            if isinstance(error, StoreError):
                request.app.state.metrics.store_errors.labels(told.code).inc()
            log.error(told.message, extra={"code": told.code})
        return error_response(told, request.state.request_id)

    for kind in (ServiceError, SemrecError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, tell)
