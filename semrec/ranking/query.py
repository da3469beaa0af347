"""A query: text, history, user and options, checked before anything is read."""

from __future__ import annotations

import numbers
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

import numpy as np

from semrec.config import MOST_WEIGHT, NearDuplicates
from semrec.errors import QueryError, shown
from semrec.events.counting import CleaningRules, glimpse
from semrec.events.event_reader import read_event, read_item_id
from semrec.events.kinds import USUAL_KIND_NAMES, KindNames
from semrec.events.times import is_position
from semrec.identifiers import identifiers, named_identifier, require_list
from semrec.plain_values import MisfitError
from semrec.ranking.cursor import read_cursor
from semrec.ranking.typed_filters import read_where
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
    group: Mapping[str, int] = field(default_factory=dict)
    near_duplicates: str | None = None
    explore: float = 0.0

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
            "group": dict(self.group),
            "near_duplicates": self.near_duplicates,
        }

    def check(self) -> None:
        """Raise `QueryError` when an option is out of range, or the cursor cannot be read."""
        _check_options(self.k, self.diversity)
        _check_share("explore", self.explore)
        read_cursor(self.after)
        _check_weights(self.weights)
        if self.near_duplicates not in (None, *get_args(NearDuplicates)):
            known = ", ".join(get_args(NearDuplicates))
            raise QueryError(f"near_duplicates is one of {known}; got {self.near_duplicates!r}.")


def make_query(
    text: object = None,
    history: Iterable[Any] | None = (),
    user: object = None,
    k: int = 10,
    where: Mapping[str, Any] | str | Iterable[str] | None = None,
    exclude: Iterable[Any] | None = (),
    exclude_seen: bool = True,
    diversity: float = 0.0,
    weights: Mapping[str, float] | None = None,
    explain: bool = True,
    after: str | None = None,
    group: str | Mapping[str, int] | None = None,
    near_duplicates: str | None = None,
    kinds: KindNames = USUAL_KIND_NAMES,
    explore: float = 0.0,
) -> Query:
    """Return the arguments of `Recommender.recommend` as a query; ids as stored, options as Python values.

    Parameters
    ----------
    kinds : the names of kinds.

    Raises
    ------
    QueryError
        An id, the text or an entry of the history cannot be read.
    """
    return Query(
        text=_read_text(text),
        user=None if user is None else named_identifier(user, "user"),
        history=read_history(history, kinds),
        k=_plain(k),
        where=read_where(where),
        exclude=identifiers(exclude, "exclude"),
        exclude_seen=bool(exclude_seen),
        diversity=_plain(diversity),
        weights={signal: _plain(weight) for signal, weight in (weights or {}).items()},
        explain=bool(explain),
        after=after,
        group=read_group(group),
        near_duplicates=near_duplicates,
        explore=_plain(explore),
    )


def _read_text(text: object) -> str | None:
    """Return the text of a query, None for a blank one; a number is the text of its digits."""
    text = _plain(text)
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = str(text)
    if text is not None and not isinstance(text, str):
        raise QueryError(f"the text is a string, not {shown(text)} of type {type(text).__name__}.")
    return (text or "").strip() or None


def _plain(value: Any) -> Any:
    """Return a value of numpy as the value of Python, and a whole float as the integer."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def read_group(group: str | Mapping[str, int] | None) -> dict[str, int]:
    """Return a group field and its places in a list; `brand` has one place for each brand, `brand=2` two.

    Raises
    ------
    QueryError
        It is not one field with a whole number of at least 1.
    """
    if not group:
        return {}
    if isinstance(group, str):
        name, _, places = group.rpartition("=") if "=" in group else (group, "", "1")
        group = {name.strip(): int(places) if places.strip().isdecimal() else 0}
    ((name, n), *more) = group.items()
    if more or not name or isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise QueryError(
            f"a group is one field and its places, such as brand or brand=2; got {', '.join(group)!r:.60}."
        )
    return {name: n}


def _check_options(k: int, diversity: float) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MOST_RECOMMENDATIONS:
        raise QueryError(
            f"k is how many to recommend, a whole number from 1 to {MOST_RECOMMENDATIONS}; got {k!r}."
        )
    _check_share("diversity", diversity)


def _check_share(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise QueryError(f"{name} is a number from 0 to 1; got {value!r}.")


def _check_weights(weights: Mapping[str, float]) -> None:
    for signal, weight in weights.items():
        is_number = isinstance(weight, numbers.Real) and not isinstance(weight, bool)
        if not (is_number and 0 <= weight <= MOST_WEIGHT):
            raise QueryError(
                f"the weight of a signal is a number from 0 to {MOST_WEIGHT:g}; {signal!r} got {weight!r}."
            )


def read_history(history: Iterable[Any] | None, kinds: KindNames = USUAL_KIND_NAMES) -> tuple[Event, ...]:
    """Return a history as events: item ids, `Event`s, or dicts with usual names of fields.

    Raises
    ------
    QueryError
        An entry cannot be read, or its value or its time is not possible; the message names its place.
    """
    if history is None:
        return ()
    require_list(history, "history")
    latest = time.time() + CleaningRules().max_ahead_s
    events = []
    for place, entry in enumerate(history):
        try:
            events.append(_event(entry, kinds))
        except MisfitError as fault:
            raise QueryError(f"history[{place}]: {fault}.") from None
        if fault_of_time := _time_fault(events[-1].time, latest):
            raise QueryError(f"history[{place}], item {glimpse(events[-1].item_id)}: {fault_of_time}.")
    return tuple(events)


def _time_fault(seconds: float | None, latest: float) -> str | None:
    if seconds is None or is_position(seconds) or CleaningRules().earliest <= seconds <= latest:
        return None
    return f"the time {seconds:.16g} is not in unix seconds, from 1990 to tomorrow"


def _event(entry: Any, kinds: KindNames) -> Event:
    if not isinstance(entry, Event | Mapping):
        return Event(read_item_id(entry))  # most histories are long lists of ids
    fields: Mapping[str, Any] = asdict(entry) if isinstance(entry, Event) else entry
    row = read_event(fields, kinds)
    return Event(row.item, row.kind, row.value, row.time)
