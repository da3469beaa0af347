"""Whether an item meets the conditions of a filter, as the store decides, and in words why it does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from semrec.types import AnyOf, Condition, Either, Exists, Not, Range, Value

LONGEST_LIST = 5
"""Values of one condition that are written out."""

_BOUNDS = {"gte": "at least", "gt": "more than", "lte": "at most", "lt": "less than"}


def meets(metadata: Mapping[str, Value], conditions: Iterable[Condition]) -> bool:
    """Tell whether an item with this metadata satisfies all conditions, as the store would."""
    return all(_holds(condition, metadata) for condition in conditions)


def _holds(condition: Condition, metadata: Mapping[str, Value]) -> bool:
    if isinstance(condition, Not):
        return not _holds(condition.condition, metadata)
    if isinstance(condition, Either):
        return any(meets(metadata, all_of) for all_of in condition.alternatives)
    stored = metadata.get(condition.field)
    values = stored if isinstance(stored, tuple) else () if stored is None else (stored,)
    if isinstance(condition, Exists):
        return bool(values)
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


def fault(condition: Condition, metadata: Mapping[str, Value]) -> str:
    """Return in words why an item does not meet a condition; empty when it does."""
    if _holds(condition, metadata):
        return ""
    has = "; ".join(_has(name, metadata.get(name)) for name in fields_of(condition))
    return f"{wanted_by(condition)}, but {has}"


def fields_of(condition: Condition) -> list[str]:
    """Return the fields that a condition names, each once."""
    if isinstance(condition, Not):
        return fields_of(condition.condition)
    if isinstance(condition, Either):
        inner = [one for all_of in condition.alternatives for one in all_of]
        return list(dict.fromkeys(name for one in inner for name in fields_of(one)))
    return [condition.field]


def wanted_by(condition: Condition) -> str:
    """Return what a condition wants, in words: `year must be at least 1990`."""
    if isinstance(condition, Not):
        wanted = wanted_by(condition.condition)
        if isinstance(condition.condition, Either):
            return f"not ({wanted})"
        return wanted.replace(" must be ", " must not be ", 1).replace(" must exist", " must not exist", 1)
    if isinstance(condition, Either):
        return " or ".join(" and ".join(map(wanted_by, all_of)) for all_of in condition.alternatives)
    if isinstance(condition, Exists):
        return f"{condition.field} must exist"
    if isinstance(condition, AnyOf):
        shown = [str(value) for value in condition.values[:LONGEST_LIST]]
        more = len(condition.values) - len(shown)
        return f"{condition.field} must be {' or '.join([*shown, f'{more} more'] if more > 0 else shown)}"
    bounds = {name: bound for name in _BOUNDS if (bound := getattr(condition, name)) is not None}
    allowed = " and ".join(f"{_BOUNDS[name]} {bound:.12g}" for name, bound in bounds.items())
    return f"{condition.field} must be {allowed}"


def _has(name: str, value: Value | None) -> str:
    if value is None or value == ():
        return "it has none" if name else ""
    return f"it is {', '.join(value) if isinstance(value, tuple) else value}"
