"""Objects inside a row as fields: `{"details": {"Brand": "Acme"}}` has a field `details.Brand`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from semrec.plain_values import is_missing

DEEPEST = 4
"""Levels of objects that become fields; deeper ones stay objects."""


def flattened(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of a row with those of its objects beside them; the same row if it has no object."""
    if not any(isinstance(value, Mapping) for value in values.values()):
        return values
    flat: dict[str, Any] = {}
    _flatten(values, "", DEEPEST, flat)
    return flat


def object_columns(sample: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the columns whose cells hold JSON objects as texts, wherever a row of the sample has a value."""
    candidates = {name for row in sample for name, value in row.items() if _object_of(value)}
    return tuple(
        name
        for name in sorted(candidates)
        if all(_object_of(value) is not None for row in sample if not is_missing(value := row.get(name)))
    )


def with_objects(values: Mapping[str, Any], columns: tuple[str, ...]) -> Mapping[str, Any]:
    """Return the values of a row with the JSON objects that are written in the cells of these columns."""
    found = {name: parsed for name in columns if (parsed := _object_of(values.get(name))) is not None}
    return {**values, **found} if found else values


def _object_of(value: Any) -> Mapping[str, Any] | None:
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return None
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _flatten(values: Mapping[Any, Any], prefix: str, depth: int, flat: dict[str, Any]) -> None:
    for name, value in values.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and depth:
            _flatten(value, f"{path}.", depth - 1, flat)
        else:
            flat.setdefault(path, value)
