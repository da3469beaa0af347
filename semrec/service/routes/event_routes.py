"""`/events`: store events, which count in the next answer, and delete some of them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from semrec.errors import SemrecError
from semrec.events.batches import EventRow, Post
from semrec.events.kinds import KindNames, renamed_in_words
from semrec.events.stored_events import EventChoice
from semrec.service.app_state import AppState, StateDep
from semrec.service.auth import WRITE
from semrec.service.error_responses import ServiceError
from semrec.service.filter_models import Name
from semrec.service.request_models import EventsIn, Id
from semrec.service.response_models import DeletedEventsOut, EventsOut
from semrec.workspace.loading_notes import item_notes

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

    An event without a time gets the time of its arrival. An event that is already stored changes nothing. An
    invalid event is refused alone: `refused` says why, by its place in the request. If all are invalid, the
    status is 422.
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
    result = await state.event_writer.store(Post(rows, idempotency_key, digest, body.places))
    if result.report is None:
        message = f"the idempotency key {idempotency_key!r} belongs to other events; use a new one"
        raise ServiceError(422, message, code="idempotency_key_reused")
    report, refused = result.report, body.refused
    if not result.again:
        state.metrics.events.labels("added").inc(report.added)
        state.metrics.events.labels("repeated").inc(report.repeated)
        state.metrics.events.labels("rejected").inc(len(refused))
        state.metrics.events.labels("left_out").inc(sum(report.left_out.values()))
    notes = renamed_in_words(kinds.renamed(event.kind for event in body.events))
    return EventsOut(
        added=report.added,
        repeated=report.repeated,
        refused={str(place): reason for place, reason in refused.items()},
        left_out=dict(report.left_out),
        examples=dict(report.examples),
        notes=[*notes, *await _item_notes([event.item_id for event in body.events], state)],
        again=result.again,
    )


async def _item_notes(items: Sequence[str], state: AppState) -> list[str]:
    """Return which items the catalog does not have, in words; empty if it cannot be asked now."""

    def ask() -> list[str]:
        with state.recommender.reading() as generation:
            return item_notes(generation.index, items)

    if state.is_ready:
        with suppress(SemrecError, ServiceError):  # the events are stored, whatever the state of the index
            return await state.answer_pool.run(ask)
    return []


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
