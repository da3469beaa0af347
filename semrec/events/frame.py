"""Events as a table: the columns of an event frame, and the conditions for its rows.

An event frame is a polars DataFrame with the columns of `SCHEMA`, one event a row. Sources are turned into
event frames, the log stores and returns them, and cleaning counts the events that it leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import polars as pl

from semrec.errors import CatalogError
from semrec.events.counting import LONGEST_ID, MOST_VALUE, REASONS, CountingRules, shown
from semrec.events.event_reader import read_event
from semrec.events.kinds import RATE, VIEW, KindNames
from semrec.events.times import POSITIONS
from semrec.plain_values import MisfitError
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

_REASONS: dict[str, Callable[[], pl.Expr]] = {
    "no user id": lambda: is_blank(USER),
    "no item id": lambda: is_blank(ITEM),
    "no kind": lambda: is_blank(KIND),
    "a NUL character in an id": lambda: pl.any_horizontal(map(_holds_nul, (USER, ITEM, KIND))),
    REASONS["long_id"]: lambda: pl.any_horizontal(map(is_long, (USER, ITEM, KIND))),
    "value is NaN or infinite": lambda: ~pl.col(VALUE).is_finite(),
    f"value is beyond ±{MOST_VALUE:,.0f}": lambda: is_impossible_value(),
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


def frame_of(user_id: str, events: Iterable[Event], kinds: KindNames | None = None) -> pl.DataFrame:
    """Return the event frame of one user's events, in their order.

    Parameters
    ----------
    kinds : the names of kinds; None: a kind stays as it is given.

    Raises
    ------
    CatalogError
        Something is no event; the message names its place.
    """
    rows = []
    for place, event in enumerate(events):
        fields = {USER: user_id, ITEM: event.item_id, KIND: event.kind, VALUE: event.value, TIME: event.time}
        try:
            rows.append(read_event(fields, kinds, with_user=True))
        except MisfitError as fault:
            where = f"events[{place}]: {fault}"
            raise CatalogError(f"cannot store the events of user {shown(str(user_id))}: {where}") from None
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


def reason_left_out(rules: CountingRules) -> pl.Expr:
    """Return an expression: why an event does not count, see `CountingRules.reason`; null if it counts."""
    low, high = rules.rating_scale or (-MOST_VALUE, MOST_VALUE)
    is_unrated = (pl.col(VALUE) == 0) & (low > 0)
    faults = {
        "impossible_time": is_impossible_time(rules.earliest, rules.latest),
        "impossible_value": is_impossible_value(),
        "unknown_kind": ~pl.col(KIND).is_in(list(rules.kind_weights)),
        "outside_scale": (pl.col(KIND) == RATE) & ~(pl.col(VALUE).is_between(low, high) | is_unrated),
    }
    return pl.coalesce(*(pl.when(found).then(pl.lit(reason)) for reason, found in faults.items()))


def is_impossible_time(earliest: float, latest: float) -> pl.Expr:
    """Return an expression: whether a time is NaN, or neither in these unix seconds nor a position."""
    is_possible = pl.col(TIME).is_between(earliest, latest) | has_position()
    return ~is_possible | pl.col(TIME).is_nan()


def has_position() -> pl.Expr:
    """Return an expression: whether a time is a position, see `semrec.events.times.is_position`."""
    return pl.col(TIME).is_between(*POSITIONS, closed="left")


def is_impossible_value() -> pl.Expr:
    """Return an expression: whether a value is NaN, infinite or beyond `MOST_VALUE`."""
    return ~pl.col(VALUE).is_between(-MOST_VALUE, MOST_VALUE) | pl.col(VALUE).is_nan()


def is_blank(name: str) -> pl.Expr:
    """Return an expression: whether a text is null or empty."""
    return pl.col(name).is_null() | (pl.col(name) == "")


def is_long(name: str) -> pl.Expr:
    """Return an expression: whether a text is longer than `LONGEST_ID`."""
    return pl.col(name).str.len_bytes().gt(LONGEST_ID) & pl.col(name).str.len_chars().gt(LONGEST_ID)


def _holds_nul(name: str) -> pl.Expr:
    return pl.col(name).str.contains("\0", literal=True)
