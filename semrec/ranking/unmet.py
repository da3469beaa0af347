"""Why filters leave nothing: conditions that no item meets, with the values that come nearest."""

from __future__ import annotations

from collections.abc import Sequence

from semrec.ranking.conditions import wanted_by
from semrec.store import Index
from semrec.types import AnyOf, Condition, Range

N_NEAREST = 3
MOST_READ = 20_000
"""Items of the fixed sample whose values are read to find the nearest ones."""


def unmet_notes(conditions: Sequence[Condition], index: Index) -> tuple[str, ...]:
    """Return which conditions no item meets; if each is met by some item, that none meets all of them."""
    unmet = [condition for condition in conditions if not index.count([condition])]
    if unmet:
        return tuple(f"no item fits: {wanted_by(one)}{_nearest(one, index)}" for one in unmet)
    if len(conditions) > 1 and not index.count(conditions):
        return ("each filter fits some items, but no item fits all filters",)
    return ()


def _nearest(condition: Condition, index: Index) -> str:
    """Return in words the numbers that come nearest to what a condition wants; empty for other fields."""
    if not isinstance(condition, AnyOf | Range):
        return ""
    if isinstance(condition, Range):
        bounds = (condition.gte, condition.gt, condition.lte, condition.lt)
        wanted = [bound for bound in bounds if bound is not None]
    else:
        wanted = [float(value) for value in condition.values if not isinstance(value, str | bool)]
    stored = index.metadata_values(condition.field, index.sample(MOST_READ))
    numbers = {value for value in stored if isinstance(value, int | float) and not isinstance(value, bool)}
    if not numbers or not wanted:
        return ""
    near = sorted(numbers, key=lambda number: min(abs(number - one) for one in wanted))[:N_NEAREST]
    return f"; the nearest values: {', '.join(f'{number:.12g}' for number in sorted(near))}"
