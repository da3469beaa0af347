"""Metadata filters: what people write, checked against what the index knows, as conditions of the store.

`docs/filters.md` has the whole language in one table. A text is compared with the texts that the field has.
So upper and lower case do not matter, a date finds all its spellings, and a number finds a number that is
stored as text. A value that does not occur is noted, with the nearest ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from semrec.errors import QueryError, UnknownFieldError
from semrec.ranking.field_texts import Period, likeness_note, number_in, period_of, within
from semrec.ranking.typed_filters import read_where
from semrec.store.text_values import TextValues
from semrec.types import AnyOf, Condition, Either, Exists, Not, Range

BOUNDS = ("gte", "gt", "lte", "lt")
WORDS = (*BOUNDS, "any", "all", "not", "exists")
"""What a filter on one field can say besides a value."""
COMBINED = ("or", "and")
"""Names that combine filters, where a list of filters follows."""

ReadTexts = Callable[[str], TextValues]
"""Returns the texts of a field."""


@dataclass(frozen=True, slots=True)
class Where:
    """Filters, ready for the store.

    Parameters
    ----------
    conditions : all must hold.
    notes : what the asker should know, for instance that a value does not occur.
    """

    conditions: tuple[Condition, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Fields:
    """The metadata fields of an index: their types and texts; and the notes on a filter so far."""

    kinds: Mapping[str, str]
    texts: ReadTexts
    notes: dict[str, None] = field(default_factory=dict)


def parse_where(
    where: Mapping[str, Any] | str | Iterable[str] | None,
    kinds: Mapping[str, str],
    texts: ReadTexts = lambda name: TextValues(),
) -> Where:
    """Turn filters into conditions; all of them must hold.

    Parameters
    ----------
    where : field -> a value (equal), a list of values (any of), or what is wanted by name: bounds `gte`,
        `gt`, `lte`, `lt` of a number or a date; `any` and `all` with a list; `not` with any of these forms;
        `exists` with True or False. `or` and `and` instead of a field: a list of such filters.
        Or texts as on the command line, such as "year>=1990".
    kinds : the metadata fields of the index and their types: keyword, integer, float or bool.
    texts : returns the texts of a field.

    Raises
    ------
    UnknownFieldError
        A field is not in the index; the message lists the known ones.
    QueryError
        A value does not fit the type of its field.
    """
    fields = _Fields(kinds, texts)
    return Where(_conditions(read_where(where), fields), tuple(fields.notes))


def check_field(name: str, kinds: Mapping[str, str], use: str = "filter") -> None:
    """Raise `UnknownFieldError` if the index has no such metadata field."""
    if name not in kinds:
        known = ", ".join(sorted(kinds)) or "none"
        raise UnknownFieldError(
            f"cannot {use} by {name!r}: the index has no such field. Known fields: {known}."
        )


def _conditions(where: Mapping[str, Any], fields: _Fields) -> tuple[Condition, ...]:
    found: list[Condition] = []
    for name, wanted in where.items():
        is_list_of_filters = isinstance(wanted, list | tuple) and all(isinstance(w, Mapping) for w in wanted)
        of_entry = _combined if name in COMBINED and is_list_of_filters else _of_field
        found += of_entry(name, wanted, fields)
    return tuple(found)


def _combined(name: str, filters: Sequence[Mapping[str, Any]], fields: _Fields) -> list[Condition]:
    """Return the conditions of a list of filters after `or` or `and`."""
    alternatives = tuple(_conditions(one, fields) for one in filters)
    if not alternatives:
        raise QueryError(f"{name!r} has no filters; give at least one, or leave it out.")
    return [Either(alternatives)] if name == "or" else [one for all_of in alternatives for one in all_of]


def _of_field(name: str, wanted: Any, fields: _Fields) -> list[Condition]:
    """Return the conditions on one field."""
    check_field(name, fields.kinds)
    if not isinstance(wanted, Mapping):
        return [_any_of(name, wanted, fields)]
    if not wanted or set(wanted) - set(WORDS):
        raise QueryError(f"the filter on {name!r} needs some of {', '.join(WORDS)}; got {sorted(wanted)}.")
    bounds = {bound: value for bound, value in wanted.items() if bound in BOUNDS}
    found = [_range(name, bounds, fields)] if bounds else []
    if "any" in wanted:
        found.append(_any_of(name, wanted["any"], fields))
    if "all" in wanted:
        found += [_any_of(name, one, fields) for one in _listed(name, wanted["all"])]
    if "not" in wanted:
        inner = _of_field(name, wanted["not"], fields)
        found.append(Not(inner[0] if len(inner) == 1 else Either((tuple(inner),))))
    if "exists" in wanted:
        found.append(Exists(name) if _truth(name, wanted["exists"]) else Not(Exists(name)))
    return found


def _listed(name: str, values: Any) -> list[Any]:
    listed = list(values) if isinstance(values, list | tuple | set | frozenset) else [values]
    if not listed:
        raise QueryError(f"the filter on {name!r} has no values; give at least one, or leave it out.")
    return listed


# -- values --------------------------------------------------------------------------------------------


def _any_of(name: str, wanted: Any, fields: _Fields) -> Condition:
    """Return the condition that a field has one of some values."""
    kind = fields.kinds[name]
    values: list[str | int | float | bool] = []
    days: list[Period] = []
    for value in _listed(name, wanted):
        if kind == "keyword":
            values += _texts(name, value, fields)
        elif kind == "bool":
            values.append(_truth(name, value))
        elif (period := _date(value)) is not None:
            days.append(period)
        else:
            values.append(_number_of(name, value, kind))
    of_values = AnyOf(name, tuple(dict.fromkeys(values)))
    if not days:
        return of_values
    ranges = tuple(
        (Range(name, **dict(_bound_in_seconds(bound, day) for bound in ("gte", "lte"))),) for day in days
    )
    return Either((*ranges, (of_values,))) if values else Either(ranges)


def _texts(name: str, value: Any, fields: _Fields) -> list[str]:
    """Return a wanted text and the texts of the field that say the same."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QueryError(f"{name!r} is a keyword field: filter it by a text, not by {value!r:.60}.")
    text, known = str(value), fields.texts(name)
    same = [text, *known.like(text)]
    if (period := period_of(text)) is not None and not period.is_year:
        same += [one for one in known.counts if (found := period_of(one)) and period.holds(found)]
    if (number := number_in(text)) is not None:
        same += [one for one in known.counts if number_in(one) == number]
    if known.is_complete and known.counts and not any(one in known.counts for one in same):
        fields.notes[likeness_note(name, text, known)] = None
    return same


