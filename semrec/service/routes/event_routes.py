"""`/events`: store events, which count in the next answer, and delete some of them."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from semrec.events.batches import EventRow, Post
from semrec.events.kinds import KindNames, renamed_in_words
from semrec.events.stored_events import EventChoice
from semrec.service.app_state import StateDep
from semrec.service.auth import WRITE
from semrec.service.error_responses import ServiceError
from semrec.service.filter_models import Name
from semrec.service.request_models import EventsIn, Id
from semrec.service.response_models import DeletedEventsOut, EventsOut

router = APIRouter(tags=["events"], dependencies=[WRITE])

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A name for this post, chosen by the client. For a day, the same post with the same name "
        "is stored once and gets the same answer.",
    ),
]


@router.post("/events")
async def post_events(
    body: EventsIn, request: Request, state: StateDep, idempotency_key: IdempotencyKey = None
) -> EventsOut:
    """Store events. When the answer arrives, they are on the disk, and the next query uses them.

    An event without a time gets the time of its arrival. An event that is already stored changes nothing.
    """
    now, kinds = time.time(), KindNames.of(state.settings.events)
    rows: list[EventRow] = [
        (
            event.user_id,
            event.item_id,
            *kinds.apply(event.kind, event.value),
            now if event.time is None else event.time,
        )
        for event in body.events
    ]
    digest = hashlib.blake2b(await request.body(), digest_size=16).hexdigest()
    result = await state.event_writer.store(Post(rows, idempotency_key, digest))
    if result.report is None:
        message = f"the idempotency key {idempotency_key!r} belongs to other events; use a new one"
        raise ServiceError(422, message, code="idempotency_key_reused")
    report = result.report
    if not result.again:
        state.metrics.events.labels("added").inc(report.added)
        state.metrics.events.labels("repeated").inc(report.repeated)
        state.metrics.events.labels("rejected").inc(sum(report.rejected.values()))
        state.metrics.events.labels("left_out").inc(sum(report.left_out.values()))
    notes = renamed_in_words(kinds.renamed(event.kind for event in body.events))
    return EventsOut(**replace(report, notes=notes).to_dict(), again=result.again)


@router.delete("/events")
async def delete_events(
    state: StateDep,
    user_id: Annotated[Id, Query(description="The user of the events.")],
    item_id: Annotated[Id, Query(description="The item of the events.")],
    kind: Annotated[Name | None, Query(description="None: events of all kinds.")] = None,
    time: Annotated[float | None, Query(description="Unix seconds, as stored. None: any time.")] = None,
) -> DeletedEventsOut:
    """Delete events of a user on an item, and return how many there were; the next answer uses the rest."""
    choice = EventChoice(user_id, item_id, kind, time)
    return DeletedEventsOut(deleted=await state.change(state.recommender.delete_events, choice))
