"""Spans of OpenTelemetry: one for a request, and one in it for each stage of the answer.

Where they go is decided by whoever runs the service: the provider that the API of OpenTelemetry has, for
instance one that `opentelemetry-instrument` sets up from the environment. Only imported when it is wanted.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from opentelemetry import propagate, trace
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semrec.version import __version__

_tracer = trace.get_tracer("semrec", __version__)


def span(name: str) -> AbstractContextManager[object]:
    """Return a span of a stage, inside the span that is open."""
    # What went wrong is told by the request; a message of an error may hold what a user asked for.
    return _tracer.start_as_current_span(f"semrec.{name}", record_exception=False)


class RequestSpans:
    """Makes a span of every request; it belongs to the trace of the asker, where there is one.

    It is named by the route, and holds no path and no query: they may tell of users.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # of an app that fails before it answers

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        asker = propagate.extract(Request(scope).headers)
        with _tracer.start_as_current_span(
            scope["method"], asker, trace.SpanKind.SERVER, record_exception=False
        ) as request:
            try:
                await self._app(scope, receive, noting)
            finally:
                route = getattr(scope.get("route"), "path", "none")
                request.update_name(f"{scope['method']} {route}")
                request.set_attributes(
                    {
                        "http.request.method": scope["method"],
                        "http.route": route,
                        "http.response.status_code": status,
                        "semrec.request_id": scope.get("state", {}).get("request_id", ""),
                    }
                )
                if status >= 500:
                    request.set_status(trace.StatusCode.ERROR)
