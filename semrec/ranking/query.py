"""A query: text, history, user and options, checked before anything is read."""

from __future__ import annotations

import numbers
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from semrec.config import MOST_WEIGHT
from semrec.errors import QueryError
from semrec.events.counting import CleaningRules, event_fault, glimpse
from semrec.ranking.cursor import read_cursor
from semrec.types import Event, Keys

MOST_RECOMMENDATIONS = 1000


@dataclass(frozen=True, slots=True)
class Query:
    """A text, a history, a user, or several of them, and the options; see `Recommender.recommend`."""

    text: str | None = None
    user: str | None = None
    history: tuple[Event, ...] = ()
    k: int = 10
    where: Mapping[str, Any] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    exclude_seen: bool = True
    diversity: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)
    explain: bool = True
    after: str | None = None

    @property
    def shown(self) -> Keys:
        """Keys of the items of earlier pages, uint64 (n,), in order."""
        return read_cursor(self.after)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return {
            "text": self.text,
            "user": self.user,
            "history": [event.item_id for event in self.history],
            "k": self.k,
            "where": dict(self.where),
            "exclude": list(self.exclude),
            "diversity": self.diversity,
        }

    def check(self) -> None:
        """Raise `QueryError` when an option is out of range, or the cursor cannot be read."""
        _check_options(self.k, self.diversity)
        read_cursor(self.after)
        _check_weights(self.weights)


def make_query(
    text: str | None = None,
    history: Sequence[str | Event | Mapping[str, Any]] = (),
    user: str | None = None,
    k: int = 10,
    where: Mapping[str, Any] | None = None,
    exclude: Sequence[str] = (),
    exclude_seen: bool = True,
    diversity: float = 0.0,
    weights: Mapping[str, float] | None = None,
    explain: bool = True,
    after: str | None = None,
) -> Query:
    """Return the arguments of `Recommender.recommend` as a query.

    Raises
    ------
    QueryError
        An entry of the history cannot be read.
    """
    return Query(
        text=(text or "").strip() or None,
        user=user,
        history=read_history(history),
        k=k,
        where=where or {},
        exclude=tuple(exclude),
        exclude_seen=exclude_seen,
        diversity=diversity,
        weights=weights or {},
        explain=explain,
        after=after,
    )


def _check_options(k: int, diversity: float) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MOST_RECOMMENDATIONS:
        raise QueryError(
            f"k is how many to recommend, a whole number from 1 to {MOST_RECOMMENDATIONS}; got {k!r}."
        )
    if isinstance(diversity, bool) or not isinstance(diversity, int | float) or not 0 <= diversity <= 1:
        raise QueryError(f"diversity is a number from 0 to 1; got {diversity!r}.")


def _check_weights(weights: Mapping[str, float]) -> None:
    for signal, weight in weights.items():
        is_number = isinstance(weight, numbers.Real) and not isinstance(weight, bool)
        if not (is_number and 0 <= weight <= MOST_WEIGHT):
            raise QueryError(
                f"the weight of a signal is a number from 0 to {MOST_WEIGHT:g}; {signal!r} got {weight!r}."
            )


def read_history(history: Sequence[str | Event | Mapping[str, Any]]) -> tuple[Event, ...]:
    """Return a history as events: item ids, `Event`s, or dicts with the fields of `Event`.

    Raises
    ------
    QueryError
        An entry cannot be read, or its value or its time is not possible; the message names its place.
    """
    if isinstance(history, str):
        raise QueryError(f"a history is a list of items, not one string; write history=[{history!r}].")
    events = tuple(_event(entry) for entry in history)
    latest = time.time() + CleaningRules().max_ahead_s
    for place, event in enumerate(events):
        if fault := event_fault(event) or _time_fault(event.time, latest):
            raise QueryError(f"history[{place}], item {glimpse(event.item_id)}: {fault}.")
    return events


def _time_fault(seconds: float | None, latest: float) -> str | None:
    if seconds is None or CleaningRules().earliest <= seconds <= latest:
        return None
    return f"the time {seconds:.16g} is not in unix seconds, from 1990 to tomorrow"


def _event(entry: str | Event | Mapping[str, Any]) -> Event:
    if isinstance(entry, Event):
        return entry
    if isinstance(entry, str):
        return Event(entry)
    try:
        return Event(**entry)
    except TypeError as error:
        raise QueryError(
            f"cannot read the history entry {entry!r}: give an item id, or item_id with kind, value and time."
        ) from error
