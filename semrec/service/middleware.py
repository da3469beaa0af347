"""What every request passes: request id, key, bounded body, time limit, safe headers, log and metrics."""

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

from semrec.service.auth import KEY_NEEDED, Guard
from semrec.service.errors import ServiceError, as_service_error, error_response
from semrec.service.logs import request_id
from semrec.service.metrics import Metrics
from semrec.tracing import Watch, watched

log = logging.getLogger("semrec.service")

Headers: TypeAlias = list[tuple[bytes, bytes]]

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a request id of the asker may look like; others are replaced by one of ours."""

SAFE_HEADERS: Headers = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
"""Nothing runs but what this server sends as a file of its own, and no other site may frame it."""


ASKING = ("GET", "HEAD", "OPTIONS")
"""Methods without a body; nobody without a key may send one where keys are needed."""


class Gate:
    """Lets requests through to an app, one at a time each.

    Parameters
    ----------
    app : what answers.
    guard : knows who asks.
    metrics : hears of every answer.
    watches : see the stages of every answer.
    body_bytes : longest body; 413 beyond.
    timeout_s : 408 for a body that takes longer to come, 504 for an answer that does.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        guard: Guard,
        metrics: Metrics,
        watches: Sequence[Watch],
        body_bytes: int,
        timeout_s: float,
    ) -> None:
        self._app = app
        self._guard = guard
        self._metrics = metrics
        self._watches = watches
        self._body_bytes = body_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with an error where the app does not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request = Request(scope)
        scope.setdefault("state", {}).update(request_id=_request_id(request), key=None)
        request_id.set(request.state.request_id)
        answer = Answer(send, request.state.request_id)
        try:
            await self._answer(request, receive, answer)
        except Exception as error:
            told = as_service_error(error)
            if told.code == "internal":
                log.exception("unexpected error")
            if answer.status:  # half an answer is out: cut the connection, do not pretend
                raise
            await error_response(told, request.state.request_id)(scope, receive, answer)
        finally:
            self._note(request, answer, time.perf_counter() - started)

    def _note(self, request: Request, answer: Answer, seconds: float) -> None:
        """Log and count an answer by its route: a path may hold an id, and there are too many paths."""
        route = getattr(request.scope.get("route"), "path", "none")
        key = request.state.key
        self._metrics.requests.labels(route, request.method, answer.status).inc()
        self._metrics.request_s.labels(route).observe(seconds)
        log.info(
            "answered",
            extra={
                "method": request.method,
                "route": route,
                "status": answer.status,
                "ms": round(1000 * seconds, 2),
                "key": key.key_id if key else None,
            },
        )

    async def _answer(self, request: Request, receive: Receive, answer: Answer) -> None:
        try:
            key = request.scope["state"]["key"] = self._guard.identify(request)
            if key is None and request.method not in ASKING and self._guard.needs_key():
                raise ServiceError(401, KEY_NEEDED)
            async with asyncio.timeout(self._timeout_s):
                body = await self._body(request, receive)
        except TimeoutError:
            answer.closes = True
            raise ServiceError(408, f"the body did not come within {self._timeout_s:g} s") from None
        except ServiceError:
            answer.closes = True  # the rest of the body is not read
            raise
        try:
            async with asyncio.timeout(self._timeout_s):
                with watched(*self._watches):
                    await self._app(request.scope, _replay(body, receive), answer)
        except TimeoutError:
            raise ServiceError(
                504, f"there was no answer within {self._timeout_s:g} s; try again, or ask for less"
            ) from None

    async def _body(self, request: Request, receive: Receive) -> bytes:
        """Return the whole body; it is short, so waiting for it here costs nothing and bounds everything."""
        announced = request.headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > self._body_bytes:
            raise self._too_large()
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ServiceError(400, "the connection ended before the body")
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._body_bytes:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> ServiceError:
        return ServiceError(413, f"a body has at most {self._body_bytes:,} bytes; send several requests")


class Answer:
    """Sends an answer with the headers that every answer has, and remembers its status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0
        self.closes = False

    async def __call__(self, message: Message) -> None:
        """Send one message of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._headers(message)}
        await self._send(message)

    def _headers(self, message: MutableMapping[str, Any]) -> Headers:
        given = list(message.get("headers", []))
        names = {name for name, _ in given}
        ours = [*SAFE_HEADERS, (b"cache-control", b"no-store"), (b"x-request-id", self._request_id.encode())]
        given += [(name, value) for name, value in ours if name not in names]
        return [*given, (b"connection", b"close")] if self.closes else given


def _request_id(request: Request) -> str:
    given = request.headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once, and then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
