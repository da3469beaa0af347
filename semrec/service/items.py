"""`/items`: what is stored of items, what is like them, and changes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import TypeAdapter, ValidationError

from semrec.service.app_state import Service, ServiceDep
from semrec.service.auth import READ, WRITE
from semrec.service.errors import ServiceError
from semrec.service.recommend import answer_of, where_of
from semrec.service.schemas import (
    MOST_IDS,
    AnswerOut,
    ChangeOut,
    Id,
    ItemBody,
    ItemIn,
    ItemOut,
    ItemsIn,
    ItemsOut,
    Scalar,
    Where,
)
from semrec.types import Item, Value

router = APIRouter(tags=["items"])

ItemId = Annotated[Id, Path(description="Id of an item; a slash in it may be written as it is.")]
_WHERE: TypeAdapter[Where] = TypeAdapter(Where)


@router.get("/items", dependencies=[READ])
async def some_items(
    service: ServiceDep, ids: Annotated[list[Id], Query(min_length=1, max_length=100)]
) -> ItemsOut:
    """Return several items by id: `/items?ids=A&ids=B`."""
    found = await service.ask(service.recommender.items, ids)
    there = {record.item_id for record in found}
    unknown = [item_id for item_id in dict.fromkeys(ids) if item_id not in there]
    return ItemsOut(items=[ItemOut.model_validate(record) for record in found], unknown_items=unknown)


@router.get("/items/{item_id:path}/similar", dependencies=[READ])
async def similar(
    item_id: ItemId,
    service: ServiceDep,
    k: Annotated[int, Query(ge=1, le=1000)] = 10,
    diversity: Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)] = 0.0,
    where: Annotated[str, Query(max_length=4096, description="Filters as JSON, as in `/recommend`.")] = "{}",
) -> AnswerOut:
    """Recommend the items that are most like one item."""
    answer = await service.ask(
        service.recommender.similar, item_id, k=k, where=where_of(_read_where(where)), diversity=diversity
    )
    return answer_of(answer)


@router.get("/items/{item_id:path}", dependencies=[READ])
async def one_item(item_id: ItemId, service: ServiceDep) -> ItemOut:
    """Return one item."""
    found = await service.ask(service.recommender.items, [item_id])
    if not found:
        raise unknown_item(item_id)
    return ItemOut.model_validate(found[0])


@router.put("/items", dependencies=[WRITE])
async def put_items(items: ItemsIn, service: ServiceDep) -> ChangeOut:
    """Write items; each replaces the one of its id, and can be found when the answer comes."""
    return await _put(items.items, service)


@router.put("/items/{item_id:path}", dependencies=[WRITE])
async def put_item(item_id: ItemId, item: ItemBody, service: ServiceDep) -> ChangeOut:
    """Write one item."""
    return await _put([ItemIn(item_id=item_id, **dict(item))], service)


@router.delete("/items", dependencies=[WRITE])
async def delete_items(
    service: ServiceDep, ids: Annotated[list[Id], Query(min_length=1, max_length=MOST_IDS)]
) -> ChangeOut:
    """Delete several items: `/items?ids=A&ids=B`."""
    return ChangeOut.model_validate(await service.change(service.recommender.delete_items, ids))


@router.delete("/items/{item_id:path}", dependencies=[WRITE])
async def delete_item(item_id: ItemId, service: ServiceDep) -> ChangeOut:
    """Delete one item."""
    report = await service.change(service.recommender.delete_items, [item_id])
    if report.unknown:
        raise unknown_item(item_id)
    return ChangeOut.model_validate(report)


async def _put(items: Sequence[ItemIn], service: Service) -> ChangeOut:
    values = [
        Item(
            item.item_id,
            item.title,
            item.text,
            {name: _value(value) for name, value in item.metadata.items()},
        )
        for item in items
    ]
    return ChangeOut.model_validate(await service.change(service.recommender.put_items, values))


def _value(value: Scalar | list[str]) -> Value:
    return tuple(value) if isinstance(value, list) else value


def unknown_item(item_id: str) -> ServiceError:
    """Return the error that an item is not in the index."""
    message = f"no item {item_id!r} is in the index; check the id, or index it first"
    return ServiceError(404, message, code="unknown_item", item=item_id)


def _read_where(written: str) -> Where:
    try:
        return _WHERE.validate_python(json.loads(written))
    except (ValueError, RecursionError, ValidationError) as error:
        raise ServiceError(
            422, 'where is a JSON object of filters, for instance {"categories": "python"}'
        ) from error
