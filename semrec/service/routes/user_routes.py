"""`/users/{id}`: the profile of a user, the weights of interests, and deletion."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from semrec.service.app_state import StateDep
from semrec.service.auth import ADMIN, READ, WRITE
from semrec.service.request_models import InterestsIn
from semrec.service.response_models import DeletedUserOut, UserOut
from semrec.service.routes.parameters import UserId

router = APIRouter(tags=["users"])


@router.patch("/users/{user_id:path}/interests", dependencies=[WRITE])
async def set_interests(user_id: UserId, interests: InterestsIn, state: StateDep) -> UserOut:
    """Mute or weight interests; the next answer for the user uses the weights."""
    profile = await state.ask(state.recommender.set_interests, user_id, interests.weights)
    return UserOut.model_validate(profile)


@router.get("/users/{user_id:path}", dependencies=[READ])
async def user_profile(
    user_id: UserId, state: StateDep, recent: Annotated[int, Query(ge=0, le=1000)] = 20
) -> UserOut:
    """Return the profile of a user. A user without events has an empty profile."""
    profile = await state.ask(state.recommender.user_profile, user_id, recent=recent)
    return UserOut.model_validate(profile)


@router.delete("/users/{user_id:path}", dependencies=[ADMIN])
async def delete_user(user_id: UserId, state: StateDep) -> DeletedUserOut:
    """Delete all stored data of a user, and return how much it was."""
    return DeletedUserOut.model_validate(await state.change(state.recommender.delete_user, user_id))
