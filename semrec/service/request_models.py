"""Requests as JSON. Every number and every list has a bound; unknown fields are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from semrec.config import MOST_WEIGHT, NearDuplicates
from semrec.errors import InvalidIdError
from semrec.events.counting import LONGEST_ID, MOST_VALUE
from semrec.events.event_reader import read_event
from semrec.identifiers import identifier
from semrec.indexer.read_items import name_of
from semrec.plain_values import MisfitError
from semrec.ranking.query import MOST_RECOMMENDATIONS
from semrec.service.error_responses import faults_in_words
from semrec.service.filter_models import (
    GROUP_HELP,
    MAX_WORD,
    NEAR_HELP,
    Finite,
    Group,
    Name,
    RequestModel,
    Scalar,
    Where,
    Word,
)

MAX_ID_LENGTH = MAX_WORD
MAX_TEXT_LENGTH = 10_000
MAX_IDS = 1000
MAX_CURSOR = 11_000

IdText = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH, pattern=r"^[^\x00]*$")]


def as_stored(value: object) -> object:
    """Return an id as it is stored; a value that cannot be one is returned for pydantic to refuse."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        return identifier(value)
    except InvalidIdError:
        return ""


Id = Annotated[IdText, BeforeValidator(as_stored, json_schema_input_type=IdText | int)]
"""Any string without NUL characters, which databases cannot store; or a number."""
Amount = Annotated[float, Field(allow_inf_nan=False, ge=-MOST_VALUE, le=MOST_VALUE)]
FieldValue = Scalar | Annotated[list[Word], Field(max_length=MAX_IDS)]
MetadataValue = FieldValue | Annotated[dict[Name, FieldValue], Field(max_length=64)]
"""Value of a field; an object has fields of its own: `{"details": {"brand": "Acme"}}` is `details.brand`."""


VALUE = "A rating or a count; below 0: taken back, for instance a return."
TIME = "Unix time in s, ms, µs or ns; or a date, UTC without a zone; or a position, such as 0, 1, 2."

EventId = Annotated[str, Field(min_length=1, max_length=LONGEST_ID, pattern=r"^[^\x00]*$")]
"""An id of an event, or its kind; as long as files can have it."""
Time = Annotated[Finite, WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})]


def event_fields(given: Any, *, with_user: bool) -> Any:
    """Return the fields of an event under their own names; their values are read as those of files.

    Raises
    ------
    PydanticCustomError
        It is no event.
    """
    if not isinstance(given, Mapping):
        return given  # pydantic refuses it
    try:
        row = read_event(given, with_user=with_user)
    except MisfitError as fault:
        raise PydanticCustomError("event", "{fault}", {"fault": str(fault)}) from None
    fields = {"item_id": row.item, "kind": row.kind, "value": row.value, "time": row.time}
    return {"user_id": row.user, **fields} if with_user else fields


class HistoryEvent(RequestModel):
    """An event of a session; it is never stored."""

    item_id: EventId
    kind: EventId = "view"
    value: Amount | None = Field(None, description=VALUE)
    time: Time | None = Field(None, description=TIME)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        return event_fields(given, with_user=False)


