"""`POST /why-not/{item}`: what kept an item out of an answer."""

from __future__ import annotations

from fastapi import APIRouter

from semrec.service.app_state import ServiceDep
from semrec.service.auth import READ
from semrec.service.items import ItemId
from semrec.service.recommend import check_length, encode_text, question_of
from semrec.service.schemas import Asked, WhyNotOut

router = APIRouter(tags=["recommend"])


@router.post("/why-not/{item_id:path}", dependencies=[READ])
async def why_not(item_id: ItemId, asked: Asked, service: ServiceDep) -> WhyNotOut:
    """Tell why an item is not among the recommendations that `/recommend` gives for the same body."""
    check_length(asked, service)
    await encode_text(asked, service)
    told = await service.ask(service.recommender.why_not, item_id, **question_of(asked))
    return WhyNotOut.model_validate(told)
