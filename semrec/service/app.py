"""The app: routers, the gate in front of them, and what is opened and closed with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from semrec import __version__
from semrec.config import Settings
from semrec.recommender import Recommender
from semrec.service import events, health, items, recommend
from semrec.service.errors import tell_errors
from semrec.service.gate import Gate
from semrec.service.models import ErrorBody
from semrec.service.state import Service

ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "The request does not fit; the body says why."},
    "5XX": {"model": ErrorBody, "description": "The service cannot answer now; the body says why."},
}


def create_app(open_recommender: Callable[[], Recommender], settings: Settings) -> FastAPI:
    """Return the service as an ASGI app; nothing is opened before it starts.

    Parameters
    ----------
    open_recommender : returns the recommender that answers; it is closed when the app stops.
    settings : limits and the rest, see the fields that begin with `service_`.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service(open_recommender(), settings)
        warming = asyncio.create_task(service.warm_up())
        try:
            yield
        finally:
            warming.cancel()
            with suppress(asyncio.CancelledError):
                await warming
            await asyncio.to_thread(service.close)

    app = FastAPI(
        title="semrec",
        version=__version__,
        summary="Recommends items of a catalog by a text or a history, and says why.",
        lifespan=lifespan,
        docs_url=None,  # their scripts come from other sites; any viewer reads /openapi.json
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        responses=ERRORS,
    )
    for router in (recommend.router, items.router, events.router, health.router):
        app.include_router(router)
    tell_errors(app)
    app.add_middleware(Gate, body_bytes=settings.service_body_bytes, timeout_s=settings.service_timeout_s)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
