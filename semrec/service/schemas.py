"""What goes in and out as JSON. Every number and every list has a bound; unknown fields are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from semrec.ranking.query import MOST_RECOMMENDATIONS

LONGEST_ID = 512
LONGEST_TEXT = 10_000
MOST_IDS = 1000

Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID, pattern=r"^[^\x00]*$")]
"""Any string but one with a NUL character, which databases cannot store."""
Name = Annotated[str, Field(min_length=1, max_length=128)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Word = Annotated[str, Field(max_length=LONGEST_ID)]
Scalar = bool | int | Finite | Word


class Strict(BaseModel):
    """A body that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# -- what comes in -------------------------------------------------------------------------------------


class HistoryEvent(Strict):
    """What somebody did with an item; nothing of it is stored."""

    item_id: Id
    kind: Name = "view"
    value: Finite | None = Field(None, description="How much; of a rating its place on the scale.")
    time: Finite | None = Field(None, description="Unix seconds, UTC.")


class Bounds(Strict):
    """A number within bounds."""

    gte: Finite | None = None
    gt: Finite | None = None
    lte: Finite | None = None
    lt: Finite | None = None


Filter = Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=MOST_IDS)] | Bounds
Where = Annotated[dict[Name, Filter], Field(max_length=32)]


class Asked(Strict):
    """A text, a history, a user, or several of them: "like these, but about X"."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "draw charts", "k": 5, "where": {"categories": "python"}},
                {"history": ["python3-numpy", "python3-scipy"], "k": 5, "diversity": 0.3},
                {
                    "user": "alice",
                    "history": [{"item_id": "python3-numpy", "kind": "click"}],
                    "weights": {"text": 1.0, "taste": 0.5},
                },
            ]
        }
    )

    text: str | None = Field(None, max_length=LONGEST_TEXT, description="What is wanted, in words.")
    history: list[Id | HistoryEvent] = Field(
        [],
        description="Item ids or events of a session, oldest first; used for this answer, never stored.",
    )
    user: Id | None = Field(None, description="Whose stored events come before the given history.")
    where: Where = Field(
        {}, description="Metadata filters: a value, a list of values (any of them), or bounds."
    )
    exclude: list[Id] = Field([], max_length=10_000, description="Ids that are never recommended.")
    exclude_seen: bool = Field(True, description="Leave out the items of the history.")
    diversity: float = Field(
        0.0, ge=0, le=1, allow_inf_nan=False, description="0: the best items, 1: the most different ones."
    )
    weights: dict[Name, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        {}, max_length=16, description="Weight of each signal, over the learned ones."
    )
    k: int = Field(10, ge=1, le=MOST_RECOMMENDATIONS, description="How many to recommend.")
    explain: bool = Field(True, description="Find out the reasons; without them it is a little faster.")


class ItemBody(Strict):
    """An item, but for its id."""

    title: str = Field("", max_length=10_000)
    text: str = Field("", max_length=1_000_000, description="The long description.")
    metadata: dict[Name, Scalar | Annotated[list[Word], Field(max_length=MOST_IDS)]] = Field(
        {}, max_length=64, description="Fields to filter by."
    )


class ItemIn(ItemBody):
    """An item."""

    item_id: Id


class ItemsIn(Strict):
    """One item or many."""

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

    items: list[ItemIn] = Field(min_length=1, max_length=MOST_IDS)


class EventIn(Strict):
    """What a user did with an item."""

    user_id: Id
    item_id: Id = Field(description="It may be unknown to the index: it counts once it is indexed.")
    kind: Name = Field("view", description="view, click, buy, rate, dislike, …")
    value: Finite | None = Field(None, description="How much: a rating, a count.")
    time: Finite | None = Field(None, description="Unix seconds, UTC; null: now.")


class EventsIn(Strict):
    """One event or many."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"events": [{"user_id": "alice", "item_id": "python3-numpy", "kind": "click"}]},
                {"events": [{"user_id": "bob", "item_id": "r-base", "kind": "rate", "value": 4.5}]},
            ]
        }
    )

    events: list[EventIn] = Field(min_length=1, max_length=10_000)


class InterestsIn(Strict):
    """How much interests count."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"weights": {"python3-numpy": 0.0}}]})

    weights: dict[Id, Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]] = Field(
        min_length=1,
        max_length=64,
        description="By an item of each interest: 0 mutes it, 1 is as usual, 2 counts double.",
    )


# -- what goes out -------------------------------------------------------------------------------------


class Out(BaseModel):
    """A part of an answer; it may grow, so readers must not mind new fields."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class BecauseOut(Out):
    """An item of the history as a reason."""

    item_id: str
    title: str
    share: float = Field(description="Its part of all that speaks for the item, at most 1.")
    signal: str = Field(description="The signal by which it speaks loudest.")


