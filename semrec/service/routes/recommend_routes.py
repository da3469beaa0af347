"""`POST /recommend`: by text, by history, for a user, or by several of them. `POST /why-not/{item}`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter

from semrec.ranking.sentences import reason_sentence
from semrec.service.app_state import AppState, StateDep
from semrec.service.auth import READ
from semrec.service.error_responses import ServiceError
from semrec.service.filter_models import where_argument
from semrec.service.request_models import HistoryEvent, RecommendIn, RecommendManyIn
from semrec.service.response_models import ManyRecommendationsOut, RecommendationsOut, WhyNotOut
from semrec.service.routes.parameters import ItemId
from semrec.types import Event, Float1D, Recommendations, to_plain

router = APIRouter(tags=["recommend"], dependencies=[READ])


@router.post("/recommend")
async def recommend(query: RecommendIn, state: StateDep) -> RecommendationsOut:
    """Recommend items, best first, with reasons."""
    arguments = await query_arguments(query, state)
    more: dict[str, Any] = {"explain": query.explain, "after": query.after, "explore": query.explore}
    answer = await state.ask(state.recommender.recommend, **arguments, **more)
    state.metrics.record_answer(answer, cold=answer.fallback is not None)
    return recommendations_out(answer)


@router.post("/recommend/many")
async def recommend_many(query: RecommendManyIn, state: StateDep) -> ManyRecommendationsOut:
    """Recommend to several users of the event log, each as `/recommend` does."""
    answers = await state.ask(
        state.recommender.recommend_many,
        query.users,
        k=query.k,
        where=where_argument(query.where),
        exclude=query.exclude,
        diversity=query.diversity,
        group=query.group,
        near_duplicates=query.near_duplicates,
        explain=query.explain,
    )
    return ManyRecommendationsOut(answers=[recommendations_out(answer) for answer in answers])


@router.post("/why-not/{item_id:path}")
async def why_not(item_id: ItemId, query: RecommendIn, state: StateDep) -> WhyNotOut:
    """Explain why an item is not among the recommendations that `/recommend` returns for the same body."""
    arguments = await query_arguments(query, state)
    return WhyNotOut.model_validate(await state.ask(state.recommender.why_not, item_id, **arguments))


async def query_arguments(query: RecommendIn, state: AppState) -> dict[str, Any]:
    """Return a query as the arguments that `Recommender.recommend` and `why_not` share.

    Raises
    ------
    ServiceError
        The history is too long, or too many queries are waiting.
    """
    history = history_argument(query.history, state)
    return {
        "text": query.text,
        "text_vector": await encode_text(query.text, state),
        "history": history,
        "user": query.user,
        "k": query.k,
        "where": where_argument(query.where),
        "exclude": query.exclude,
        "exclude_seen": query.exclude_seen,
        "diversity": query.diversity,
        "group": query.group,
        "near_duplicates": query.near_duplicates,
        "weights": query.weights,
    }


def history_argument(history: Sequence[str | HistoryEvent], state: AppState) -> list[str | Event]:
    """Return a history as the library takes it; raises `ServiceError` if it is too long."""
    max_items = state.settings.service.max_history
    if len(history) > max_items:
        raise ServiceError(422, f"a history has at most {max_items:,} items; send the latest ones")
    return [
        entry if isinstance(entry, str) else Event(entry.item_id, entry.kind, entry.value, entry.time)
        for entry in history
    ]


async def encode_text(text: str | None, state: AppState) -> Float1D | None:
    """Return the vector of a query text, encoded together with other waiting texts; None without a text."""
    state.check_ready()
    if not text or not text.strip():
        return None
    state.answer_pool.check_capacity()
    return await state.question_batches.encode(text.strip())


def recommendations_out(answer: Recommendations) -> RecommendationsOut:
    """Return an answer as its response: every item also has its reasons as a sentence."""
    body = to_plain(answer)
    for entry, recommendation in zip(body["recommendations"], answer, strict=True):
        entry["reason"] = reason_sentence(recommendation)
    return RecommendationsOut.model_validate(body)
