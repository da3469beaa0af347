"""From files and frames to event frames, and the rows that are no event, with the reason.

source = open_events("clicks.csv")
log.append(source)              # an EventSource yields event frames
source.rejected                 # reason -> number of rows
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import chain, islice
from statistics import median
from typing import Any, Literal, TypeAlias

import polars as pl

from semrec.errors import CatalogError, ConfigError
from semrec.events.dates import iso_seconds
from semrec.events.frame import RATE, SCHEMA, VIEW
from semrec.indexer.rejects import Reject
from semrec.indexer.sources.tables import Table, open_tables
from semrec.indexer.sources.textfile import RawRow
from semrec.indexer.sources.values import MisfitError, is_missing, to_id

BATCH_ROWS = 50_000
"""Rows of a source that are in memory at the same time."""
SAMPLE_ROWS = 1000
"""Rows that guesses are made from."""

TimeUnit: TypeAlias = Literal["s", "ms", "us", "ns"]
TICKS: dict[TimeUnit, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""Ticks in a second."""

GUESSES = {
    "user": "user_id user uid customer_id customer client_id account_id member_id visitor_id session_id "
    "reviewer_id reader_id profile_id 用户 用户编号 用户id",
    "item": "item_id item product_id product sku asin parent_asin article_id article movie_id book_id "
    "track_id song_id video_id news_id doc_id document_id isbn 物品 商品 物品编号 商品编号 物品id 商品id",
    "kind": "kind event event_type event_name type action action_type behavior behaviour interaction "
    "行为 类型",
    "value": "value rating rate score stars overall quantity count amount weight 评分 数值",
    "time": "time timestamp ts unix_timestamp unix_review_time unix_time datetime date event_time created_at "
    "created review_date review_time 时间 日期",
}
RATING_NAMES = frozenset(("rating", "rate", "score", "stars", "overall", "评分"))
"""Names of a value column that make its rows ratings."""


@dataclass(frozen=True, slots=True)
class EventMapping:
    """Which column of a source is what; None is guessed.

    Parameters
    ----------
    user, item, kind, value, time : columns.
    default_kind : kind of the rows that do not tell; None: "rate" for a value in a column that is named
        like a rating, else "view".
    time_unit : unit of times that are numbers.
    """

    user: str | None = None
    item: str | None = None
    kind: str | None = None
    value: str | None = None
    time: str | None = None
    default_kind: str | None = None
    time_unit: TimeUnit | None = None


class EventSource:
    """Events of one or several sources: iterate over it for event frames.

    Attributes
    ----------
    mapping : every column named that there is, and the unit of time.
    notes : everything that was guessed, in plain words.
    rejected : number of rows that were no event, by reason, so far.
    n_rows : None when only reading tells.
    """

    def __init__(
        self, tables: list[Table], mapping: EventMapping, on_reject: Callable[[Reject], None] | None
    ) -> None:
        self._tables = tables
        self._on_reject = on_reject
        self._begun: Iterator[RawRow] | None = None
        sample = self._sample(tables[0])
        columns = tables[0].columns or tuple(dict.fromkeys(chain.from_iterable(sample)))
        self.notes = [note for table in tables for note in table.notes]
        self.mapping = _resolve(mapping, columns, sample, tables[0].name, self.notes)
        self.rejected: Counter[str] = Counter()
        sizes = [table.n_rows for table in tables]
        self.n_rows = None if None in sizes else sum(size or 0 for size in sizes)
        for table in tables[1:]:
            _require(_named(self.mapping), table.columns, table.name)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        make_event = _event_maker(self.mapping)
        for table in self._tables:
            rows = self._rows(table)
            while batch := list(islice(rows, BATCH_ROWS)):
                events = [event for row in batch if (event := self._judge(table.name, row, make_event))]
                yield pl.DataFrame(events, schema=SCHEMA, orient="row")

    def _judge(self, source: str, row: RawRow, make_event: _MakeEvent) -> _EventRow | None:
        try:
            if row.fault is not None:
                raise MisfitError(row.fault)
            return make_event(row.values)
        except MisfitError as fault:
            self._reject(source, row, str(fault))
        return None

    def _reject(self, source: str, row: RawRow, reason: str) -> None:
        self.rejected[re.sub(r", but the text .*|line \d+.*|\(byte .*|: .*", "", reason)] += 1
        if self._on_reject is not None:
            where = f"{reason} ({row.where})" if row.where else reason
            self._on_reject(Reject(source, row.number, None, where.encode("utf-8", "replace").decode()))

    def _sample(self, table: Table) -> list[Mapping[str, Any]]:
        rows = table.read(None)
        sample = list(islice(rows, SAMPLE_ROWS))
        if table.one_shot:
            self._begun = chain(sample, rows)
        return [row.values for row in sample if row.fault is None]

    def _rows(self, table: Table) -> Iterator[RawRow]:
        if table is self._tables[0] and table.one_shot:
            rows, self._begun = self._begun, None
            if rows is None:
                raise CatalogError(f"{table.name}: can be read only once")
            return rows
        return table.read(None if table.columns is None else _named(self.mapping))


