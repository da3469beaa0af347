"""The words of semrec as values: items, events, conditions, recommendations.

All of them are frozen; nothing here knows how anything is computed or stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Float1D: TypeAlias = NDArray[np.float32]
"""float32 (n,)."""
Float2D: TypeAlias = NDArray[np.float32]
"""float32 (n, m)."""
Keys: TypeAlias = NDArray[np.uint64]
"""uint64 (n,): the store's point ids, see `item_keys`."""
Precision: TypeAlias = Literal["float32", "bfloat16", "int8"]
"""The numbers that an encoder computes with; its vectors are float32 in every case."""
Value: TypeAlias = str | int | float | bool | tuple[str, ...]
"""What one metadata field of an item can hold."""


def item_keys(item_ids: Iterable[str]) -> Keys:
    """Return the store's point id of every item id.

    A key is the first 8 bytes of BLAKE2b of the UTF-8 id, so any string is a valid item id and
    every process finds the same point without asking. Keys are uniformly distributed: the items
    with the smallest keys are a fair random sample of the catalog.

    Returns
    -------
    uint64 (n,), in the order of `item_ids`; empty for no ids.
    """
    digests = b"".join(
        hashlib.blake2b(item_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for item_id in item_ids
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


@dataclass(frozen=True, slots=True)
class Item:
    """What is recommended.

    Parameters
    ----------
    item_id : any string, unique in the catalog.
    title : shown to people; may be empty.
    text : the long description; may be empty when there is a title.
    metadata : fields to filter by; a tuple holds several values of one field.
    """

    item_id: str
    title: str = ""
    text: str = ""
    metadata: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """What a user did with an item.

    Parameters
    ----------
    item_id : the item; it may be unknown to the index.
    kind : view, click, buy, rate, dislike, … ; see `Settings.kind_weights`.
    value : how much (a rating, a count); None is 1.
    time : unix seconds, UTC; None when unknown.
    """

    item_id: str
    kind: str = "view"
    value: float | None = None
    time: float | None = None


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Keep items whose `field` has (one of) these values."""

    field: str
    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Keep items whose numeric `field` lies within the given bounds; None is no bound."""

    field: str
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


Condition: TypeAlias = AnyOf | Range
"""One metadata filter; several of them must all hold."""


@dataclass(frozen=True, slots=True)
class Because:
    """One item of the history as a reason for a recommendation.

    Parameters
    ----------
    item_id, title : the item of the history.
    share : its part of all that speaks for the recommendation, at most 1; below 0 it speaks against.
    contribution : the same in units of the score; exact.
    signal : the signal by which it speaks loudest.
    """

    item_id: str
    title: str
    share: float
    contribution: float
    signal: str = "text"


@dataclass(frozen=True, slots=True)
class Passages:
    """The nearest pair of passages: of the recommended item, and of the history (None: a text query)."""

    item: str
    history: str | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One recommended item and why.

    Parameters
    ----------
    item_id, title : the item.
    score : the blend, in standard deviations above the catalog's average item; bigger is better.
    signals : the share of every signal in what speaks for the item (the positive ones add up to 1;
        below 0 a signal speaks against it).
    because : the items of the history that contributed most, largest first.
    passages : the nearest pair of passages, or None when not explained.
    metadata : the item's metadata.
    """

    item_id: str
    title: str
    score: float
    signals: Mapping[str, float] = field(default_factory=dict)
    because: tuple[Because, ...] = ()
    passages: Passages | None = None
    metadata: Mapping[str, Value] = field(default_factory=dict)


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
class ChangeReport:
    """What became of items that were put or deleted: ids, each in one of the lists.

    Parameters
    ----------
    added : they were not there.
    changed : another text; encoded.
    metadata : the same text with another title or other metadata; not encoded.
    unchanged : they were there just so; nothing was written.
    deleted : they were there.
    unknown : they were to be deleted, but were not there.
    notes : what a reader should know, in words.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_written(self) -> int:
        """Items that are not what they were."""
        return len(self.added) + len(self.changed) + len(self.metadata) + len(self.deleted)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return {name: list(words) for name, words in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Recommendations:
    """The answer to one query, best first.

    Parameters
    ----------
    query : what was asked, as given.
    recommendations : best first; fewer than asked when the filters leave fewer.
    interests : what the history is about, largest first; empty without a history.
    unknown_items : ids of the history that the index does not hold; they were skipped.
    notes : what the asker should know, for instance that a user has no events yet.
    """

    query: Mapping[str, Any]
    recommendations: tuple[Recommendation, ...]
    interests: tuple[Interest, ...] = ()
    unknown_items: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.recommendations)

    def __iter__(self) -> Any:
        return iter(self.recommendations)

    def __getitem__(self, position: int) -> Recommendation:
        return self.recommendations[position]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return {
            "query": dict(self.query),
            "recommendations": [
                {
                    "item_id": r.item_id,
                    "title": r.title,
                    "score": r.score,
                    "signals": dict(r.signals),
                    "because": [
                        {"item_id": b.item_id, "title": b.title, "share": b.share} for b in r.because
                    ],
                    "passages": {"item": r.passages.item, "history": r.passages.history}
                    if r.passages
                    else None,
                }
                for r in self.recommendations
            ],
            "interests": [asdict(interest) for interest in self.interests],
            "unknown_items": list(self.unknown_items),
            "notes": list(self.notes),
        }
