"""Results of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import polars as pl

from semrec.types import to_json


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured number.

    Parameters
    ----------
    recommender : its name.
    group : "all", "users" and "items" (hot, warm, cold), "history length" or "item popularity".
    slice : which part of the group; "all" of the group "all".
    metric : its name.
    value, low, high : the mean over users and its 95 % bootstrap interval; NaN if undefined.
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
    """All measured numbers, and how they were measured.

    Parameters
    ----------
    measures : the numbers; recommenders are in the order in which they were given.
    k : length of the lists.
    split : kind of split.
    counts : events and users that the split read, left out and kept.
    seed : of the bootstrap.
    notes : remarks, for instance on baselines that were left out.
    training_s : recommender -> seconds that its training took, the choice of settings included; not compared.
    """

    measures: tuple[Measure, ...]
    k: int
    split: str
    counts: Mapping[str, int] = field(default_factory=dict)
    seed: int = 42
    notes: tuple[str, ...] = ()
    training_s: Mapping[str, float] = field(default_factory=dict, compare=False)

    @property
    def recommenders(self) -> tuple[str, ...]:
        """Names of the recommenders, in the order in which they were given."""
        return tuple(dict.fromkeys(measure.recommender for measure in self.measures))

    def find(self, metric: str, group: str = "all") -> tuple[Measure, ...]:
        """Return the measures of one metric in one group of slices."""
        return tuple(m for m in self.measures if m.metric == metric and m.group == group)

    def to_frame(self) -> pl.DataFrame:
        """Return a frame with one row a number."""
        numbers = {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n_users": pl.Int64}
        names = dict.fromkeys(("recommender", "group", "slice", "metric"), pl.String)
        return pl.DataFrame([asdict(m) for m in self.measures], schema={**names, **numbers})

    def to_json(self) -> str:
        """Return a JSON object; undefined numbers are null."""
        return to_json(self)


def best_first(measures: Sequence[Measure]) -> list[Measure]:
    """Return measures by value, the largest first."""
    return sorted(measures, key=lambda measure: -measure.value)
