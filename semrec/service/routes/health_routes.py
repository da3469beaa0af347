"""`/health`, `/ready` and `/metrics`: for supervisors, load balancers and monitoring."""

from __future__ import annotations

import time

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from semrec.service.app_state import StateDep
from semrec.service.auth import READ
from semrec.service.response_models import HealthOut, ReadyOut, SignalOut
from semrec.signals import Signal, signal_named
from semrec.version import __version__

router = APIRouter(tags=["health"])


@router.get("/health")
async def health(state: StateDep) -> HealthOut:
    """Report that the process runs; the store is not checked."""
    return HealthOut(version=__version__, uptime_s=round(time.monotonic() - state.started_at, 3))


@router.get("/ready")
async def ready(state: StateDep) -> ReadyOut:
    """Report that queries can be answered; otherwise return 503 with the reason."""
    state.check_ready()
    facts = await state.status_pool.run(state.recommender.info)
    return ReadyOut(
        generation=facts["current"],
        items=facts["items"],
        encoder=facts["encoder"],
        fields=facts["fields"],
        signals=[_described(signal) for name in facts["signals"] if (signal := signal_named(name))],
    )


@router.get("/metrics", response_class=PlainTextResponse, dependencies=[READ])
async def metrics(state: StateDep) -> Response:
    """Return the metrics of this process in the format of Prometheus."""
    gauges = state.metrics
    gauges.waiting.set(state.answer_pool.n_pending)
    gauges.ready.set(state.is_ready)
    gauges.generation.set(state.recommender.generation or 0)
    gauges.stale.set(state.recommender.stale is not None)
    gauges.kept_texts.set(state.recommender.n_texts)
    return Response(generate_latest(gauges.registry), media_type=CONTENT_TYPE_LATEST)


def _described(signal: type[Signal]) -> SignalOut:
    return SignalOut(
        name=signal.name, label=signal.label, source=signal.source, personal=not signal.impersonal
    )
