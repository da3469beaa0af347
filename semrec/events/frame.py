"""Events as a table: the columns of an event frame, and what a row must hold.

An event frame is a polars DataFrame with the columns of `SCHEMA`, one event a row. The log writes and
reads such frames, sources are turned into them, and the cleaning counts what is wrong in them.
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
"""value: how much, null is 1; time: unix seconds, UTC, null when unknown."""

RATE = "rate"
"""The kind whose value is a rating on a scale."""
VIEW = "view"
"""The kind of an event that does not tell."""

_REASONS: dict[str, Callable[[], pl.Expr]] = {
    "no user id": lambda: _is_blank(USER),
    "no item id": lambda: _is_blank(ITEM),
    "no kind": lambda: _is_blank(KIND),
    "a NUL character in an id": lambda: _holds_nul(USER) | _holds_nul(ITEM) | _holds_nul(KIND),
    "value is NaN or infinite": lambda: ~pl.col(VALUE).is_finite(),
    "time is NaN or infinite": lambda: ~pl.col(TIME).is_finite(),
}
"""Why a row is no event, the first that holds; a database can store none of these alike everywhere."""


def event_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with the columns of `SCHEMA` only, in that order.

    Parameters
    ----------
    frame : user_id and item_id are needed; kind is "view", value and time are null where missing.

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
    """Return an expression: why a row of an event frame is no event, null when it is one."""
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
