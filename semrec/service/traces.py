"""OpenTelemetry spans: one for a request, and inside it one for each stage of the answer.

The tracer provider of the process decides where spans go, for instance a provider that
`opentelemetry-instrument` sets up from the environment. Only imported if `Settings.telemetry` is on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semrec.version import __version__

_tracer = trace.get_tracer("semrec", __version__)


@contextmanager
def span(
    name: str, parent: Context | None = None, kind: trace.SpanKind = trace.SpanKind.INTERNAL
) -> Iterator[trace.Span]:
    """Make a span. After an error it has the status ERROR without the message, which could hold a query.

    Parameters
    ----------
    name : of the span.
    parent : context of the parent; None: the current span.
    kind : of the span.
    """
    with _tracer.start_as_current_span(
        name, parent, kind, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException:
            current.set_status(trace.StatusCode.ERROR)
            raise


def stage_span(name: str) -> AbstractContextManager[object]:
    """Make a span for a stage, inside the current span."""
    return span(f"semrec.{name}")


class SpanMiddleware:
    """Makes a span for every request; it joins the trace of the client, if there is one.

    A span has the name of the route. It holds no path and no query, because they can identify users.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # if the app fails before it responds

        async def note_status(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        parent = propagate.extract(Request(scope).headers)
        with span(scope["method"], parent, trace.SpanKind.SERVER) as request:
            try:
                await self._app(scope, receive, note_status)
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
