"""What texts of metadata fields mean: dates with their length, numbers; and which texts are alike."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from semrec.signals.freshness import seconds_of
from semrec.store.text_values import TextValues, folded

_MONTH = re.compile(r"(\d{4})-(\d{1,2})")
_YEAR = re.compile(r"\d{4}")
_CLOCK = re.compile(r"\d:\d\d|\dT\d")
_SIGNS = "$€£¥₹ \u00a0"
"""Currency signs and spaces around a number."""

N_NEAREST = 3
MOST_COMPARED = 20_000
"""Texts, the most frequent ones, that are compared with one that does not occur."""

SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Period:
    """The time that a date takes: a year, a month, a day, or an instant.

    Parameters
    ----------
    start, end : unix seconds; the end is not included, and of an instant it is the start.
    is_year : it was written as a year only.
    """

    start: float
    end: float
    is_year: bool = False

    @property
    def is_instant(self) -> bool:
        """Whether it takes no time."""
        return self.start == self.end

    def holds(self, other: Period) -> bool:
        """Return whether another period begins within this one."""
        return self.start <= other.start < self.end or self.start == other.start


def period_of(value: Any) -> Period | None:
    """Return the time that a written date takes; None if it is no date."""
    return _period(value.strip()) if isinstance(value, str) else None


@lru_cache(maxsize=100_000)  # the texts of a field are read again for every filter on it
def _period(text: str) -> Period | None:
    if _YEAR.fullmatch(text):
        return _between(f"{text}-01-01", f"{int(text) + 1:04}-01-01", is_year=True)
    if match := _MONTH.fullmatch(text):
        year, month = int(match[1]), int(match[2])
        return _between(
            f"{year:04}-{month:02}-01", f"{year + month // 12:04}-{month % 12 + 1:02}-01", is_year=False
        )
    seconds = seconds_of(text)
    if math.isnan(seconds):
        return None
    return Period(seconds, seconds if _CLOCK.search(text) else seconds + SECONDS_A_DAY)


def _between(first: str, following: str, *, is_year: bool) -> Period | None:
    start, end = seconds_of(first), seconds_of(following)
    return None if math.isnan(start) or math.isnan(end) else Period(start, end, is_year)


@lru_cache(maxsize=100_000)
def number_in(text: str) -> float | None:
    """Return the number that a text is, with or without a currency sign; None for other texts."""
    try:
        number = float(text.strip(_SIGNS))
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


def within(value: float, bounds: Mapping[str, float]) -> bool:
    """Return whether a number lies within bounds by their names: gte, gt, lte, lt."""
    return (
        value >= bounds.get("gte", -math.inf)
        and value > bounds.get("gt", -math.inf)
        and value <= bounds.get("lte", math.inf)
        and value < bounds.get("lt", math.inf)
    )


def likeness_note(name: str, text: str, known: TextValues) -> str:
    """Return that no item has a text in a field, with the nearest texts, or else the most frequent ones."""
    compared = dict(list(known.spellings.items())[:MOST_COMPARED])
    near = difflib.get_close_matches(folded(text), compared, N_NEAREST)
    texts = [compared[one][0] for one in near] or list(known.counts)[:N_NEAREST]
    shown = ", ".join(f"{one!r:.60} ({known.counts[one]:,})" for one in texts)
    return (
        f"no item has {text!r:.60} in {name!r}; the {'nearest' if near else 'most frequent'} values: {shown}"
    )
