"""Steps for every request: request id, key, limits of size and time, security headers, log and metrics."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import MutableMapping, Sequence
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semrec.service.auth import KEY_NEEDED, Authenticator
from semrec.service.error_responses import ServiceError, error_response, to_service_error
from semrec.service.logs import request_id
from semrec.service.prometheus_metrics import Metrics
from semrec.tracing import Watch, watched

log = logging.getLogger("semrec.service")

Headers: TypeAlias = list[tuple[bytes, bytes]]

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""A valid request id of a client; others are replaced by a new id."""

SECURITY_HEADERS: Headers = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
"""Browsers run only files of this server, and no other site can show the page in a frame."""


SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
"""Methods without a body. If keys are needed, other methods without a key are refused unread."""


class RequestMiddleware:
    """Wraps an app with the steps for every request.

    Parameters
    ----------
    app : the app.
    authenticator : checks the key of a request.
    metrics : counts and times every response.
    watches : called with the name of every stage of an answer.
    max_body_bytes : longest body; a longer one gets status 413.
    timeout_s : time limit; a slow body gets status 408, a slow answer 504.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        authenticator: Authenticator,
        metrics: Metrics,
        watches: Sequence[Watch],
        max_body_bytes: int,
        timeout_s: float,
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._metrics = metrics
        self._watches = watches
        self._max_body_bytes = max_body_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; if the app raises an error, send an error response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request = Request(scope)
        scope.setdefault("state", {}).update(request_id=_request_id(request), key=None)
        request_id.set(request.state.request_id)
        response = ResponseSender(send, request.state.request_id)
        try:
            await self._respond(request, receive, response)
        except Exception as error:
            converted = to_service_error(error)
            if converted.code == "internal":
                log.exception("unexpected error")
            if response.status:  # a part of the response is sent: only closing the connection is left
                raise
            await error_response(converted, request.state.request_id)(scope, receive, response)
        finally:
            self._record(request, response, time.perf_counter() - started)

    def _record(self, request: Request, response: ResponseSender, seconds: float) -> None:
        """Log and count a response by its route; a path could hold an id, and there are too many paths."""
        route = getattr(request.scope.get("route"), "path", "none")
        key = request.state.key
        self._metrics.requests.labels(route, request.method, response.status).inc()
        self._metrics.request_s.labels(route).observe(seconds)
        log.info(
            "answered",
            extra={
                "method": request.method,
                "route": route,
                "status": response.status,
                "ms": round(1000 * seconds, 2),
                "key": key.key_id if key else None,
            },
        )

    async def _respond(self, request: Request, receive: Receive, response: ResponseSender) -> None:
        try:
            key = request.scope["state"]["key"] = self._authenticator.authenticate(request)
            if key is None and request.method not in SAFE_METHODS and self._authenticator.requires_key():
                raise ServiceError(401, KEY_NEEDED)
            async with asyncio.timeout(self._timeout_s):
                body = await self._read_body(request, receive)
        except TimeoutError:
            response.close_connection = True
            raise ServiceError(408, f"the body did not arrive within {self._timeout_s:g} s") from None
        except ServiceError:
            response.close_connection = True  # the rest of the body is not read
            raise
        try:
            async with asyncio.timeout(self._timeout_s):
                with watched(*self._watches):
                    await self._app(request.scope, _replay(body, receive), response)
        except TimeoutError:
            raise ServiceError(
                504, f"no answer within {self._timeout_s:g} s; try again, or ask for less"
            ) from None

    async def _read_body(self, request: Request, receive: Receive) -> bytes:
        """Return the whole body. Bodies are short, so waiting here is cheap, and every route is bounded."""
        announced = request.headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > self._max_body_bytes:
            raise self._too_large()
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ServiceError(400, "the connection closed before the end of the body")
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._max_body_bytes:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> ServiceError:
        return ServiceError(
            413, f"a body has at most {self._max_body_bytes:,} bytes; split it into several requests"
        )


class ResponseSender:
    """Sends a response with the headers of every response, and remembers its status.

    Attributes
    ----------
    status : of the response; 0 before it has started.
    close_connection : whether to close the connection after the response.
    """

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0
        self.close_connection = False

    async def __call__(self, message: Message) -> None:
        """Send one message of the response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._headers(message)}
        await self._send(message)

    def _headers(self, message: MutableMapping[str, Any]) -> Headers:
        headers = list(message.get("headers", []))
        names = {name for name, _ in headers}
        defaults = [
            *SECURITY_HEADERS,
            (b"cache-control", b"no-store"),
            (b"x-request-id", self._request_id.encode()),
        ]
        headers += [(name, value) for name, value in defaults if name not in names]
        return [*headers, (b"connection", b"close")] if self.close_connection else headers


def _request_id(request: Request) -> str:
    given = request.headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first gives a body that was already read."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
