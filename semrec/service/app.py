"""The ASGI app: its routes and middleware, and what is opened and closed with it."""

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
from semrec.service.api_keys import ApiKeys
from semrec.service.app_state import AppState
from semrec.service.auth import Authenticator
from semrec.service.error_responses import add_error_handlers
from semrec.service.middleware import RequestMiddleware
from semrec.service.prometheus_metrics import Metrics
from semrec.service.response_models import ErrorBody
from semrec.service.routes import (
    event_routes,
    health_routes,
    item_routes,
    map_routes,
    rating_routes,
    recommend_routes,
    user_routes,
)
from semrec.service.static_page import add_page
from semrec.tracing import Watch
from semrec.version import __version__

ROUTES = (
    recommend_routes,
    rating_routes,
    item_routes,
    user_routes,
    event_routes,
    map_routes,
    health_routes,
)

ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "The request is invalid; the body says why."},
    "5XX": {"model": ErrorBody, "description": "The service cannot answer now; the body says why."},
}


def create_app(
    open_recommender: Callable[[], Recommender],
    settings: Settings,
    *,
    keys: ApiKeys | None = None,
    public: bool = False,
) -> FastAPI:
    """Return the service as an ASGI app; it opens the index when it starts.

    Parameters
    ----------
    open_recommender : returns the recommender; it is closed when the app stops.
    settings : of the service, and of the recommender.
    keys : the API keys; without keys, only this machine is answered.
    public : whether other machines can reach the app; then every request needs a key.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state = app.state.shared = AppState(open_recommender(), settings, metrics)
        warm_up = asyncio.create_task(state.warm_up())
        try:
            yield
        finally:
            warm_up.cancel()
            with suppress(asyncio.CancelledError):
                await warm_up
            await asyncio.to_thread(state.close)

    metrics = Metrics()
    authenticator = Authenticator(
        keys,
        public=public,
        rate=settings.service.rate,
        burst=settings.service.burst,
        wrong_keys_per_minute=settings.service.wrong_keys,
    )
    app = FastAPI(
        title="semrec",
        version=__version__,
        summary="Recommends items of a catalog by text or history, and explains why.",
        lifespan=lifespan,
        docs_url=None,  # they load scripts from other sites; any OpenAPI viewer can read /openapi.json
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        responses=ERRORS,
        # FastAPI's spans and logs hold paths and queries, which can identify users; see `traces` for ours.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for routes in ROUTES:
        app.include_router(routes.router)
    add_page(app)
    add_error_handlers(app)
    app.state.metrics, app.state.authenticator = metrics, authenticator
    watches: list[Watch] = [metrics.stage]
    if settings.service.telemetry:
        watches.append(import_traces().stage_span)
    app.add_middleware(
        RequestMiddleware,
        authenticator=authenticator,
        metrics=metrics,
        watches=watches,
        max_body_bytes=settings.service.body_bytes,
        timeout_s=settings.service.timeout_s,
    )
    if settings.service.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.service.origins,
            allow_methods=["*"],
            allow_headers=["authorization", "content-type", "idempotency-key", "x-request-id"],
            expose_headers=["x-request-id", "retry-after"],
        )
    if settings.service.telemetry:
        app.add_middleware(import_traces().SpanMiddleware)
    return app


def import_traces() -> ModuleType:
    """Return the module `semrec.service.traces`.

    Raises
    ------
    ConfigError
        OpenTelemetry is not installed.
    """
    try:
        from semrec.service import traces
    except ImportError as error:
        raise ConfigError("traces need OpenTelemetry; run: pip install 'semrec[telemetry]'") from error
    return traces


def _operation_id(route: APIRoute) -> str:
    return route.name