class PassagesOut(Out):
    """The nearest pair of passages; `history` is null for a text query."""

    item: str
    history: str | None = None


class RecommendationOut(Out):
    """One recommended item and why."""

    item_id: str
    title: str
    score: float = Field(description="In standard deviations above the average item; bigger is better.")
    signals: dict[str, float] = Field(description="Share of every signal; the positive ones add up to 1.")
    because: list[BecauseOut] = []
    passages: PassagesOut | None = None
    reason: str = Field("", description="The same in words.")
    metadata: dict[str, Any] = {}


class InterestOut(Out):
    """A group of like items of a history, named after its most central ones."""

    name: str
    item_ids: list[str] = Field(description="Most central first.")
    share: float


class AnswerOut(Out):
    """Recommendations, best first."""

    query: dict[str, Any]
    recommendations: list[RecommendationOut]
    interests: list[InterestOut] = []
    unknown_items: list[str] = Field([], description="Ids of the history that are not in the index.")
    notes: list[str] = Field([], description="What the asker should know.")


class ItemOut(Out):
    """An item as it is stored."""

    item_id: str
    title: str
    passages: list[str] = Field(description="Its text, cut as it was encoded.")
    metadata: dict[str, Any] = {}


class ItemsOut(Out):
    """Items in the order asked for."""

    items: list[ItemOut]
    unknown_items: list[str] = []


class EventOut(Out):
    """What a user did with an item."""

    item_id: str
    kind: str
    value: float | None = None
    time: float | None = None


class UserInterestOut(Out):
    """A group of like items of a user's history."""

    item_id: str = Field(description="Its most central item; mute or weight it by this id.")
    titles: list[str] = Field(description="Of its most central items.")
    item_ids: list[str] = Field(description="Most central first.")
    share: float = Field(description="Its part of the weight of the whole history, as the user wants it.")
    weight: float = Field(description="How much the user wants of it: 0 is muted, 1 is as usual.")


class UserOut(Out):
    """What is known of a user."""

    user_id: str
    interests: list[UserInterestOut] = Field(description="The heaviest first, as if none were muted.")
    recent: list[EventOut] = Field(description="The latest events, newest first.")
    n_events: int
    unknown_items: list[str] = Field([], description="Ids of the history that are not in the index.")


class DeletedUserOut(Out):
    """What was stored of a user and is gone. Learned models hold no user."""

    user_id: str
    events: int
    preferences: int


class StandingOut(Out):
    """Where an item stands among the candidates."""

    item_id: str
    score: float
    signals: dict[str, float] = Field(description="What each signal adds; the sum is the score.")
    rank: int


class WhyNotOut(Out):
    """Why an item is not among the recommendations."""

    item_id: str
    title: str
    verdict: Literal[
        "recommended", "not_indexed", "seen", "excluded", "filtered", "not_found", "outranked", "diversity"
    ]
    reason: str = Field(description="The same in words.")
    failed: list[str] = Field([], description="Filters that do not hold, in words.")
    standing: StandingOut | None = Field(None, description="The item's; null when a rule keeps it out.")
    last: StandingOut | None = Field(None, description="That of the last one that was recommended.")
    n_candidates: int = 0


class ChangeOut(Out):
    """What became of items: ids, each in one of the lists."""

    added: list[str] = Field(description="They were not there.")
    changed: list[str] = Field(description="Another text.")
    metadata: list[str] = Field(description="The same text with another title or other metadata.")
    unchanged: list[str] = Field(description="They were there just so.")
    deleted: list[str] = []
    unknown: list[str] = Field([], description="They were to be deleted, but were not there.")
    notes: list[str] = Field([], description="What a reader should know.")


class EventsOut(Out):
    """What became of events."""

    added: int = Field(description="Events that are new and now stored.")
    repeated: int = Field(description="Events that were stored before.")
    rejected: dict[str, int] = Field(description="Rows that are no event, by reason.")
    again: bool = Field(False, description="This post was answered before, under its idempotency key.")


class HealthOut(Out):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    version: str
    uptime_s: float


class ReadyOut(Out):
    """The service can answer."""

    status: Literal["ready"] = "ready"
    generation: int
    items: int
    encoder: str
    fields: dict[str, str] = Field(description="Metadata fields that can be filtered by, and their types.")
    signals: list[str]


class ErrorOut(BaseModel):
    """What went wrong."""

    code: str = Field(description="For programs.")
    message: str = Field(description="For people.")
    item: str | None = Field(None, description="The item it is about.")
    request_id: str


class ErrorBody(BaseModel):
    """The body of every answer that is no success."""

    error: ErrorOut
