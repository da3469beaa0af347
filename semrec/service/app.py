"""The app: routers, the gate in front of them, and what is opened and closed with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import ModuleType
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute

from semrec.config import Settings
from semrec.errors import ConfigError
from semrec.recommender import Recommender
from semrec.service import events, health, items, map_routes, recommend, users, why_not_route
from semrec.service.app_state import Service
from semrec.service.auth import Guard
from semrec.service.errors import tell_errors
from semrec.service.keys import KeyRing
from semrec.service.metrics import Metrics
from semrec.service.middleware import Gate
from semrec.service.schemas import ErrorBody
from semrec.service.static_page import add_page
from semrec.tracing import Watch
from semrec.version import __version__

ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "The request does not fit; the body says why."},
    "5XX": {"model": ErrorBody, "description": "The service cannot answer now; the body says why."},
}


def create_app(
    open_recommender: Callable[[], Recommender],
    settings: Settings,
    *,
    keys: KeyRing | None = None,
    public: bool = False,
) -> FastAPI:
    """Return the service as an ASGI app; nothing is opened before it starts.

    Parameters
    ----------
    open_recommender : returns the recommender that answers; it is closed when the app stops.
    settings : limits and the rest, see the fields that begin with `service_`.
    keys : who may ask; None, or an empty ring: everybody on this machine.
    public : whether others than this machine can reach it; then nobody is answered without a key.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service(open_recommender(), settings, metrics)
        warming = asyncio.create_task(service.warm_up())
        try:
            yield
        finally:
            warming.cancel()
            with suppress(asyncio.CancelledError):
                await warming
            await asyncio.to_thread(service.close)

    metrics = Metrics()
    guard = Guard(
        keys,
        public=public,
        rate=settings.service_rate,
        burst=settings.service_burst,
        wrong_a_minute=settings.service_wrong_keys,
    )
    app = FastAPI(
        title="semrec",
        version=__version__,
        summary="Recommends items of a catalog by a text or a history, and says why.",
        lifespan=lifespan,
        docs_url=None,  # their scripts come from other sites; any viewer reads /openapi.json
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        responses=ERRORS,
        # Its own spans and logs hold paths and queries, which tell of users; ours, see `traces`, do not.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for part in (recommend, why_not_route, items, users, events, map_routes, health):
        app.include_router(part.router)
    add_page(app)
    tell_errors(app)
    app.state.metrics, app.state.guard = metrics, guard
    watches: list[Watch] = [metrics.stage]
    if settings.telemetry:
        watches.append(traces_wanted().span)
    app.add_middleware(
        Gate,
        guard=guard,
        metrics=metrics,
        watches=watches,
        body_bytes=settings.service_body_bytes,
        timeout_s=settings.service_timeout_s,
    )
    if settings.service_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.service_origins,
            allow_methods=["*"],
            allow_headers=["authorization", "content-type", "idempotency-key", "x-request-id"],
            expose_headers=["x-request-id", "retry-after"],
        )
    if settings.telemetry:
        app.add_middleware(traces_wanted().RequestSpans)
    return app


def traces_wanted() -> ModuleType:
    """Return `semrec.service.traces`.

    Raises
    ------
    ConfigError
        OpenTelemetry is not installed.
    """
    try:
        from semrec.service import traces
    except ImportError as error:
        raise ConfigError("traces are an extra; run: pip install 'semrec[telemetry]'") from error
    return traces


def _operation_id(route: APIRoute) -> str:
    return route.name
