"""`POST /events`: what users did; it counts in the next answer."""

from __future__ import annotations

import hashlib
import time
from typing import Annotated

from fastapi import APIRouter, Header, Request

from semrec.events.batches import EventRow, Post
from semrec.service.app_state import ServiceDep
from semrec.service.auth import WRITE
from semrec.service.errors import ServiceError
from semrec.service.schemas import EventsIn, EventsOut

router = APIRouter(tags=["events"], dependencies=[WRITE])

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A name of your own for this post. The same post sent again under it is stored once and "
        "gets the same answer, for a day.",
    ),
]


@router.post("/events")
async def post_events(
    posted: EventsIn, request: Request, service: ServiceDep, idempotency_key: IdempotencyKey = None
) -> EventsOut:
    """Store what users did. When the answer comes, the events are on the disk and count at once.

    An event without a time gets the time of its arrival. An event that is stored already changes nothing.
    """
    now = time.time()
    rows: list[EventRow] = [
        (event.user_id, event.item_id, event.kind, event.value, now if event.time is None else event.time)
        for event in posted.events
    ]
    content = hashlib.blake2b(await request.body(), digest_size=16).hexdigest()
    done = await service.writer.store(Post(rows, idempotency_key, content))
    if done.report is None:
        message = f"the idempotency key {idempotency_key!r} stands for other events; take a new one"
        raise ServiceError(422, message, code="idempotency_key_reused")
    report = done.report
    for result, count in (
        ("added", report.added),
        ("repeated", report.repeated),
        ("rejected", sum(report.rejected.values())),
    ):
        service.metrics.events.labels(result).inc(0 if done.again else count)
    return EventsOut(
        added=report.added, repeated=report.repeated, rejected=dict(report.rejected), again=done.again
    )
