"""`POST /recommend`: by a text, a history, a user, or several of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from semrec.ranking.sentences import reason_sentence
from semrec.service.app_state import Service, ServiceDep
from semrec.service.auth import READ
from semrec.service.errors import ServiceError
from semrec.service.schemas import AnswerOut, Asked, Bounds
from semrec.types import Event, Recommendations

router = APIRouter(tags=["recommend"], dependencies=[READ])


@router.post("/recommend")
async def recommend(asked: Asked, service: ServiceDep) -> AnswerOut:
    """Recommend items, best first, with the reasons."""
    check_length(asked, service)
    await encode_text(asked, service)
    answer = await service.ask(service.recommender.recommend, **question_of(asked))
    service.metrics.note_answer(answer, cold=bool(set(answer.notes) - {service.recommender.stale}))
    return answer_of(answer)


def check_length(asked: Asked, service: Service) -> None:
    """Raise `ServiceError` when a history is longer than the service takes."""
    most = service.settings.service_max_history
    if len(asked.history) > most:
        raise ServiceError(422, f"a history has at most {most:,} items; send the latest ones")


async def encode_text(asked: Asked, service: Service) -> None:
    """Have the text of a question encoded with those that wait, unless too many questions wait already."""
    service.require_ready()
    if asked.text and asked.text.strip():
        service.answering.require_room()
        await service.texts.prepare(asked.text.strip())


def question_of(asked: Asked) -> dict[str, Any]:
    """Return the arguments of `Recommender.recommend` for a body."""
    return {
        "text": asked.text,
        "history": [
            entry if isinstance(entry, str) else Event(entry.item_id, entry.kind, entry.value, entry.time)
            for entry in asked.history
        ],
        "user": asked.user,
        "k": asked.k,
        "where": where_of(asked.where),
        "exclude": asked.exclude,
        "exclude_seen": asked.exclude_seen,
        "diversity": asked.diversity,
        "weights": asked.weights,
        "explain": asked.explain,
    }


def where_of(where: Mapping[str, Any]) -> dict[str, Any]:
    """Return filters as `parse_where` reads them."""
    return {
        field: wanted.model_dump(exclude_none=True) if isinstance(wanted, Bounds) else wanted
        for field, wanted in where.items()
    }


def answer_of(answer: Recommendations) -> AnswerOut:
    """Return an answer as JSON tells it."""
    told = answer.to_dict()
    for one, recommendation in zip(told["recommendations"], answer, strict=True):
        one |= {
            "because": recommendation.because,  # with the signal, which the library's JSON does not have
            "reason": reason_sentence(recommendation),
            "metadata": dict(recommendation.metadata),
        }
    return AnswerOut.model_validate(told)
