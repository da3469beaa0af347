"""The `freshness` signal: what is new, for those of whom nothing is known.

    score(i) = -log₂(1 + age(i) / half life)

An item as old as the half life is half as fresh as one of today, and each further halving costs as much
again. It is a logarithm as popularity is one: by exponential decay all that is older than a few half lives
would be alike, and the first new item of an old catalog would outweigh everything.

It reads a metadata field, so it needs no events and no fit.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from semrec.errors import ConfigError
from semrec.events.dates import iso_seconds
from semrec.signals.signal import Question, Signal, SignalQuery
from semrec.signals.standard import standard
from semrec.signals.text import TEXT
from semrec.store.protocol import FieldType, Index, Search
from semrec.types import AnyOf, Condition, Float1D, Float2D, Keys, Range, Value

FRESHNESS = "freshness"

SECONDS_A_DAY = 86_400.0
LAST_YEAR = 9999
"""Numbers up to here are years, numbers above are unix seconds."""
LAST_SECOND = 1e11
"""In the year 5138; larger numbers are no seconds, but maybe milliseconds."""
YEAR = re.compile("[0-9]{4}")
FEWEST_RECENT = 8
"""Items of the sample that are new enough to tell what the newest are."""


def seconds_of(value: Value | None) -> float:
    """Return the unix seconds of an ISO 8601 text, of a year (its first second), or of unix seconds.

    NaN when the value is none of these.
    """
    if isinstance(value, str):
        seconds = iso_seconds(f"{value}-01-01" if YEAR.fullmatch(value) else value)
        return np.nan if seconds is None else seconds
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LAST_SECOND:
        return np.nan
    if 1 <= value <= LAST_YEAR:
        return seconds_of(f"{int(value):04}-01-01")
    return float(value)


def _check_field(field: str, fields: Mapping[str, FieldType]) -> None:
    """Raise `ConfigError` when the index has no such field, or it cannot hold dates."""
    if fields.get(field, "bool") != "bool":
        return
    fault = "is a yes/no field" if field in fields else "is not in the index"
    others = ", ".join(sorted(name for name, kind in fields.items() if kind != "bool")) or "none"
    raise ConfigError(
        f"freshness_field {field!r} {fault}. Fields that could hold a date: {others}; name one, or none."
    )


@dataclass(frozen=True, slots=True)
class DatedSample:
    """Items of the fixed sample that have a date, newest first: row n of every field belongs to item n.

    Parameters
    ----------
    keys : uint64 (n,).
    seconds : float64 (n,), unix seconds.
    values : the dates as they are stored.
    share : part of the catalog that the whole sample is, in (0, 1].
    """

    keys: Keys
    seconds: Float1D
    values: tuple[Any, ...]
    share: float


class FreshnessSignal(Signal):
    """The signal on one generation.

    Parameters
    ----------
    index : the generation.
    n_items : how many items it holds.
    sample : keys of the items by which scores are standardised.
    fields : the metadata fields and their types.
    field : the one that holds the date of an item.
    half_life_days : age at which an item is half as fresh as a new one.
    middle : float32 (dim,), the mean text vector: where to look when all items are as good.
    now : returns unix seconds.

    The field is looked at when somebody asks, not before: a catalog that brings it may be on its way.
    """

    name = FRESHNESS

    def __init__(
        self,
        index: Index,
        n_items: int,
        sample: Keys,
        fields: Mapping[str, FieldType],
        *,
        field: str,
        half_life_days: float,
        middle: Float1D,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._index = index
        self._n_items = n_items
        self._keys = sample
        self._fields = fields
        self._field = field
        self._half_life = half_life_days
        self._middle = middle
        self._now = now

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part, unless a text or a history says what is wanted.

        Raises
        ------
        ConfigError
            There is no such field, or it holds no dates.
        """
        if question.text is not None or np.any(question.weights):
            return []
        now = self._now()
        sample = self._dated_sample
        offsets, scale = standard(
            self._freshness(sample.seconds, now)[:, None], sample.keys, question.history
        )

        def terms(keys: Keys) -> Float2D:
            fresh = self.freshness(keys, now)[:, None]
            return np.where(np.isnan(fresh), offsets, fresh)  # without a date: neither new nor old

        everywhere = Search(TEXT, self._middle, question.limit)
        recent = Search(TEXT, self._middle, question.limit, where=self._recent(question.limit))
        return [SignalQuery(FRESHNESS, "catalog", (recent, everywhere), terms, offsets, scale)]

    def freshness(self, keys: Keys, now: float) -> Float1D:
        """Return the score of items at a time, float32 (n,), at most 0; NaN for an item without a date.

        Parameters
        ----------
        keys : uint64 (n,).
        now : unix seconds.

        Raises
        ------
        ConfigError
            There is no such field, or it holds no dates.
        """
        _ = self._dated_sample  # raises where there are no dates
        return self._freshness(np.array([seconds_of(value) for value in self._values(keys)]), now)

    @cached_property
    def _dated_sample(self) -> DatedSample:
        """The items of the sample that have a date."""
        _check_field(self._field, self._fields)
        values = self._values(self._keys)
        dates = np.array([seconds_of(value) for value in values])
        dated = np.flatnonzero(~np.isnan(dates))
        if len(values) and not len(dated):
            example = next((value for value in values if value is not None), None)
            raise ConfigError(
                f"freshness_field {self._field!r} holds no dates: none of {len(values)} items has an ISO "
                f"8601 date, a year or unix seconds there, but for instance {example!r:.40}. "
                "Name another field, or none."
            )
        newest_first = dated[np.argsort(-dates[dated], kind="stable")]
        return DatedSample(
            self._keys[newest_first],
            dates[newest_first],
            tuple(values[place] for place in newest_first.tolist()),
            len(self._keys) / max(self._n_items, len(self._keys), 1),
        )

    def _values(self, keys: Keys) -> list[Value | None]:
        return [record.metadata.get(self._field) for record in self._index.records(keys)]

    def _freshness(self, dates: np.ndarray, now: float) -> Float1D:
        """Return the score of items of these dates, float32 (n,); those still to come are as of today."""
        days = np.maximum(now - dates, 0) / SECONDS_A_DAY
        return (-np.log2(1 + days / self._half_life)).astype(np.float32)

    def _recent(self, n_items: int) -> tuple[Condition, ...]:
        """Return what about so many of the newest items of the catalog meet, as far as the sample tells."""
        sample = self._dated_sample
        n_newest = max(FEWEST_RECENT, round(n_items * sample.share))
        values = sample.values[:n_newest]
        if not values:
            return ()
        if isinstance(values[-1], str):
            return (AnyOf(self._field, tuple(dict.fromkeys(map(str, values)))),)
        return (Range(self._field, gte=float(values[-1])),)
