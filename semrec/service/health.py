"""`/health`, `/ready` and `/metrics`: for whoever starts, restarts, balances and watches the service."""

from __future__ import annotations

import time

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from semrec.service.app_state import ServiceDep
from semrec.service.auth import READ
from semrec.service.schemas import HealthOut, ReadyOut
from semrec.version import __version__

router = APIRouter(tags=["health"])


@router.get("/health")
async def health(service: ServiceDep) -> HealthOut:
    """Tell that the process is alive, whatever the store does."""
    return HealthOut(version=__version__, uptime_s=round(time.monotonic() - service.started, 3))


@router.get("/ready")
async def ready(service: ServiceDep) -> ReadyOut:
    """Tell that questions can be answered; 503 with the reason when they cannot."""
    service.require_ready()
    facts = await service.watching.run(service.recommender.info)
    return ReadyOut(
        generation=facts["current"],
        items=facts["items"],
        encoder=facts["encoder"],
        fields=facts["fields"],
        signals=facts["signals"],
    )


@router.get("/metrics", response_class=PlainTextResponse, dependencies=[READ])
async def metrics(service: ServiceDep) -> Response:
    """Return the figures of this process as Prometheus reads them."""
    figures = service.metrics
    figures.waiting.set(service.answering.pending)
    figures.ready.set(service.warm)
    figures.generation.set(service.recommender.generation or 0)
    figures.stale.set(service.recommender.stale is not None)
    figures.kept_texts.set(service.recommender.n_texts)
    return Response(generate_latest(figures.registry), media_type=CONTENT_TYPE_LATEST)