_EventRow: TypeAlias = tuple[str, str, str, float | None, float | None]
_MakeEvent: TypeAlias = Callable[[Mapping[str, Any]], _EventRow]


def open_events(
    sources: Any,
    mapping: EventMapping | None = None,
    *,
    format: str | None = None,  # noqa: A002
    on_reject: Callable[[Reject], None] | None = None,
) -> EventSource:
    """Open sources of events: find their columns, and read on when iterated over.

    Parameters
    ----------
    sources : as for a catalog: a file, a glob, "-" or a list of them (CSV, TSV, JSON Lines, Parquet), a
        frame, an Arrow table, or an iterable of dicts.
    mapping : which column is what; the rest is guessed from the first source and told in `notes`.
    format : csv, tsv, jsonl or parquet, when the name of a file does not tell.
    on_reject : called with each row that is no event.

    Raises
    ------
    CatalogError
        A source cannot be read, a column is not there, or none looks like the user or the item.
    """
    return EventSource(open_tables(sources, format), mapping or EventMapping(), on_reject)


# Which column is what ------------------------------------------------------------------------------


def _resolve(
    mapping: EventMapping,
    columns: Iterable[str],
    sample: list[Mapping[str, Any]],
    source: str,
    notes: list[str],
) -> EventMapping:
    """Return the mapping with its gaps filled; what was guessed goes to `notes`."""
    columns = tuple(columns)
    if mapping.time_unit is not None and mapping.time_unit not in TICKS:
        raise ConfigError(f"unknown time unit {mapping.time_unit!r}; there are {', '.join(TICKS)}")
    _require(_named(mapping), columns, source)
    free = [name for name in columns if name not in _named(mapping)]
    for role in GUESSES:
        if getattr(mapping, role) is None:
            found = _guess(role, free)
            free = [name for name in free if name != found]
            notes.append(f'{role}: column "{found}" (guessed)' if found else f"{role}: no column")
            mapping = _with_column(mapping, role, found)
    for role in ("user", "item"):
        if getattr(mapping, role) is None:
            raise CatalogError(
                f"{source}: no column looks like the {role}; name it with --{role}. "
                f"Columns: {', '.join(columns)}"
            )
    if mapping.kind is None:
        given = mapping.default_kind
        notes.append(f'kind: "{given or (RATE if _is_rating(mapping) else VIEW)}" for all rows with a value')
    return _with_time_unit(mapping, sample, notes)


def _with_column(mapping: EventMapping, role: str, column: str | None) -> EventMapping:
    changed: dict[str, Any] = {role: column}
    return replace(mapping, **changed)


