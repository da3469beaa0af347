"""Filters as people type them on the command line: `brand=Acme`, `price<=20`, `brand=Acme | year>2020`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from semrec.errors import QueryError, shown

OPERATORS = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt"}

_QUOTED = r'"(?:[^"]|"")*"'
_TERM = re.compile(
    rf"\s*(?P<name>{_QUOTED}|.+?)\s*(?P<operator>!=|\+=|>=|<=|=|>|<)\s*(?P<value>.*?)\s*", re.DOTALL
)
_OR = re.compile(rf'((?:{_QUOTED}|[^"]|")*?)(?:\s\|\s|$)', re.DOTALL)


def parse_filters(filters: Sequence[str]) -> dict[str, Any]:
    """Read filters as they are typed; all of them must hold. The result is what `parse_where` takes.

    =========================  ==================================================
    `brand=Acme`               has this value; given twice: any of the values
    `brand!=Acme`              has not this value
    `tags+=tea`                has this value as well; given twice: both values
    `year>=2020`, `<=`, `>`, `<`  a number or a date within a bound
    `brand=*`, `brand!=*`      has a value, has none
    `brand=Acme | year>2020`   one of several filters; spaces around the bar
    `"a=b"="*"`                in double quotes a name or a value means itself
    =========================  ==================================================

    Raises
    ------
    QueryError
        A filter is not of this form.
    """
    where: dict[str, Any] = {}
    either: list[dict[str, Any]] = []
    for written in filters:
        alternatives = [part for part in _OR.findall(written) if part]
        if len(alternatives) > 1:
            either.append({"or": [parse_filters([part]) for part in alternatives]})
        else:
            _add(where, written)
    if len(either) == 1 and "or" not in where:
        return {**where, **either[0]}
    return {**where, "and": either} if either else where


def read_where(where: Mapping[str, Any] | str | Iterable[str] | None) -> Mapping[str, Any]:
    """Return filters by field; texts are read as `parse_filters` reads them.

    Raises
    ------
    QueryError
        The filters are of another type.
    """
    if where is None or isinstance(where, Mapping):
        return where or {}
    texts = [where] if isinstance(where, str) else list(where) if isinstance(where, Iterable) else [where]
    if not all(isinstance(text, str) for text in texts):
        raise QueryError(f"cannot read the filters {shown(where)}; write where={{'field': value}}.")
    return parse_filters(texts)


def _add(where: dict[str, Any], written: str) -> None:
    """Add one filter on one field to those that were read before."""
    name, operator, value = _split(written)
    if operator == "=" and value != "*" and isinstance(where.get(name, []), list):
        where.setdefault(name, []).append(_unquoted(value))
        return
    known = where.get(name, {})
    wanted = where[name] = {"any": known} if isinstance(known, list) else known
    if value == "*" and operator in ("=", "!="):
        wanted["exists"] = operator == "="
    elif operator in OPERATORS:
        wanted[OPERATORS[operator]] = _unquoted(value)
    else:
        wanted.setdefault({"=": "any", "!=": "not", "+=": "all"}[operator], []).append(_unquoted(value))


def _split(written: str) -> tuple[str, str, str]:
    match = _TERM.fullmatch(written)
    if not match or not (name := _unquoted(match["name"])):
        raise QueryError(
            f"cannot read the filter {written!r}; write it like categories=python, brand!=Acme or year>=2000."
        )
    return name, match["operator"], match["value"]


def _unquoted(text: str) -> str:
    """Return a text without its double quotes, where two stand for one."""
    return text[1:-1].replace('""', '"') if re.fullmatch(_QUOTED, text, re.DOTALL) else text
