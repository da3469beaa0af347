"""Requests and responses of predicted ratings as JSON."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from semrec.service.filter_models import RequestModel
from semrec.service.request_models import HistoryEvent, Id
from semrec.service.response_models import ResponseModel


class PredictIn(RequestModel):
    """The user and the item whose rating is predicted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user": "alice", "item": "A17"}]})

    item: Id = Field(description="An item of the index.")
    user: Id | None = Field(None, description="A user of the event log.")
    history: list[Id | HistoryEvent] = Field(
        [], description="More events, oldest first; those of kind `rate` with a value count. Never stored."
    )


class RatingReasonOut(ResponseModel):
    """A rating of the user, and what it adds to the prediction."""

    item_id: str
    title: str
    rating: float
    effect: float


class PredictOut(ResponseModel):
    """A predicted rating: mean, item effect and user effect add up to it, before it is put on the scale."""

    item_id: str
    title: str
    rating: float
    low: float = Field(description="Lower end of the interval.")
    high: float = Field(description="Upper end of the interval.")
    share: float = Field(description="Share of ratings that lie in such an interval, measured by `fit`.")
    scale: tuple[float, float]
    mean: float = Field(description="Mean of all ratings.")
    item_effect: float = Field(description="How much better than the mean the item is rated.")
    user_effect: float = Field(description="What the ratings of the user add.")
    because: list[RatingReasonOut] = Field(description="The ratings with the largest effects, largest first.")
    n_item_ratings: int
    n_user_ratings: int
    given: float | None = Field(None, description="The rating that the user has given already.")
    reason: str = Field(description="Where the number comes from, in words.")
    notes: list[str] = Field([], description="Notes for the caller.")
