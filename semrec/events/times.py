"""Times of events: dates, unix times in four units, and positions, told apart by column and by value."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from semrec.errors import ConfigError
from semrec.events.dates import DayOrder, date_of, date_seconds, day_orders
from semrec.plain_values import MisfitError, as_number, is_missing

TimeUnit: TypeAlias = Literal["s", "ms", "us", "ns", "position"]

TICKS: dict[TimeUnit, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9, "position": 1.0}
"""Ticks of a unit in a second; a position stays as it is."""

POSITIONS = (0.0, 1e8)
"""Numbers that are no unix time of an event but its position: 1e8 seconds are in March 1973."""

_DAYS = (19_900_101, 21_001_231)
_YEARS = (1990, 2100)


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How times are written.

    Parameters
    ----------
    unit : of numbers; None: by the size of each number.
    pattern : of texts and of numbers such as 20220624, for `strptime`; None: the usual spellings.
    order : of day and month in dates with the year last; None: unknown.
    """

    unit: TimeUnit | None = None
    pattern: str | None = None
    order: DayOrder | None = None

    @classmethod
    def of(cls, given: str) -> TimeFormat:
        """Return the format that a user names: a unit, or a pattern for `strptime`.

        Raises
        ------
        ConfigError
            It is neither.
        """
        for unit in get_args(TimeUnit):
            if given == unit:
                return cls(unit)
        if "%" not in given:
            units = ", ".join(get_args(TimeUnit))
            raise ConfigError(
                f"unknown time format {given!r}; there are {units}, or a pattern such as %d/%m/%Y"
            )
        return cls(pattern=given)

    def seconds(self, value: Any) -> float | None:
        """Return the unix seconds of a value, or its position; None if it is missing.

        Raises
        ------
        MisfitError
            It is no time.
        """
        if is_missing(value) and not isinstance(value, float):  # NaN can hide a fault of the source
            return None
        if isinstance(value, datetime.date):
            value = value.isoformat()
        number = as_number(value)
        if number is not None and not math.isfinite(number):
            raise MisfitError("is NaN or infinite")
        if self.pattern is not None:
            return _parsed(value, number, self.pattern)
        if number is None:
            return date_seconds(_text(value), self.order)
        if self.unit is None and (day := _day_seconds(number)) is not None:
            return day
        return number / TICKS[self.unit or unit_of(number)]


def unit_of(number: float) -> TimeUnit:
    """Return the unit in which a number is a time from 1973 to 5138, else s; from 0 to 1e8: a position."""
    size = abs(number)
    if POSITIONS[0] <= number < POSITIONS[1]:
        return "position"
    if size < 1e11 or size >= 1e20:
        return "s"
    return "ms" if size < 1e14 else "us" if size < 1e17 else "ns"


def is_position(seconds: float) -> bool:
    """Return whether a stored time is a position, which gives an order without a clock."""
    return POSITIONS[0] <= seconds < POSITIONS[1]


def guess_time_format(values: Sequence[Any], column: str) -> tuple[TimeFormat, list[str]]:
    """Return how the times of a column are written, and the guesses in words.

    Parameters
    ----------
    values : the first ones of the column.
    column : its name, for messages.

    Raises
    ------
    ConfigError
        The dates of the column can be read in two ways.
    """
    present = [value for value in values if not is_missing(value)]
    numbers = [number for value in present if (number := as_number(value)) is not None]
    texts = [value for value in present if isinstance(value, str) and as_number(value) is None]
    order, notes = _guess_order(texts, column)
    found, more = _guess_numbers([number for number in numbers if math.isfinite(number)])
    return TimeFormat(found.unit, found.pattern, order), [*notes, *more]


def _guess_order(texts: Sequence[str], column: str) -> tuple[DayOrder | None, list[str]]:
    orders = day_orders(texts)
    ambiguous = orders.pop(None, None)
    if len(orders) == 1:
        [(order, example)] = orders.items()
        return order, [
            f"time: {example} has the {order}, so all such dates do (guessed)"
        ] if ambiguous else []
    if ambiguous is None:
        return None, []
    examples = ", ".join(orders.values())
    why = f"{examples} are of different orders" if examples else "the day or the month can be first"
    raise ConfigError(
        f'the dates of column "{column}" are ambiguous, for instance {ambiguous}: {why}. '
        "Give their format: --time-format '%d/%m/%Y' or --time-format '%m/%d/%Y'"
    )


def _guess_numbers(numbers: Sequence[float]) -> tuple[TimeFormat, list[str]]:
    def all_whole(limits: tuple[int, int]) -> bool:
        return all(limits[0] <= number <= limits[1] and number == int(number) for number in numbers)

    if not numbers:
        return TimeFormat(), []
    if all(_day_seconds(number) is not None for number in numbers):
        return TimeFormat(pattern="%Y%m%d"), ["time: numbers such as 20220624 are days (guessed)"]
    if all_whole(_YEARS):
        return TimeFormat(pattern="%Y"), [
            "time: numbers are years (guessed; positions: --time-format position)"
        ]
    units = Counter(map(unit_of, numbers))
    if set(units) == {"position"}:
        note = "time: numbers are positions, which give an order without a clock (guessed)"
        return TimeFormat("position"), [note]
    if len(units) == 1:
        return TimeFormat(), [f"time: numbers are unix time in {min(units)} (guessed)"]
    shares = ", ".join(f"{n:,} in {unit}" for unit, n in units.most_common())
    return TimeFormat(), [f"time: numbers differ in their unit, told by their size: {shares} (guessed)"]


def _day_seconds(number: float) -> float | None:
    """Return the unix seconds of a number such as 20220624; None for others."""
    if not (_DAYS[0] <= number <= _DAYS[1] and number == int(number)):
        return None
    try:
        return _read(str(int(number)), "%Y%m%d").timestamp()
    except ValueError:
        return None


def _parsed(value: Any, number: float | None, pattern: str) -> float:
    text = str(int(number)) if number is not None and number == int(number) else _text(value).strip()
    try:
        return _read(text, pattern).timestamp()
    except (ValueError, OverflowError) as error:
        raise MisfitError(f"does not have the format {pattern}") from error


def _read(text: str, pattern: str) -> datetime.datetime:
    moment = datetime.datetime.strptime(text, pattern)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _text(value: Any) -> str:
    try:
        return str(value)
    except ValueError as error:  # Python does not print integers of more than some thousand digits
        raise MisfitError("is a number with too many digits") from error


def time_in_words(time: float) -> str:
    """Return a stored time for people: a date and a time of day, UTC, or a position."""
    if is_position(time):
        return f"position {time:g}"
    return date_of(time) or f"{time:.16g}"
