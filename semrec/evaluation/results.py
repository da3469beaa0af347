"""What was measured, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl


@dataclass(frozen=True, slots=True)
class Measure:
    """One number.

    Parameters
    ----------
    recommender : who.
    group : "all", "users" and "items" (hot, warm, cold), "history length" or "item popularity".
    slice : which part of the group; "all" of the group "all".
    metric : what.
    value, low, high : the mean over users and its 95 % bootstrap interval; NaN when undefined.
    n_users : users in the slice.
    """

    recommender: str
    group: str
    slice: str
    metric: str
    value: float
    low: float
    high: float
    n_users: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured, and how.

    Parameters
    ----------
    measures : all numbers; recommenders in the order they were given.
    k : length of the lists.
    split : kind of split.
    counts : what the split read, left out and kept.
    seed : of the bootstrap.
    notes : what a reader must know, for instance baselines that were left out.
    """

    measures: tuple[Measure, ...]
    k: int
    split: str
    counts: Mapping[str, int] = field(default_factory=dict)
    seed: int = 42
    notes: tuple[str, ...] = ()

    @property
    def recommenders(self) -> tuple[str, ...]:
        """Names, in the order they were given."""
        return tuple(dict.fromkeys(measure.recommender for measure in self.measures))

    def find(self, metric: str, group: str = "all") -> tuple[Measure, ...]:
        """Return the measures of one metric in one group of slices."""
        return tuple(m for m in self.measures if m.metric == metric and m.group == group)

    def to_frame(self) -> pl.DataFrame:
        """Return one row a measure."""
        numbers = {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n_users": pl.Int64}
        names = dict.fromkeys(("recommender", "group", "slice", "metric"), pl.String)
        return pl.DataFrame([asdict(m) for m in self.measures], schema={**names, **numbers})

    def to_json(self) -> str:
        """Return a JSON object; undefined numbers are null."""
        return json.dumps(_without_nan(asdict(self)), ensure_ascii=False, allow_nan=False)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def best_first(measures: Sequence[Measure]) -> list[Measure]:
    """Return measures by value, the largest first."""
    return sorted(measures, key=lambda measure: -measure.value)
