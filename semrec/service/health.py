"""`/health` and `/ready`: for whoever starts, restarts and balances the service."""

from __future__ import annotations

import time

from fastapi import APIRouter

from semrec import __version__
from semrec.service.models import HealthOut, ReadyOut
from semrec.service.state import ServiceDep

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