class EntriesIn(RequestModel):
    """A request with one list of entries, of which an invalid one is refused alone.

    A request without a valid entry is refused as a whole.
    """

    _list: ClassVar[str]
    _given: Sequence[Any] = PrivateAttr(())
    _refused: Mapping[int, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _without_refused(cls, given: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return read(given)
        except ValidationError as error:
            reasons = reasons_by_place(error.errors(), cls._list)
            if reasons is None or len(reasons) == len(given[cls._list]):
                raise
            entries = given[cls._list]
            found = read({**given, cls._list: [entry for n, entry in enumerate(entries) if n not in reasons]})
            found._given, found._refused = entries, reasons
            return found

    @property
    def refused(self) -> Mapping[int, str]:
        """Why an entry is refused, by its place in the request."""
        return self._refused

    @property
    def places(self) -> list[int]:
        """Places of the valid entries in the request."""
        n_all = len(self._refused) + len(getattr(self, self._list))
        return [place for place in range(n_all) if place not in self._refused]

    @property
    def refused_by_id(self) -> dict[str, str]:
        """Why an entry is refused, by its id, or by its number where it has none."""
        return {name_of(self._given[place], place + 1): reason for place, reason in self._refused.items()}


def reasons_by_place(faults: Sequence[Mapping[str, Any]], name: str) -> dict[int, str] | None:
    """Return why entries of a list are invalid, by place; None if the list itself is, or anything else.

    Parameters
    ----------
    faults : of a request, as pydantic lists them.
    name : of the list.
    """
    reasons: dict[int, str] = {}
    for fault in faults:
        field, *within = fault["loc"]
        if field != name or not within:
            return None
        reason = faults_in_words([{**fault, "loc": within[1:]}])
        before = reasons.get(within[0])
        reasons[within[0]] = f"{before}; {reason}" if before else reason
    return reasons


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
        {},
        description="Metadata filters: a value, a list of values (any of them), or what is wanted by name: "
        "`gte`, `gt`, `lte`, `lt`, `any`, `all`, `not`, `exists`; and lists of filters after `or` and `and`.",
    )
    exclude: list[Id] = Field([], max_length=10_000, description="Item ids that are never recommended.")
    exclude_seen: bool = Field(True, description="Leave out what the user has used.")
    diversity: float = Field(
        0.0, ge=0, le=1, allow_inf_nan=False, description="0: the best items. 1: the most different items."
    )
    group: Group | None = Field(None, description=GROUP_HELP)
    near_duplicates: NearDuplicates | None = Field(None, description=NEAR_HELP)
    explore: float = Field(
        0.0, ge=0, le=1, allow_inf_nan=False, description="Share of the places for little-known items."
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


class RecommendManyIn(RequestModel):
    """The same options for several users."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"users": ["alice", "bob"], "k": 5}]})

    users: list[Id] = Field(min_length=1, max_length=100)
    k: int = Field(10, ge=1, le=MOST_RECOMMENDATIONS, description="Recommendations for each user.")
    where: Where = Field({}, description="Metadata filters, as in `/recommend`.")
    exclude: list[Id] = Field([], max_length=10_000, description="Item ids that are never recommended.")
    diversity: float = Field(0.0, ge=0, le=1, allow_inf_nan=False, description="As in `/recommend`.")
    group: Group | None = Field(None, description=GROUP_HELP)
    near_duplicates: NearDuplicates | None = Field(None, description=NEAR_HELP)
    explain: bool = Field(False, description="Return reasons; answers without them are a little faster.")


class ItemBody(RequestModel):
    """An item without its id."""

    title: str = Field("", max_length=10_000)
    text: str = Field("", max_length=1_000_000, description="The long description.")
    metadata: dict[Name, MetadataValue] = Field({}, max_length=64, description="Fields for filters.")


class ItemIn(ItemBody):
    """An item."""

    item_id: Id


class ItemsIn(EntriesIn):
    """One item or several."""

    _list = "items"
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


class ItemPatchIn(RequestModel):
    """New values of metadata fields of an item; its text and all other fields stay."""

    item_id: Id
    metadata: dict[Name, MetadataValue | None] = Field(
        min_length=1, max_length=64, description="New values by field; null removes the field."
    )


class ItemPatchesIn(EntriesIn):
    """Patches of one item or several."""

    _list = "items"
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [{"item_id": "A17", "metadata": {"price": 79.5}}]}]}
    )

    items: list[ItemPatchIn] = Field(min_length=1, max_length=MAX_IDS)


class EventIn(RequestModel):
    """An event: what a user did with an item. The usual names of columns are understood, too."""

    user_id: EventId
    item_id: EventId = Field(
        description="It can be unknown to the index: the event counts once it is indexed."
    )
    kind: EventId = Field(
        "view", description="view, click, like, cart, buy, rate, dislike, impression, or a usual name."
    )
    value: Amount | None = Field(None, description=VALUE)
    time: Time | None = Field(None, description=f"{TIME} null: now.")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        return event_fields(given, with_user=True)


class EventsIn(EntriesIn):
    """One event or several."""

    _list = "events"
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
