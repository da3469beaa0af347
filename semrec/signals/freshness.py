"""The `freshness` signal: what is new, for users without a history.

    score(i) = -log₂(1 + age(i) / half life)

An item as old as the half life is half as fresh as one of today, and each further halving costs as much
again. It is a logarithm as popularity is one: by exponential decay all that is older than a few half lives
would be alike, and the first new item of an old catalog would outweigh everything.

It reads a metadata field, so it needs no events and no fit.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from semrec.errors import ConfigError
from semrec.events.dates import date_seconds
from semrec.plain_values import MisfitError
from semrec.signals.signal import Question, Signal, SignalContext, SignalQuery
from semrec.signals.standard import standard
from semrec.store.protocol import TEXT, FieldType, Search
from semrec.types import AnyOf, Condition, Float1D, Float2D, Keys, Range, Value

if TYPE_CHECKING:
    from semrec.config import Settings
    from semrec.signals.catalog_matrix import Catalog, Histories

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
    """Return the unix seconds of a date in a usual spelling, of a year (its first second), or as they are.

    NaN when the value is none of these.
    """
    if isinstance(value, str):
        try:
            return date_seconds(f"{value}-01-01" if YEAR.fullmatch(value) else value)
        except MisfitError:
            return np.nan
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


def freshness_of(values: Sequence[Value | None], now: float, half_life_days: float) -> Float1D:
    """Return the score of items by their dates, float32 (n,), at most 0; NaN for an item without a date.

    Dates still to come count as today.

    Parameters
    ----------
    values : dates as they are stored.
    now : unix seconds.
    half_life_days : age at which an item is half as fresh as a new one.
    """
    seconds = np.array([seconds_of(value) for value in values], np.float64)
    days = np.maximum(now - seconds, 0) / SECONDS_A_DAY
    return (-np.log2(1 + days / half_life_days)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class FreshnessQuery(SignalQuery):
    """How new items are at one time.

    Parameters
    ----------
    now : unix seconds.
    half_life_days : age at which an item is half as fresh as a new one.
    """

    now: float
    half_life_days: float

    def score(self, raw: Float2D, values: Sequence[Value | None]) -> Float1D:
        """Return the score of items, float32 (n,); NaN without a date: neither new nor old."""
        return freshness_of(values, self.now, self.half_life_days)


class FreshnessSignal(Signal):
    """The signal on one catalog.

    Parameters
    ----------
    fields : the metadata fields and their types.
    field : the one that holds the date of an item.
    half_life_days : age at which an item is half as fresh as a new one.
    middle : float32 (dim,), the mean text vector: where to look when all items are as good.
    n_items : how many items the catalog holds.
    sample : keys of the items by which scores are standardised.
    metadata_values : (field, keys) -> values.
    now : returns unix seconds.

    The field is read when a question needs it, not before: the next catalog may bring it.
    """

    name = FRESHNESS
    label = "freshness"
    source = "metadata"
    sentence = "It is new."
    fallback = "new"
    impersonal = True
    default_weight = 0.5
    learns_weight = False

    def __init__(
        self,
        fields: Mapping[str, FieldType],
        *,
        field: str,
        half_life_days: float,
        middle: Float1D,
        n_items: int,
        sample: Keys,
        metadata_values: Callable[[str, Keys], Sequence[Value | None]],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._fields = fields
        self._field = field
        self.metadata_fields = (field,)
        self._half_life = half_life_days
        self._middle = middle
        self._n_items = n_items
        self._keys = sample
        self._metadata_values = metadata_values
        self._now = now

    @classmethod
    def open(cls, context: SignalContext) -> FreshnessSignal:
        """Open the signal on a catalog."""
        return cls(
            context.fields,
            field=context.settings.ranking.freshness_field or "",
            half_life_days=context.settings.ranking.freshness_half_life_days,
            middle=context.text_mean,
            n_items=context.n_items,
            sample=context.sample.keys if context.sample else np.empty(0, np.uint64),
            metadata_values=context.metadata_values,
        )

    @classmethod
    def is_wanted(cls, settings: Settings) -> bool:
        """Tell whether the settings name a field with dates."""
        return settings.ranking.freshness_field is not None

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part; none for a text or a history.

        Raises
        ------
        ConfigError
            There is no such field, or it holds no dates.
        """
        if question.text is not None or np.any(question.weights):
            return []
        now, sample = self._now(), self._dated_sample
        scores = freshness_of(sample.values, now, self._half_life)[:, None]
        recent = Search(TEXT, self._middle, question.limit, where=self._recent(question.limit))
        part = FreshnessQuery(
            FRESHNESS,
            "catalog",
            *standard(scores, sample.keys, question.history),
            searches=(recent, Search(TEXT, self._middle, question.limit)),
            metadata_field=self._field,
            now=now,
            half_life_days=self._half_life,
        )
        return [part]

    def score_catalog(self, catalog: Catalog, histories: Histories, rows: slice) -> Float2D:
        """Score items of a catalog for empty histories, float32 (n, n_rows); NaN for other histories.

        Raises
        ------
        ConfigError
            There is no such field, or it holds no dates.
        """
        if not histories.known.all():
            _ = self._dated_sample  # raises where there are no dates
        now: float = histories.prepared("now", self._now)
        scores = freshness_of(catalog.metadata(self._field)[rows], now, self._half_life)
        return np.where(histories.known[:, None], np.float32(np.nan), scores)

    @cached_property
    def _dated_sample(self) -> DatedSample:
        """The items of the sample that have a date."""
        _check_field(self._field, self._fields)
        values = self._metadata_values(self._field, self._keys)
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

    def _recent(self, n_items: int) -> tuple[Condition, ...]:
        """Return conditions that about so many of the newest items meet, estimated on the sample."""
        sample = self._dated_sample
        n_newest = max(FEWEST_RECENT, round(n_items * sample.share))
        values = sample.values[:n_newest]
        if not values:
            return ()
        if isinstance(values[-1], str):
            return (AnyOf(self._field, tuple(dict.fromkeys(map(str, values)))),)
        return (Range(self._field, gte=float(values[-1])),)
