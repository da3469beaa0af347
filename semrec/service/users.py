"""`/users/{id}`: the profile in words, what the user wants of it, and how to delete it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from semrec.service.app_state import ServiceDep
from semrec.service.auth import ADMIN, READ, WRITE
from semrec.service.schemas import DeletedUserOut, Id, InterestsIn, UserOut

router = APIRouter(tags=["users"])

UserId = Annotated[Id, Path(description="Id of a user; a slash in it may be written as it is.")]


@router.patch("/users/{user_id:path}/interests", dependencies=[WRITE])
async def set_interests(user_id: UserId, wanted: InterestsIn, service: ServiceDep) -> UserOut:
    """Mute or weight interests; it counts in the next answer for the user."""
    profile = await service.ask(service.recommender.set_interests, user_id, wanted.weights)
    return UserOut.model_validate(profile)


@router.get("/users/{user_id:path}", dependencies=[READ])
async def user_profile(
    user_id: UserId, service: ServiceDep, recent: Annotated[int, Query(ge=0, le=1000)] = 20
) -> UserOut:
    """Tell what is known of a user. Who has no events has an empty profile."""
    profile = await service.ask(service.recommender.user_profile, user_id, recent=recent)
    return UserOut.model_validate(profile)


@router.delete("/users/{user_id:path}", dependencies=[ADMIN])
async def delete_user(user_id: UserId, service: ServiceDep) -> DeletedUserOut:
    """Delete all that is stored of a user; the answer is the receipt."""
    return DeletedUserOut.model_validate(await service.change(service.recommender.delete_user, user_id))
