"""The full check of one generation: everything is read and compared with its checksums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from semrec.errors import StoreError
from semrec.store.protocol import Index, Manifest
from semrec.store.verify import verify
from semrec.types import AnyOf, Condition, Plain, Range

MAX_FILTERS = 200
"""Most filters of one field that are tried: those of its most frequent values, and of its quantiles."""
_QUANTILES = 20
_EXACT = 2**53
"""Larger integers are not exact as bounds of a range."""
_SHOWN = 3
"""Faults of one part that are named; the others are counted."""

Counts: TypeAlias = Mapping[str, Counter[Any]]
"""By field: the number of items that have a value."""


@dataclass(frozen=True, slots=True)
class Checked(Plain):
    """One part of a workspace after the check.

    Parameters
    ----------
    part : what was checked, such as "generation 2: items".
    content : what it holds, in words.
    faults : what is wrong; empty if nothing is.
    """

    part: str
    content: str = ""
    faults: tuple[str, ...] = ()


def check_index(index: Index, manifest: Manifest) -> Iterator[Checked]:
    """Check the items, rows, filters and searches of an open generation.

    Parameters
    ----------
    index, manifest : the generation.
    """
    values: Counts = {name: Counter() for name in manifest.fields}
    yield _check_items(index, manifest, values)
    yield _checked("rows of vectors", index.row_faults())
    yield _checked("filters", _filter_faults(index, values), f"{len(values)} fields")
    yield _checked("searches", verify(index, manifest).faults)


def _check_items(index: Index, manifest: Manifest, values: Counts) -> Checked:
    """Check all points, and count the values of their fields."""
    n_items = n_passages = 0
    faults: list[str] = []
    try:
        for record, wrong in index.point_faults():
            n_items += 1
            n_passages += len(record.passages)
            faults += wrong
            for name, value in record.metadata.items():
                values[name].update(set(value) if isinstance(value, tuple) else [value])
    except (StoreError, KeyError, TypeError, ValueError) as error:
        faults.append(_in_words(error))
    found, expected = (n_items, n_passages), (manifest.n_items, manifest.n_passages)
    if found != expected:
        faults.append("{} items with {} passages instead of {} with {}".format(*found, *expected))
    return Checked("items", f"{n_items:,} items, {n_passages:,} passages", _shortened(faults))


def _filter_faults(index: Index, values: Counts) -> Iterator[str]:
    """Yield for which conditions the engine finds another number of items than have the values."""
    for name, counts in values.items():
        for condition, expected in _conditions(name, counts):
            if (found := index.count([condition])) != expected:
                yield f"field {name!r}: {condition} finds {found:,} items instead of {expected:,}"


def _conditions(name: str, counts: Counter[Any]) -> Iterator[tuple[Condition, int]]:
    """Yield conditions on a field, each with the number of items that meet it."""
    for value, n_items in counts.most_common(MAX_FILTERS):
        yield AnyOf(name, (value,)), n_items
    numbers = [value for value in counts.elements() if not isinstance(value, str | bool)]
    numbers = sorted(number for number in numbers if abs(number) < _EXACT)
    for place in range(0, len(numbers), max(1, len(numbers) // _QUANTILES)):
        yield Range(name, gte=numbers[place]), sum(number >= numbers[place] for number in counts.elements())


def _checked(part: str, faults: Iterator[str] | tuple[str, ...], content: str = "") -> Checked:
    """Collect faults; an error of the engine on the way is one of them."""
    found: list[str] = []
    try:
        found += faults
    except (StoreError, KeyError, TypeError, ValueError) as error:
        found.append(_in_words(error))
    return Checked(part, content, _shortened(found))


def _shortened(faults: list[str]) -> tuple[str, ...]:
    """Return the first faults, and how many more there are."""
    more = len(faults) - _SHOWN
    return (*faults[:_SHOWN], f"and {more:,} more") if more > 0 else tuple(faults)


def _in_words(error: Exception) -> str:
    return (
        str(error) if isinstance(error, StoreError) else f"reading failed ({type(error).__name__}: {error})"
    )