def _with_time_unit(mapping: EventMapping, sample: list[Mapping[str, Any]], notes: list[str]) -> EventMapping:
    if mapping.time is None or mapping.time_unit is not None:
        return mapping
    numbers = [abs(number) for row in sample if (number := _number(row.get(mapping.time))) is not None]
    if not numbers:
        return replace(mapping, time_unit="s")
    size = median(numbers)
    unit: TimeUnit = "s" if size < 1e11 else "ms" if size < 1e14 else "us" if size < 1e17 else "ns"
    notes.append(f"time: numbers are unix time in {unit} (guessed)")
    return replace(mapping, time_unit=unit)


def _named(mapping: EventMapping) -> list[str]:
    """Return the columns that a mapping names."""
    names = (getattr(mapping, one.name) for one in fields(mapping) if one.name in GUESSES)
    return [name for name in names if name is not None]


def _require(names: list[str], columns: tuple[str, ...] | None, source: str) -> None:
    absent = [] if columns is None else [name for name in names if name not in columns]
    if absent:
        raise CatalogError(
            f"{source}: there is no column {', '.join(absent)}. Columns: {', '.join(columns or ())}"
        )


def _guess(role: str, columns: list[str]) -> str | None:
    by_name = {_folded(name): name for name in reversed(columns)}
    return next((by_name[_folded(name)] for name in GUESSES[role].split() if _folded(name) in by_name), None)


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


def _is_rating(mapping: EventMapping) -> bool:
    return mapping.value is not None and _folded(mapping.value) in RATING_NAMES


# One row -------------------------------------------------------------------------------------------


def _event_maker(mapping: EventMapping) -> _MakeEvent:
    """Return the function that makes an event of the values of a row, or raises `MisfitError`."""
    user, item = str(mapping.user), str(mapping.item)
    kind, value, time = mapping.kind, mapping.value, mapping.time
    ticks = TICKS[mapping.time_unit or "s"]
    without_value = mapping.default_kind or VIEW
    with_value = mapping.default_kind or (RATE if _is_rating(mapping) else VIEW)

    def make_event(row: Mapping[str, Any]) -> _EventRow:
        amount = None if value is None else _value(value, row.get(value))
        told = None if kind is None else _kind(kind, row.get(kind))
        return (
            _id(user, row.get(user)),
            _id(item, row.get(item)),
            told or (without_value if amount is None else with_value),
            amount,
            None if time is None else _time(time, row.get(time), ticks),
        )

    return make_event


def _id(column: str, value: Any) -> str:
    if type(value) is str and value.isascii() and value.isprintable() and not value.isspace() and value:
        return value
    if is_missing(value):
        raise MisfitError(f'"{column}" is missing')
    try:
        text = to_id(value)
    except MisfitError as fault:
        raise MisfitError(f'"{column}" {fault}') from None
    if "\0" in text:
        raise MisfitError(f'"{column}" holds a NUL character')
    return text


def _kind(column: str, value: Any) -> str | None:
    """Return a kind in small letters without spaces around it; None when the row does not tell."""
    if type(value) is str and value.isascii() and value.isprintable():
        return value.strip().lower() or None
    return None if is_missing(value) else _id(column, value).strip().lower()


def _value(column: str, value: Any) -> float | None:
    if value is None or value == "":
        return None
    number = _number(value)
    if number is None:
        raise MisfitError(f'"{column}" is no number, but the text {str(value)[:40]!r}')
    if not math.isfinite(number):
        raise MisfitError(f'"{column}" is NaN or infinite')
    return number


def _time(column: str, value: Any, ticks: float) -> float | None:
    """Return unix seconds; times without a zone are UTC."""
    if value is None or value == "":
        return None
    number = _number(value)
    seconds = iso_seconds(str(value)) if number is None else number / ticks
    if seconds is None:
        raise MisfitError(f'"{column}" is neither unix time nor ISO 8601, but the text {str(value)[:40]!r}')
    if not math.isfinite(seconds):
        raise MisfitError(f'"{column}" is NaN or infinite')
    return seconds


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
