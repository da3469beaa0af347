"""One row of a source of events: its values, checked and converted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from semrec.events.counting import LONGEST_ID, glimpse, value_fault
from semrec.events.dates import iso_seconds
from semrec.indexer.event_mapping import EventMapping, TimeUnit
from semrec.plain_values import MisfitError, as_number, is_missing, to_id

TICKS: dict[TimeUnit, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""Ticks of a unit in a second."""

EventRow: TypeAlias = tuple[str, str, str, float | None, float | None]
"""User, item, kind, value and unix time, as in `semrec.events.frame.SCHEMA`."""

MakeEvent: TypeAlias = Callable[[Mapping[str, Any]], EventRow]


def event_maker(mapping: EventMapping) -> MakeEvent:
    """Return the function that converts the values of a row to an event, or raises `MisfitError`.

    Parameters
    ----------
    mapping : complete, see `resolve_events`.
    """
    user, item = str(mapping.user), str(mapping.item)
    kind, value, time = mapping.kind, mapping.value, mapping.time
    ticks = TICKS[mapping.time_unit or "s"]
    with_value, without_value = mapping.kind_with_value, mapping.kind_without_value

    def make_event(row: Mapping[str, Any]) -> EventRow:
        amount = None if value is None else _to_amount(value, row.get(value))
        own_kind = None if kind is None else _to_kind(kind, row.get(kind))
        return (
            _to_id(user, row.get(user)),
            _to_id(item, row.get(item)),
            own_kind or (without_value if amount is None else with_value),
            amount,
            None if time is None else _to_seconds(time, row.get(time), ticks),
        )

    return make_event


def _to_id(column: str, value: Any) -> str:
    # Most ids are plain ASCII: the short way halves the time of reading a file.
    if type(value) is str and value.isascii() and value.isprintable() and not value.isspace() and value:
        return _of_usual_length(column, value)
    if is_missing(value):
        raise MisfitError(f'"{column}" is missing')
    try:
        text = to_id(value)
    except MisfitError as fault:
        raise MisfitError(f'"{column}" {fault}') from None
    if "\0" in text:
        raise MisfitError(f'"{column}" holds a NUL character')
    return _of_usual_length(column, text)


def _of_usual_length(column: str, text: str) -> str:
    if len(text) > LONGEST_ID:
        raise MisfitError(f'"{column}" is too long: {len(text):,} characters; the limit is {LONGEST_ID:,}')
    return text


def _to_kind(column: str, value: Any) -> str | None:
    """Return a kind in lower case without spaces around it; None if it is empty."""
    if type(value) is str and value.isascii() and value.isprintable():
        return _of_usual_length(column, value.strip().lower()) or None
    return None if is_missing(value) else _to_id(column, value).strip().lower()


def _to_amount(column: str, value: Any) -> float | None:
    if _is_empty(value):
        return None
    number = as_number(value)
    if number is None:
        raise MisfitError(f'"{column}" is not a number: {glimpse(value)}')
    if fault := value_fault(number):
        raise MisfitError(f'"{column}" {fault}')
    return number


def _to_seconds(column: str, value: Any, ticks: float) -> float | None:
    """Return unix seconds; times without a zone are UTC."""
    if _is_empty(value):
        return None
    seconds = _unix_time(value, ticks)
    if seconds is None:
        raise MisfitError(f'"{column}" is neither unix time nor an ISO date: {glimpse(value)}')
    if not math.isfinite(seconds):
        raise MisfitError(f'"{column}" is NaN or infinite')
    return seconds


def _unix_time(value: Any, ticks: float) -> float | None:
    number = as_number(value)
    if number is not None:
        return number / ticks
    return None if isinstance(value, int) else iso_seconds(str(value))  # an int is too large or a truth value


def _is_empty(value: Any) -> bool:
    """Return whether there is no number; NaN is one, because it can hide a fault of the source."""
    return is_missing(value) and not isinstance(value, float)
