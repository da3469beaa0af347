"""Requests and responses as JSON. Every number and every list has a bound; unknown fields are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from semrec.config import MOST_WEIGHT
from semrec.events.counting import MOST_VALUE
from semrec.ranking.query import MOST_RECOMMENDATIONS

MAX_ID_LENGTH = 512
MAX_TEXT_LENGTH = 10_000
MAX_IDS = 1000
MAX_CURSOR = 11_000

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH, pattern=r"^[^\x00]*$")]
"""Any string without NUL characters, which databases cannot store."""
Name = Annotated[str, Field(min_length=1, max_length=128)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Amount = Annotated[float, Field(allow_inf_nan=False, ge=-MOST_VALUE, le=MOST_VALUE)]
Word = Annotated[str, Field(max_length=MAX_ID_LENGTH)]
Scalar = bool | int | Finite | Word


class RequestModel(BaseModel):
    """A request body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResponseModel(BaseModel):
    """A response body. Later versions can add fields, so clients must ignore unknown ones."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


# -- requests ------------------------------------------------------------------------------------------


class HistoryEvent(RequestModel):
    """An event of a session; it is never stored."""

    item_id: Id
    kind: Name = "view"
    value: Amount | None = Field(None, description="A rating or a count.")
    time: Finite | None = Field(None, description="Unix seconds, UTC.")


class Bounds(RequestModel):
    """A range of numbers."""

    gte: Finite | None = None
    gt: Finite | None = None
    lte: Finite | None = None
    lt: Finite | None = None


Filter = Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=MAX_IDS)] | Bounds
Where = Annotated[dict[Name, Filter], Field(max_length=32)]


class RecommendIn(RequestModel):
    """A query by text, by history, for a user, or by several of them: "like these, but about X"."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "draw charts", "k": 5, "where": {"categories": "python"}},
                {"history": ["python3-numpy", "python3-scipy"], "k": 5, "diversity": 0.3},
                {
                    "user": "alice",
                    "history": [{"item_id": "python3-numpy", "kind": "click"}],
                    "weights": {"text": 1.0, "popularity": 0.5},
                },
            ]
        }
    )

    text: str | None = Field(None, max_length=MAX_TEXT_LENGTH, description="Query text.")
    history: list[Id | HistoryEvent] = Field(
        [],
        description="Item ids or events of a session, oldest first; used for this answer, never stored.",
    )
    user: Id | None = Field(
        None, description="A user of the event log; the stored history comes before the given history."
    )
    where: Where = Field(
        {}, description="Metadata filters: a value, a list of values (any of them), or bounds."
    )
    exclude: list[Id] = Field([], max_length=10_000, description="Item ids that are never recommended.")
    exclude_seen: bool = Field(True, description="Leave out what the user has used.")
    diversity: float = Field(
        0.0, ge=0, le=1, allow_inf_nan=False, description="0: the best items. 1: the most different items."
    )
    weights: dict[Name, Annotated[float, Field(ge=0, le=MOST_WEIGHT, allow_inf_nan=False)]] = Field(
        {}, max_length=16, description="Weight of a signal; replaces the learned weight."
    )
    k: int = Field(10, ge=1, le=MOST_RECOMMENDATIONS, description="Number of recommendations.")
    explain: bool = Field(True, description="Return reasons; answers without them are a little faster.")
    after: str | None = Field(
        None,
        max_length=MAX_CURSOR,
        description="The next page of the same query: `next` of the last response.",
    )


class ItemBody(RequestModel):
    """An item without its id."""

    title: str = Field("", max_length=10_000)
    text: str = Field("", max_length=1_000_000, description="The long description.")
    metadata: dict[Name, Scalar | Annotated[list[Word], Field(max_length=MAX_IDS)]] = Field(
        {}, max_length=64, description="Fields for filters."
    )


class ItemIn(ItemBody):
    """An item."""

    item_id: Id


class ItemsIn(RequestModel):
    """One item or several."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "item_id": "A17",
                            "title": "Warm winter jacket",
                            "text": "Down, with a hood.",
                            "metadata": {"brand": "Acme", "year": 2026},
                        }
                    ]
                }
            ]
        }
    )

    items: list[ItemIn] = Field(min_length=1, max_length=MAX_IDS)


class EventIn(RequestModel):
    """An event: what a user did with an item."""

    user_id: Id
    item_id: Id = Field(description="It can be unknown to the index: the event counts once it is indexed.")
    kind: Name = Field("view", description="view, click, buy, rate, dislike, …")
    value: Amount | None = Field(None, description="A rating or a count.")
    time: Finite | None = Field(None, description="Unix seconds, UTC; null: now.")


class EventsIn(RequestModel):
    """One event or several."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"events": [{"user_id": "alice", "item_id": "python3-numpy", "kind": "click"}]},
                {"events": [{"user_id": "bob", "item_id": "r-base", "kind": "rate", "value": 4.5}]},
            ]
        }
    )

    events: list[EventIn] = Field(min_length=1, max_length=10_000)


class InterestsIn(RequestModel):
    """Weights of interests."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"weights": {"python3-numpy": 0.0}}]})

    weights: dict[Id, Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]] = Field(
        min_length=1,
        max_length=64,
        description="Weight by an item of each interest. 0: muted. 1: normal. 2: counts double.",
    )


class PlacesIn(RequestModel):
    """Items to find on the map."""

    item_ids: list[Id] = Field(max_length=MAX_IDS)


# -- responses -----------------------------------------------------------------------------------------


class BecauseOut(ResponseModel):
    """An item of the history as a reason."""

    item_id: str
    title: str
    share: float = Field(description="Its share of the score, at most 1.")
    signal: str = Field(description="The signal to which the item contributes most.")


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
    next: str | None = Field(None, description="Give it as `after` for the next page; null: the last page.")


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
    verdict: Literal[
        "recommended", "not_indexed", "seen", "excluded", "filtered", "not_found", "outranked", "diversity"
    ]
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
    notes: list[str] = Field([], description="Notes for the caller.")


class EventsOut(ResponseModel):
    """Result of a post of events."""

    added: int = Field(description="New events.")
    repeated: int = Field(description="Events that were already stored.")
    rejected: dict[str, int] = Field(description="Number of invalid events by reason.")
    left_out: dict[str, int] = Field(
        {},
        description="Number of stored events that do not count in answers now, by reason: a kind without a "
        "weight, a time that is not in unix seconds, a rating outside the scale. Their items count as seen.",
    )
    examples: dict[str, str] = Field(
        {}, description="The first event of each of these reasons: its place in the request, and its fields."
    )
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
