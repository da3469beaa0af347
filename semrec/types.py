"""Values that all parts of semrec share: items, events, conditions, recommendations, reports of changes.

All of them are frozen, and none knows how it is computed or stored. `to_plain` and `from_plain` turn any
dataclass into plain JSON values and back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

T = TypeVar("T")

Float1D: TypeAlias = NDArray[np.float32]
"""float32 (n,)."""
Float2D: TypeAlias = NDArray[np.float32]
"""float32 (n, m)."""
Keys: TypeAlias = NDArray[np.uint64]
"""uint64 (n,): the store's point ids, see `item_keys`."""
Precision: TypeAlias = Literal["float32", "bfloat16", "int8"]
"""Number type of an encoder's arithmetic; its vectors are always float32."""
Value: TypeAlias = str | int | float | bool | tuple[str, ...]
"""Value of one metadata field of an item."""


def item_keys(item_ids: Iterable[str]) -> Keys:
    """Return the store's point id of every item id.

    A key is the first 8 bytes of BLAKE2b of the UTF-8 id, so any string is a valid item id and
    every process computes the same key. Keys are uniformly distributed: the items with the smallest
    keys are a random sample of the catalog.

    Returns
    -------
    uint64 (n,), in the order of `item_ids`; empty for no ids.
    """
    digests = b"".join(
        hashlib.blake2b(item_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for item_id in item_ids
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def to_plain(value: Any, *, exclude: Mapping[str, Any] | None = None) -> Any:
    """Return a dataclass, or a container of some, as plain JSON values.

    Fields become a dict by name, tuples become lists, paths become text; NaN and infinity stay floats.

    Parameters
    ----------
    value : the dataclass.
    exclude : fields to leave out, as pydantic's `model_dump` takes them.
    """
    return _adapter(type(value)).dump_python(value, mode="json", exclude=dict(exclude) if exclude else None)


def to_json(value: Any) -> str:
    """Return a dataclass, or a container of some, as JSON text; NaN and infinity become null."""
    return _adapter(type(value)).dump_json(value).decode()


def from_plain(kind: type[T], stored: Any) -> T:
    """Return the value of a type that `to_plain` has turned into JSON values.

    Fields that the type does not have are ignored; missing fields get their defaults.

    Raises
    ------
    ValueError
        The values do not fit the type.
    """
    return _adapter(kind).validate_python(stored)


_adapters: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    """Return the adapter of a type; making one takes about a millisecond, so each is kept."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


class Plain:
    """Base of dataclasses that go out as JSON and come back from it."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, see `to_plain`."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Return what `to_dict` gave; raises ValueError when the values do not fit."""
        return from_plain(cls, stored)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a catalog.

    Parameters
    ----------
    item_id : any string, unique in the catalog.
    title : shown to people; may be empty.
    text : the long description; may be empty if there is a title.
    metadata : fields to filter by; a tuple holds several values of one field.
    """

    item_id: str
    title: str = ""
    text: str = ""
    metadata: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemPatch:
    """Other metadata for an item; its text, its title and all other fields stay.

    Parameters
    ----------
    item_id : the item.
    metadata : new values by field; None removes the field.
    """

    item_id: str
    metadata: Mapping[str, Value | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One action of a user on an item.

    Parameters
    ----------
    item_id : the item; it may be unknown to the index.
    kind : view, click, buy, rate, dislike, … ; see `EventSettings.kind_weights`.
    value : a rating or a count; None is 1.
    time : unix seconds, UTC; None if unknown.
    """

    item_id: str
    kind: str = "view"
    value: float | None = None
    time: float | None = None


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Keep items whose `field` has one of these values."""

    field: str
    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Keep items whose numeric `field` lies within the given bounds; None: no bound."""

    field: str
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """Keep items whose `field` has a value."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """Keep items that do not meet a condition; an item without the field is kept."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Either:
    """Keep items that meet all conditions of at least one alternative."""

    alternatives: tuple[tuple[Condition, ...], ...]


Condition: TypeAlias = AnyOf | Range | Exists | Not | Either
"""One metadata filter; several of them must all hold."""


@dataclass(frozen=True, slots=True)
class Because:
    """One item of the history as a reason for a recommendation.

    Parameters
    ----------
    item_id, title : the item of the history.
    share : its part of all positive contributions to the score, at most 1; below 0 it lowers the score.
    contribution : the same in units of the score; exact.
    signal : the signal with its largest contribution.
    relation : what the recommended item is to it by that signal, such as "taken next after"; empty: no more
        than the signal says.
    """

    item_id: str
    title: str
    share: float
    contribution: float
    signal: str = "text"
    relation: str = ""


@dataclass(frozen=True, slots=True)
class Passages:
    """The nearest pair of passages: of the recommended item, and of the history (None: a text query)."""

    item: str
    history: str | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One recommended item with its reasons.

    Parameters
    ----------
    item_id, title : the item.
    score : the blend, in standard deviations above the catalog's average item; bigger is better.
    signals : share of each signal in the positive contributions to the score: the positive shares add up
        to 1; a share below 0 lowers the score.
    because : the items of the history with the largest contributions, largest first.
    passages : the nearest pair of passages; None if not explained.
    metadata : the item's metadata.
    predicted_rating : the rating that the user would give, on the scale of the log; None without ratings in
        the log, or without a history.
    n_variants : near-duplicates of the item that were left out for it.
    variants : ids of the best ones of them.
    explored : it is little known, and the question asked to explore such items.
    """

    item_id: str
    title: str
    score: float
    signals: Mapping[str, float] = field(default_factory=dict)
    because: tuple[Because, ...] = ()
    passages: Passages | None = None
    metadata: Mapping[str, Value] = field(default_factory=dict)
    predicted_rating: float | None = None
    n_variants: int = 0
    variants: tuple[str, ...] = ()
    explored: bool = False


@dataclass(frozen=True, slots=True)
class Interest:
    """A group of like items of a history.

    Parameters
    ----------
    name : the titles of its most central items.
    item_ids : the items of the history in it, most central first.
    share : its part of the weight of the whole history, in (0, 1].
    """

    name: str
    item_ids: tuple[str, ...]
    share: float


@dataclass(frozen=True, slots=True)
class ChangeReport(Plain):
    """Ids of items that were put or deleted, each in one of the lists.

    Parameters
    ----------
    added : new in the index.
    changed : encoded, because the text changed.
    metadata : not encoded, because only the title or other metadata changed.
    unchanged : equal to what the index held; nothing was written.
    deleted : removed from the index.
    unknown : to be deleted, but not in the index.
    refused : why an item was not written, by its id; entry 3 has the id "entry 3" if it cannot be read.
    notes : remarks for people.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def n_written(self) -> int:
        """Number of items that are different now."""
        return len(self.added) + len(self.changed) + len(self.metadata) + len(self.deleted)


@dataclass(frozen=True, slots=True)
class Recommendations:
    """The answer to one query, best first.

    Parameters
    ----------
    query : the query, as given.
    recommendations : best first; fewer than k if the filters leave fewer.
    interests : groups of like items of the history, largest first; empty without a history.
    unknown_items : ids of the history that the index does not hold; they were skipped.
    notes : remarks for people, for instance that a user has no events yet.
    fallback : what the answer is made of where neither the question nor its user says something, such as
        `popular`; None for other answers.
    next : the cursor of the next page, for `Recommender.recommend(after=...)`; None if this is the last one.
    """

    query: Mapping[str, Any]
    recommendations: tuple[Recommendation, ...]
    interests: tuple[Interest, ...] = ()
    unknown_items: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fallback: str | None = None
    next: str | None = None

    def __len__(self) -> int:
        return len(self.recommendations)

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.recommendations)

    def __getitem__(self, position: int) -> Recommendation:
        return self.recommendations[position]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without metadata of items and without contributions of reasons."""
        return to_plain(self, exclude={"recommendations": {"__all__": _NOT_IN_JSON}})


_NOT_IN_JSON = {"metadata": True, "because": {"__all__": {"contribution", "signal", "relation"}}}
