"""Events as a table: the columns of an event frame, and the conditions for its rows.

An event frame is a polars DataFrame with the columns of `SCHEMA`, one event a row. Sources are turned into
event frames, the log stores and returns them, and cleaning counts the events that it leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import polars as pl

from semrec.errors import CatalogError
from semrec.types import Event

USER = "user_id"
ITEM = "item_id"
KIND = "kind"
VALUE = "value"
TIME = "time"

SCHEMA: dict[str, type[pl.DataType]] = {
    USER: pl.String,
    ITEM: pl.String,
    KIND: pl.String,
    VALUE: pl.Float64,
    TIME: pl.Float64,
}
"""value: a rating or a count, null is 1; time: unix seconds, UTC, null if unknown."""

RATE = "rate"
"""The kind whose value is a rating on a scale."""
VIEW = "view"
"""The kind of an event without one."""

_REASONS: dict[str, Callable[[], pl.Expr]] = {
    "no user id": lambda: _is_blank(USER),
    "no item id": lambda: _is_blank(ITEM),
    "no kind": lambda: _is_blank(KIND),
    "a NUL character in an id": lambda: _holds_nul(USER) | _holds_nul(ITEM) | _holds_nul(KIND),
    "value is NaN or infinite": lambda: ~pl.col(VALUE).is_finite(),
    "time is NaN or infinite": lambda: ~pl.col(TIME).is_finite(),
}
"""Why a row is not an event; the first reason counts. Databases differ in how they store such values."""


def event_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with the columns of `SCHEMA` only, in that order.

    Parameters
    ----------
    frame : user_id and item_id are needed; a missing kind is "view", missing value and time are null.

    Raises
    ------
    CatalogError
        A column is missing, or its type does not fit.
    """
    missing = [name for name in (USER, ITEM) if name not in frame.columns]
    if missing:
        raise CatalogError(f"events need the columns {USER} and {ITEM}; missing: {', '.join(missing)}")
    columns = [_column(frame, name).cast(dtype).alias(name) for name, dtype in SCHEMA.items()]
    try:
        return frame.select(columns)
    except pl.exceptions.PolarsError as error:
        raise CatalogError(f"events do not fit the columns {', '.join(SCHEMA)}: {error}") from error


def as_event_frames(events: pl.DataFrame | Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield one frame or many, each brought to `SCHEMA`."""
    for frame in [events] if isinstance(events, pl.DataFrame) else events:
        yield event_frame(frame)


def frame_of(user_id: str, events: Iterable[Event]) -> pl.DataFrame:
    """Return the event frame of one user's events, in their order."""
    rows = [(user_id, event.item_id, event.kind, event.value, event.time) for event in events]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def fault_of_row() -> pl.Expr:
    """Return an expression: why a row of an event frame is not an event; null if it is one."""
    return pl.coalesce(*(pl.when(found()).then(pl.lit(reason)) for reason, found in _REASONS.items())).alias(
        "reason"
    )


def _column(frame: pl.DataFrame, name: str) -> pl.Expr:
    if name in frame.columns:
        return pl.col(name)
    return pl.lit(VIEW if name == KIND else None)


def _is_blank(name: str) -> pl.Expr:
    return pl.col(name).is_null() | (pl.col(name) == "")


def _holds_nul(name: str) -> pl.Expr:
    return pl.col(name).str.contains("\0", literal=True)
