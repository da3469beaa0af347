"""Metadata filters: what people write, checked against what the index knows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from semrec.errors import QueryError, UnknownFieldError
from semrec.types import AnyOf, Condition, Range, Value

BOUNDS = ("gte", "gt", "lte", "lt")
OPERATORS = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt"}


def parse_where(where: Mapping[str, Any] | None, fields: Mapping[str, str]) -> tuple[Condition, ...]:
    """Turn filters into conditions; all of them must hold.

    Parameters
    ----------
    where : field -> a value (equal), a list of values (any of), or bounds, for instance
        `{"gte": 1990, "lt": 2000}`.
    fields : the metadata fields of the index and their types: keyword, integer, float or bool.

    Raises
    ------
    UnknownFieldError
        A field is not in the index; the message lists the known ones.
    QueryError
        A value does not fit the type of its field.
    """
    return tuple(_condition(name, wanted, fields) for name, wanted in (where or {}).items())


def _condition(name: str, wanted: Any, fields: Mapping[str, str]) -> Condition:
    if name not in fields:
        known = ", ".join(sorted(fields)) or "none"
        raise UnknownFieldError(
            f"cannot filter by {name!r}: the index has no such field. Known fields: {known}."
        )
    if isinstance(wanted, Mapping):
        return _range(name, wanted, fields[name])
    values = list(wanted) if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
    if not values:
        raise QueryError(f"the filter on {name!r} has no values; give at least one, or leave it out.")
    return AnyOf(name, tuple(_value(name, value, fields[name]) for value in values))


def _range(name: str, bounds: Mapping[str, Any], kind: str) -> Range:
    unknown = set(bounds) - set(BOUNDS)
    if unknown or not bounds:
        raise QueryError(
            f"the filter on {name!r} needs bounds out of {', '.join(BOUNDS)}; got {sorted(bounds)}."
        )
    if kind not in ("integer", "float"):
        raise QueryError(f"cannot compare {name!r} by size: it is a {kind} field, not a number.")
    return Range(name, **{bound: _number(name, value) for bound, value in bounds.items()})


def _value(name: str, value: Any, kind: str) -> str | int | float | bool:
    if kind == "bool":
        if str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        raise QueryError(f"{name!r} is a yes/no field: filter it by true or false, not by {value!r}.")
    if kind in ("integer", "float"):
        number = _number(name, value)
        if kind == "integer" and number.is_integer():
            return _whole(name, value, number)
        return number
    if not isinstance(value, str):
        raise QueryError(f"{name!r} is a keyword field: filter it by a text, not by {value!r}.")
    return value


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


def meets(metadata: Mapping[str, Value], conditions: Iterable[Condition]) -> bool:
    """Tell whether an item with this metadata satisfies all conditions, as the store would."""
    return all(holds(condition, metadata.get(condition.field)) for condition in conditions)


def holds(condition: Condition, stored: Value | None) -> bool:
    """Tell whether a value meets a condition, as the store would."""
    values = stored if isinstance(stored, tuple) else () if stored is None else (stored,)
    if isinstance(condition, Range):
        return any(_is_within(value, condition) for value in values)
    # True is no 1 here, and 3 is 3.0.
    return any(
        value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
        for value in values
        for wanted in condition.values
    )


def _is_within(value: str | float, bounds: Range) -> bool:
    if isinstance(value, str | bool):
        return False
    return (
        (bounds.gte is None or value >= bounds.gte)
        and (bounds.gt is None or value > bounds.gt)
        and (bounds.lte is None or value <= bounds.lte)
        and (bounds.lt is None or value < bounds.lt)
    )


def parse_filters(filters: Sequence[str]) -> dict[str, Any]:
    """Read filters as they are typed: `field=value`, or `field>=number` with >, >=, < and <=.

    The same field given twice with `=` means any of the values; bounds on one field add up.

    Raises
    ------
    QueryError
        A filter is not of this form.
    """
    where: dict[str, Any] = {}
    for written in filters:
        name, operator, value = _split(written)
        if operator == "=":
            where.setdefault(name, [])
            if not isinstance(where[name], list):
                raise QueryError(f"{name!r} is filtered by a value and by bounds; give one kind only.")
            where[name].append(value)
        else:
            where.setdefault(name, {})
            if not isinstance(where[name], dict):
                raise QueryError(f"{name!r} is filtered by a value and by bounds; give one kind only.")
            where[name][OPERATORS[operator]] = value
    return where


def _split(written: str) -> tuple[str, str, str]:
    found: Iterable[tuple[int, int, str]] = (
        (written.find(operator), -len(operator), operator) for operator in (*OPERATORS, "=")
    )
    # The operator that starts first; of two at one place the longer one.
    hits = sorted(hit for hit in found if hit[0] > 0)
    if not hits:
        raise QueryError(
            f"cannot read the filter {written!r}; write it like categories=python or year>=2000."
        )
    place, _, operator = hits[0]
    return written[:place].strip(), operator, written[place + len(operator) :].strip()
