"""`POST /predict`: the rating that a user would give to an item."""

from __future__ import annotations

from fastapi import APIRouter

from semrec.service.app_state import StateDep
from semrec.service.auth import READ
from semrec.service.rating_models import PredictIn, PredictOut
from semrec.service.routes.recommend_routes import history_argument

router = APIRouter(tags=["recommend"], dependencies=[READ])


@router.post("/predict")
async def predict(question: PredictIn, state: StateDep) -> PredictOut:
    """Predict the rating that a user would give to an item, with an interval and reasons."""
    state.check_ready()
    history = history_argument(question.history, state)
    found = await state.ask(state.recommender.predict, question.item, user=question.user, history=history)
    return PredictOut.model_validate(found)