def _truth(name: str, value: Any) -> bool:
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise QueryError(f"{name!r} is a yes/no field: filter it by true or false, not by {value!r}.")


def _number_of(name: str, value: Any, kind: str) -> int | float:
    number = _number(name, value)
    return _whole(name, value, number) if kind == "integer" and number.is_integer() else number


def _whole(name: str, value: Any, number: float) -> int:
    """Return a whole number exactly: above 2^53 floats leave some out."""
    try:
        whole = int(value)
    except ValueError:  # written like 2e3 or 7.0
        whole = int(number)
    if not -(2**63) <= whole < 2**63:
        raise QueryError(f"{name!r} holds whole numbers of 64 bits; {number:g} is beyond them.")
    return whole


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise QueryError(f"{name!r} is a number: filter it by a number, not by {value!r:.40}.") from error
    if isinstance(value, bool) or not math.isfinite(number):
        raise QueryError(f"{name!r} is a number: filter it by a number, not by {value!r}.")
    return number


def _date(value: Any) -> Period | None:
    """Return the time that a written date takes, for a field of numbers; a plain number is no date there."""
    return period_of(value) if isinstance(value, str) and number_in(value) is None else None


# -- bounds --------------------------------------------------------------------------------------------


def _range(name: str, bounds: Mapping[str, Any], fields: _Fields) -> Condition:
    """Return the condition that a field lies within bounds: numbers, or dates."""
    kind = fields.kinds[name]
    if kind == "bool":
        raise QueryError(f"cannot compare {name!r} by size: it is a yes/no field.")
    if kind == "keyword":
        return _range_of_texts(name, bounds, fields)
    seconds = {bound: _bound_in_seconds(bound, period) for bound, v in bounds.items() if (period := _date(v))}
    numbers = {bound: _number(name, value) for bound, value in bounds.items() if bound not in seconds}
    return Range(name, **_as_bounds([*numbers.items(), *seconds.values()]))


def _bound_in_seconds(bound: str, period: Period) -> tuple[str, float]:
    """Return a bound by a date as one by unix seconds: after a day is from its end on."""
    if period.is_instant:
        return bound, period.start
    return {
        "gte": ("gte", period.start),
        "gt": ("gte", period.end),
        "lte": ("lt", period.end),
        "lt": ("lt", period.start),
    }[bound]


def _as_bounds(pairs: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return bounds by name; of two of one name the narrower one."""
    found: dict[str, float] = {}
    for bound, value in pairs:
        narrower = max if bound.startswith("g") else min
        found[bound] = narrower(found.get(bound, value), value)
    return found


def _range_of_texts(name: str, bounds: Mapping[str, Any], fields: _Fields) -> Condition:
    """Return the condition that the numbers or dates which a field has as texts lie within bounds."""
    numbers = {bound: number_in(str(value)) for bound, value in bounds.items()}
    periods = {bound: period_of(value) for bound, value in bounds.items()}
    are_numbers = all(number is not None for number in numbers.values())
    if not are_numbers and not all(periods.values()):
        raise QueryError(
            f"cannot compare {name!r} by size with {list(bounds.values())}: give numbers or dates."
        )
    known = fields.texts(name)
    if not known.is_complete:
        raise QueryError(f"cannot compare {name!r} by size: it has too many different texts.")
    dated = {text: period for text in known.counts if (period := period_of(text))}
    counted = {text: number for text in known.counts if (number := number_in(text)) is not None}
    if are_numbers and (not all(periods.values()) or len(counted) > len(dated)):
        limits = {bound: float(value) for bound, value in bounds.items() if number_in(str(value)) is not None}
        fitting = [text for text, number in counted.items() if within(number, limits)]
        readable: Mapping[str, object] = counted
        what = "numbers"
    else:
        pairs = [_bound_in_seconds(bound, period) for bound, period in periods.items() if period]
        fitting = [text for text, period in dated.items() if within(period.start, _as_bounds(pairs))]
        readable, what = dated, "dates"
        limits = {}
    if len(readable) < len(known.counts):
        odd = next(text for text in known.counts if text not in readable)
        n_odd = len(known.counts) - len(readable)
        fields.notes[f"{n_odd:,} values of {name!r} are no {what} and do not match, such as {odd!r:.40}"] = (
            None
        )
    of_texts = AnyOf(name, tuple(fitting))
    # Before one odd value made the field one of texts, numbers were stored as numbers.
    return Either(((of_texts,), (Range(name, **limits),))) if limits else of_texts
