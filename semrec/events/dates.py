"""Dates in texts, in the spellings that logs use."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

from semrec.plain_values import MisfitError

DayOrder: TypeAlias = Literal["day first", "month first"]
"""How a date such as 3/4/2022 is read."""

_ZONES = {
    **dict.fromkeys(("", "Z", "UTC", "GMT", "UT"), 0),
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
}
"""Hours from UTC of the zone names of RFC 2822; other names mean different zones in different countries."""

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_CLOCK = re.compile(
    r"[T,\s]*\b(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AP])\.?M\b\.?)?"
    r"(?:\s*(?P<zone>[A-Z]{1,4})?\s*(?P<offset>[+-]\d{2}:?\d{2})?(?![\w:]))?",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_AMAZON = re.compile(r"(\d{1,2}) (\d{1,2}), (\d{4})")
"""Month, day, year: the review times of Amazon Reviews."""
_NAMED = re.compile(r"([A-Z]+)\.?|(\d{4})|(\d{1,2})(?:ST|ND|RD|TH)?", re.IGNORECASE)
_CHINESE = str.maketrans({"年": "-", "月": "-", "日": " "})


class _Day(NamedTuple):
    year: int
    month: int
    day: int


def date_seconds(text: str, order: DayOrder | None = None) -> float:
    """Return the unix seconds of a date, with or without a time; without a zone it is UTC.

    ISO 8601; with slashes or one digit (`2022/6/24 9:20`); with the name of the month, as RFC 2822,
    JavaScript and `date` write it (`Fri, 24 Jun 2022 09:20:00 +0200`); the year last (`24.06.2022`).

    Parameters
    ----------
    text : the date.
    order : of day and month where the year is last. None: unknown, so `3/4/2022` is refused, `24/6/2022` not.

    Raises
    ------
    MisfitError
        It is no such date, or it can be read in two ways.
    """
    text = text.strip()
    try:
        moment = datetime.datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        moment = _moment(text, order)
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise MisfitError("is outside the years 1 to 9999") from error


def day_orders(texts: Iterable[str]) -> dict[DayOrder | None, str]:
    """Return which orders of day and month the dates with the year last need, each with an example.

    None is the order of dates that can be read in two ways.
    """
    found: dict[DayOrder | None, str] = {}
    for text in texts:
        if match := _YEAR_LAST.match(text.strip()):
            first, separator, second = int(match[1]), match[2], int(match[3])
            if first != second:
                found.setdefault(_order_of(first, separator, second), text.strip())
    return found


def date_of(seconds: float) -> str | None:
    """Return unix seconds as a date and a time, UTC; None outside the years 1 to 9999."""
    try:
        return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return None


def _moment(text: str, order: DayOrder | None) -> datetime.datetime:
    """Return a date that is not ISO 8601, in its zone if it has one."""
    bare = (
        re.sub(r"\s*\([^()]*\)$", "", text).translate(_CHINESE).strip()
    )  # JavaScript adds a name in brackets
    clock = _CLOCK.search(bare)
    date = bare if clock is None else f"{bare[: clock.start()]} {bare[clock.end() :]}".strip()
    day = _day(date, order) if bare.isascii() else None
    if day is None:
        raise MisfitError("is neither a unix time nor a date in a usual spelling")
    try:
        midnight = datetime.datetime(*day)
        return midnight if clock is None else _at(midnight, clock)
    except (ValueError, OverflowError) as error:
        raise MisfitError("is no date of the calendar") from error


def _day(date: str, order: DayOrder | None) -> _Day | None:
    """Return year, month and day of a date without a time; None if it is none."""
    if match := _YEAR_FIRST.fullmatch(date):
        return _Day(int(match[1]), int(match[3]), int(match[4]))
    if match := _AMAZON.fullmatch(date):
        return _Day(int(match[3]), int(match[1]), int(match[2]))
    if match := _YEAR_LAST.fullmatch(date):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        known = order or _order_of(first, match[2], second)
        if known is None and first != second:
            raise MisfitError("can have the day or the month first; give its format (--time-format %d/%m/%Y)")
        return _Day(year, second, first) if known == "day first" else _Day(year, first, second)
    return _day_with_name(date)


def _day_with_name(date: str) -> _Day | None:
    """Return the day of a date that names its month, with the other parts in any order."""
    months, years, days = [], [], []
    for word in filter(None, re.split(r"[\s,/-]+", date)):
        match = _NAMED.fullmatch(word)
        if match is None:
            return None
        name, year, day = match.groups()
        if name and (month := _place(name, _MONTHS)):
            months.append(month)
        elif name and not _place(name, _WEEKDAYS):
            return None
        if year:
            years.append(int(year))
        if day:
            days.append(int(day))
    return _Day(years[0], months[0], days[0]) if len(years) == len(months) == len(days) == 1 else None


def _place(name: str, names: tuple[str, ...]) -> int:
    """Return the number, from 1 on, of a name that may be cut to three letters; 0 if it is none."""
    starts = (number for number, full in enumerate(names, 1) if full.startswith(name.lower()))
    return next(starts, 0) if len(name) >= 3 else 0


def _order_of(first: int, separator: str, second: int) -> DayOrder | None:
    """Return the only order that two numbers can have; dots have the day first everywhere."""
    if first > 12 or separator == ".":
        return "day first"
    return "month first" if second > 12 else None


def _at(midnight: datetime.datetime, clock: re.Match[str]) -> datetime.datetime:
    """Return the moment of a day that `_CLOCK` has found."""
    hour, half = int(clock["hour"]), (clock["half"] or "").upper()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError("no hour of a clock with 12 hours")
        hour = hour % 12 + 12 * (half == "P")
    part = int((clock["part"] or "0").ljust(6, "0")[:6])
    moment = midnight.replace(
        hour=hour, minute=int(clock["minute"]), second=int(clock["second"] or 0), microsecond=part
    )
    hours = _ZONES.get((clock["zone"] or "").upper())
    if hours is None:
        raise MisfitError("has a time zone whose name is not clear; write it as an offset, such as +02:00")
    offset = clock["offset"] or "+0000"
    sign = -1 if offset[0] == "-" else 1
    minutes = sign * (60 * int(offset[1:3]) + int(offset[-2:]))
    zone = datetime.timezone(datetime.timedelta(hours=hours, minutes=minutes))
    return moment.replace(tzinfo=zone)
