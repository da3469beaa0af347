"""`/items`: read, write and delete items, and find similar ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import TypeAdapter, ValidationError

from semrec.config import NearDuplicates
from semrec.service.app_state import AppState, StateDep
from semrec.service.auth import READ, WRITE
from semrec.service.error_responses import ServiceError
from semrec.service.filter_models import (
    GROUP_HELP,
    NEAR_HELP,
    Where,
    Word,
    where_argument,
)
from semrec.service.request_models import (
    MAX_CURSOR,
    MAX_IDS,
    EntriesIn,
    Id,
    ItemBody,
    ItemIn,
    ItemPatchesIn,
    ItemsIn,
    MetadataValue,
)
from semrec.service.response_models import ChangeOut, ItemOut, ItemsOut, RecommendationsOut
from semrec.service.routes.parameters import ItemId
from semrec.service.routes.recommend_routes import recommendations_out
from semrec.types import Item, ItemPatch

router = APIRouter(tags=["items"])

_WHERE: TypeAdapter[Where] = TypeAdapter(Where)


@router.get("/items", dependencies=[READ])
async def get_items(
    state: StateDep, ids: Annotated[list[Id], Query(min_length=1, max_length=100)]
) -> ItemsOut:
    """Return several items by id: `/items?ids=A&ids=B`."""
    records = await state.ask(state.recommender.items, ids)
    known = {record.item_id for record in records}
    unknown = [item_id for item_id in dict.fromkeys(ids) if item_id not in known]
    return ItemsOut(items=[ItemOut.model_validate(record) for record in records], unknown_items=unknown)


@router.get("/items/{item_id:path}/similar", dependencies=[READ])
async def similar_items(
    item_id: ItemId,
    state: StateDep,
    k: Annotated[int, Query(ge=1, le=1000)] = 10,
    diversity: Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)] = 0.0,
    where: Annotated[str, Query(max_length=4096, description="Filters as JSON, as in `/recommend`.")] = "{}",
    group: Annotated[Word | None, Query(description=GROUP_HELP)] = None,
    near_duplicates: Annotated[NearDuplicates | None, Query(description=NEAR_HELP)] = None,
    after: Annotated[str | None, Query(max_length=MAX_CURSOR, description="As in `/recommend`.")] = None,
) -> RecommendationsOut:
    """Recommend the items that are most similar to one item."""
    answer = await state.ask(
        state.recommender.similar,
        item_id,
        k=k,
        where=where_argument(_parse_where(where)),
        diversity=diversity,
        group=group,
        near_duplicates=near_duplicates,
        after=after,
    )
    return recommendations_out(answer)


@router.get("/items/{item_id:path}", dependencies=[READ])
async def get_item(item_id: ItemId, state: StateDep) -> ItemOut:
    """Return one item."""
    records = await state.ask(state.recommender.items, [item_id])
    if not records:
        raise unknown_item(item_id)
    return ItemOut.model_validate(records[0])


@router.put("/items", dependencies=[WRITE])
async def put_items(items: ItemsIn, state: StateDep) -> ChangeOut:
    """Write items. Each replaces the item with its id, and can be found as soon as the answer arrives.

    An invalid item is refused alone: `refused` says why. If all are invalid, the status is 422.
    """
    return _with_refused(await _put(items.items, state), items)


@router.put("/items/{item_id:path}", dependencies=[WRITE])
async def put_item(item_id: ItemId, item: ItemBody, state: StateDep) -> ChangeOut:
    """Write one item."""
    return await _put([ItemIn(item_id=item_id, **dict(item))], state)


@router.patch("/items", dependencies=[WRITE])
async def patch_items(patches: ItemPatchesIn, state: StateDep) -> ChangeOut:
    """Change metadata of items, such as a price; nothing is encoded. Unknown ids are listed."""
    read = [
        ItemPatch(patch.item_id, {name: _metadata_value(value) for name, value in patch.metadata.items()})
        for patch in patches.items
    ]
    report = ChangeOut.model_validate(await state.change(state.recommender.patch_items, read))
    return _with_refused(report, patches)


@router.delete("/items", dependencies=[WRITE])
async def delete_items(
    state: StateDep, ids: Annotated[list[Id], Query(min_length=1, max_length=MAX_IDS)]
) -> ChangeOut:
    """Delete several items: `/items?ids=A&ids=B`."""
    return ChangeOut.model_validate(await state.change(state.recommender.delete_items, ids))


@router.delete("/items/{item_id:path}", dependencies=[WRITE])
async def delete_item(item_id: ItemId, state: StateDep) -> ChangeOut:
    """Delete one item."""
    report = await state.change(state.recommender.delete_items, [item_id])
    if report.unknown:
        raise unknown_item(item_id)
    return ChangeOut.model_validate(report)


async def _put(bodies: Sequence[ItemIn], state: AppState) -> ChangeOut:
    items = [
        Item(
            body.item_id,
            body.title,
            body.text,
            {name: _metadata_value(value) for name, value in body.metadata.items()},
        )
        for body in bodies
    ]
    return ChangeOut.model_validate(await state.change(state.recommender.put_items, items))


def _with_refused(report: ChangeOut, given: EntriesIn) -> ChangeOut:
    """Return the report with the entries that were refused before anything was written."""
    return report.model_copy(update={"refused": {**given.refused_by_id, **report.refused}})


def _metadata_value(value: MetadataValue | None) -> Any:
    """Return a value as the library takes it."""
    if isinstance(value, dict):
        return {name: _metadata_value(entry) for name, entry in value.items()}
    return tuple(value) if isinstance(value, list) else value


def unknown_item(item_id: str) -> ServiceError:
    """Return the error for an item that is not in the index."""
    message = f"item {item_id!r} is not in the index; check the id, or index the item first"
    return ServiceError(404, message, code="unknown_item", item=item_id)


def _parse_where(text: str) -> Where:
    try:
        return _WHERE.validate_python(json.loads(text))
    except (ValueError, RecursionError, ValidationError) as error:
        raise ServiceError(
            422, 'where is a JSON object of filters, for instance {"categories": "python"}'
        ) from error
