"""`POST /recommend`: by text, by history, for a user, or by several of them. `POST /why-not/{item}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from semrec.ranking.sentences import reason_sentence
from semrec.service.app_state import AppState, StateDep
from semrec.service.auth import READ
from semrec.service.error_responses import ServiceError
from semrec.service.routes.parameters import ItemId
from semrec.service.schemas import Bounds, RecommendationsOut, RecommendIn, WhyNotOut
from semrec.types import Event, Recommendations, to_plain

router = APIRouter(tags=["recommend"], dependencies=[READ])


@router.post("/recommend")
async def recommend(query: RecommendIn, state: StateDep) -> RecommendationsOut:
    """Recommend items, best first, with reasons."""
    await prepare(query, state)
    answer = await state.ask(state.recommender.recommend, **query_arguments(query), explain=query.explain)
    state.metrics.record_answer(answer, cold=bool(set(answer.notes) - {state.recommender.stale}))
    return recommendations_out(answer)


@router.post("/why-not/{item_id:path}")
async def why_not(item_id: ItemId, query: RecommendIn, state: StateDep) -> WhyNotOut:
    """Tell why an item is not among the recommendations that `/recommend` returns for the same body."""
    await prepare(query, state)
    answer = await state.ask(state.recommender.why_not, item_id, **query_arguments(query))
    return WhyNotOut.model_validate(answer)


async def prepare(query: RecommendIn, state: AppState) -> None:
    """Check the length of the history, and encode the text together with other waiting texts.

    Raises
    ------
    ServiceError
        The history is too long, or too many queries are waiting.
    """
    max_items = state.settings.service.max_history
    if len(query.history) > max_items:
        raise ServiceError(422, f"a history has at most {max_items:,} items; send the latest ones")
    state.check_ready()
    if query.text and query.text.strip():
        state.answer_pool.check_capacity()
        await state.question_batches.prepare(query.text.strip())


def query_arguments(query: RecommendIn) -> dict[str, Any]:
    """Return a query as the arguments that `Recommender.recommend` and `why_not` share."""
    return {
        "text": query.text,
        "history": [
            entry if isinstance(entry, str) else Event(entry.item_id, entry.kind, entry.value, entry.time)
            for entry in query.history
        ],
        "user": query.user,
        "k": query.k,
        "where": where_argument(query.where),
        "exclude": query.exclude,
        "exclude_seen": query.exclude_seen,
        "diversity": query.diversity,
        "weights": query.weights,
    }


def where_argument(where: Mapping[str, Any]) -> dict[str, Any]:
    """Return filters as the library takes them."""
    return {
        field: value.model_dump(exclude_none=True) if isinstance(value, Bounds) else value
        for field, value in where.items()
    }


def recommendations_out(answer: Recommendations) -> RecommendationsOut:
    """Return an answer as its response: every item also has its reasons as a sentence."""
    body = to_plain(answer)
    for entry, recommendation in zip(body["recommendations"], answer, strict=True):
        entry["reason"] = reason_sentence(recommendation)
    return RecommendationsOut.model_validate(body)
