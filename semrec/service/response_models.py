"""Responses as JSON. Later versions can add fields, so clients must ignore unknown ones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from semrec.ranking.why_not import Verdict


class ResponseModel(BaseModel):
    """A response body. Later versions can add fields, so clients must ignore unknown ones."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class BecauseOut(ResponseModel):
    """An item of the history as a reason."""

    item_id: str
    title: str
    share: float = Field(description="Its share of the score, at most 1.")
    signal: str = Field(description="The signal to which the item contributes most.")
    relation: str = Field(
        "", description="By that signal, such as `taken next after`; empty for most signals."
    )


class PassagesOut(ResponseModel):
    """The nearest pair of passages; `history` is null for a text query."""

    item: str
    history: str | None = None


class RecommendationOut(ResponseModel):
    """One recommended item and its reasons."""

    item_id: str
    title: str
    score: float = Field(description="Standard deviations above the average item; bigger is better.")
    signals: dict[str, float] = Field(description="Share of every signal; the positive ones add up to 1.")
    because: list[BecauseOut] = []
    passages: PassagesOut | None = None
    reason: str = Field("", description="The reasons as a sentence.")
    metadata: dict[str, Any] = {}
    predicted_rating: float | None = Field(None, description="Null if no ratings were learned.")
    n_variants: int = Field(0, description="Near-duplicates that were left out for this item.")
    variants: list[str] = Field([], description="Ids of the best ones of them.")
    explored: bool = Field(False, description="Little is known of it, and the question asked to `explore`.")


class InterestOut(ResponseModel):
    """A group of similar items of a history, named after its most central items."""

    name: str
    item_ids: list[str] = Field(description="Most central first.")
    share: float


class RecommendationsOut(ResponseModel):
    """Recommendations, best first."""

    query: dict[str, Any]
    recommendations: list[RecommendationOut]
    interests: list[InterestOut] = []
    unknown_items: list[str] = Field([], description="Ids of the history that are not in the index.")
    notes: list[str] = Field([], description="Notes for the caller, for instance that a user has no events.")
    fallback: str | None = Field(
        None, description="What is recommended because nothing is known, such as `popular`; else null."
    )
    next: str | None = Field(None, description="Give it as `after` for the next page; null: the last page.")


class ManyRecommendationsOut(ResponseModel):
    """One answer for each user, in the order of the request."""

    answers: list[RecommendationsOut]


class ItemOut(ResponseModel):
    """An item of the index."""

    item_id: str
    title: str
    passages: list[str] = Field(description="Its text, cut into the passages that were encoded.")
    metadata: dict[str, Any] = {}


class ItemsOut(ResponseModel):
    """Items in the order of the request."""

    items: list[ItemOut]
    unknown_items: list[str] = []


class EventOut(ResponseModel):
    """An event of a user."""

    item_id: str
    kind: str
    value: float | None = None
    time: float | None = None


class UserInterestOut(ResponseModel):
    """A group of similar items of a user's history."""

    item_id: str = Field(description="Its most central item; use this id to set the weight.")
    titles: list[str] = Field(description="Titles of its most central items.")
    item_ids: list[str] = Field(description="Most central first.")
    share: float = Field(description="Its share of the whole history, after the weights of the user.")
    weight: float = Field(description="Weight set by the user. 0: muted. 1: normal.")


class UserOut(ResponseModel):
    """The profile of a user."""

    user_id: str
    interests: list[UserInterestOut] = Field(
        description="Largest first; the weights do not change the order."
    )
    recent: list[EventOut] = Field(description="The latest events, newest first.")
    n_events: int = Field(description="Events that count.")
    unknown_items: list[str] = Field([], description="Ids of the history that are not in the index.")
    left_out: dict[str, int] = Field({}, description="Number of events that do not count, by reason.")


class DeletedUserOut(ResponseModel):
    """What was deleted of a user. Learned models hold no data of single users."""

    user_id: str
    events: int
    preferences: int


