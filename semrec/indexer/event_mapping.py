"""Which column of a source of events is what: given, or guessed from names and values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Literal, TypeAlias, get_args

from semrec.errors import ConfigError
from semrec.events.frame import RATE, VIEW
from semrec.indexer.columns import Role, assign_columns, has_usual_name, missing_role, require_columns
from semrec.plain_values import as_number

TimeUnit: TypeAlias = Literal["s", "ms", "us", "ns"]

ROLES = {
    "user": Role(
        "user",
        "--user",
        "user_id user uid customer_id customer client_id account_id member_id visitor_id session_id "
        "reviewer_id reader_id profile_id 用户 用户编号 用户id",
    ),
    "item": Role(
        "item",
        "--item",
        "item_id item product_id product sku asin parent_asin article_id article movie_id book_id "
        "track_id song_id video_id news_id doc_id document_id isbn 物品 商品 物品编号 商品编号 物品id 商品id",
    ),
    "kind": Role(
        "kind",
        "--kind",
        "kind event event_type event_name type action action_type behavior behaviour interaction 行为 类型",
    ),
    "value": Role(
        "value",
        "--value",
        "value rating rate score stars overall quantity count amount weight 评分 数值",
    ),
    "time": Role(
        "time",
        "--time",
        "time timestamp ts unix_timestamp unix_review_time unix_time datetime date event_time created_at "
        "created review_date review_time 时间 日期",
    ),
}
RATING_NAMES = ("rating", "rate", "score", "stars", "overall", "评分")
"""Names of a value column whose rows are ratings."""


@dataclass(frozen=True, slots=True)
class EventMapping:
    """Which column of a source is what; None is guessed.

    Parameters
    ----------
    user, item, kind, value, time : columns.
    default_kind : kind of the rows that have none; None: "rate" for rows with a value in a column that is
        named like a rating, else "view".
    time_unit : unit of times that are numbers; None is guessed from their size.
    """

    user: str | None = None
    item: str | None = None
    kind: str | None = None
    value: str | None = None
    time: str | None = None
    default_kind: str | None = None
    time_unit: TimeUnit | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that are named."""
        return [name for name in (self.user, self.item, self.kind, self.value, self.time) if name is not None]

    @property
    def kind_with_value(self) -> str:
        """The kind of rows with a value and without a kind."""
        is_rating = self.value is not None and has_usual_name(self.value, RATING_NAMES)
        return self.default_kind or (RATE if is_rating else VIEW)

    @property
    def kind_without_value(self) -> str:
        """The kind of rows without a value and without a kind."""
        return self.default_kind or VIEW


def resolve_events(
    mapping: EventMapping,
    columns: Sequence[str],
    sample: Iterable[Mapping[str, Any]],
    source: str,
) -> tuple[EventMapping, list[str]]:
    """Return the mapping with every column named, and the guesses in words.

    Parameters
    ----------
    mapping : as given.
    columns : of the source.
    sample : its first rows, for the unit of times.
    source : its name, for messages.

    Raises
    ------
    CatalogError
        A column does not exist, or no column looks like the user or the item.
    ConfigError
        The time unit is unknown.
    """
    if mapping.time_unit is not None and mapping.time_unit not in get_args(TimeUnit):
        units = ", ".join(get_args(TimeUnit))
        raise ConfigError(f"unknown time unit {mapping.time_unit!r}; there are {units}")
    require_columns(mapping.columns, columns, source)
    notes: list[str] = []
    given = {name: getattr(mapping, name) for name in ROLES}
    free = [name for name in columns if name not in mapping.columns]
    assigned = assign_columns(ROLES, given, free, notes)
    for name in ("user", "item"):
        if assigned[name] is None:
            raise missing_role(ROLES[name], columns, source)
    found = EventMapping(**assigned, default_kind=mapping.default_kind, time_unit=mapping.time_unit)
    if found.kind is None:
        notes.append(f'kind: "{found.kind_with_value}" for all rows with a value')
    if found.time is not None and found.time_unit is None:
        numbers = [as_number(row.get(found.time)) for row in sample]
        found = replace(found, time_unit=_guess_unit([abs(time) for time in numbers if time is not None]))
        if any(time is not None for time in numbers):
            notes.append(f"time: numbers are unix time in {found.time_unit} (guessed)")
    return found, notes


def _guess_unit(times: Sequence[float]) -> TimeUnit:
    """Return the unit in which most times lie between the years 1973 and 5138."""
    size = median(times) if times else 0.0
    return "s" if size < 1e11 else "ms" if size < 1e14 else "us" if size < 1e17 else "ns"