class DeletedEventsOut(ResponseModel):
    """How many events were deleted; 0: there was none."""

    deleted: int


class StandingOut(ResponseModel):
    """Score and rank of an item among the candidates."""

    item_id: str
    score: float
    signals: dict[str, float] = Field(description="Part of the score from each signal; the sum is the score.")
    rank: int


class WhyNotOut(ResponseModel):
    """Why an item is not among the recommendations."""

    item_id: str
    title: str
    verdict: Verdict
    reason: str = Field(description="The verdict as a sentence.")
    failed: list[str] = Field([], description="The filters that do not match, in words.")
    standing: StandingOut | None = Field(None, description="Of the item; null if a rule excludes it.")
    last: StandingOut | None = Field(None, description="Of the last recommended item.")
    n_candidates: int = 0


class ChangeOut(ResponseModel):
    """Result of a change of items; each id is in one of the lists."""

    added: list[str] = Field(description="New items.")
    changed: list[str] = Field(description="Items with another text.")
    metadata: list[str] = Field(description="Items with the same text, but another title or metadata.")
    unchanged: list[str] = Field(description="Items that are equal to the stored ones.")
    deleted: list[str] = []
    unknown: list[str] = Field([], description="Ids to delete that were not in the index.")
    refused: dict[str, str] = Field({}, description="Why an item was not written, by its id.")
    notes: list[str] = Field([], description="Notes for the caller.")


class EventsOut(ResponseModel):
    """Result of a post of events."""

    added: int = Field(description="New events.")
    repeated: int = Field(description="Events that were already stored.")
    refused: dict[str, str] = Field(
        {}, description="Why an event was not stored, by its place in the request; the first place is 0."
    )
    left_out: dict[str, int] = Field(
        {},
        description="Number of stored events that do not count in answers now, by reason: a kind without a "
        "weight, a time that is not in unix seconds, a rating outside the scale. Their items count as seen.",
    )
    examples: dict[str, str] = Field(
        {}, description="The first event of each of these reasons: its place in the request, and its fields."
    )
    notes: list[str] = Field([], description="What was guessed, in words.")
    again: bool = Field(False, description="The post with this idempotency key was already stored.")


class MapOut(ResponseModel):
    """A bounded sample of the catalog: entry n of every list belongs to item n."""

    field: str | None = Field(description="The metadata field that groups the items.")
    groups: list[str] = Field(description="Its most frequent values, most frequent first.")
    item_ids: list[str]
    titles: list[str]
    x: list[float] = Field(description="From -1 to 1.")
    y: list[float] = Field(description="From -1 to 1.")
    group: list[int] = Field(description="Position in `groups`; -1: none of them.")


class PlacesOut(ResponseModel):
    """Positions of items on the map."""

    places: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = Field(
        description="x and y by item id; unknown ids are left out."
    )


class HealthOut(ResponseModel):
    """The process runs."""

    status: Literal["ok"] = "ok"
    version: str
    uptime_s: float


class SignalOut(ResponseModel):
    """A signal of the index."""

    name: str
    label: str = Field(description="Name for people.")
    source: Literal["text", "events", "metadata"] = Field(
        description="The data that the signal is made from."
    )
    personal: bool = Field(True, description="Whether the score depends on the query, or only on the item.")


class ReadyOut(ResponseModel):
    """The service can answer queries."""

    status: Literal["ready"] = "ready"
    generation: int
    items: int
    encoder: str
    fields: dict[str, str] = Field(description="Metadata fields for filters, and their types.")
    signals: list[SignalOut]


class ErrorOut(BaseModel):
    """An error."""

    code: str = Field(description="For programs.")
    message: str = Field(description="For people.")
    item: str | None = Field(None, description="Id of the item that caused the error.")
    request_id: str


class ErrorBody(BaseModel):
    """The body of every error response."""

    error: ErrorOut
