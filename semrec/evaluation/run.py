"""Ask every recommender the same questions and measure the answers, with intervals and by slice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from semrec.errors import ConfigError
from semrec.evaluation import metrics
from semrec.evaluation.metrics import TopK, Values
from semrec.evaluation.splits import Csr, Split
from semrec.types import Float2D

Recommend: TypeAlias = Callable[[NDArray[np.int64]], Float2D | TopK]
"""Rows of `Split.users` (n,) -> float32 scores (n, n_items), or finished lists of unseen candidates.

Scores are masked, ranked with ties against the positive, and give AUC; lists are taken as they are."""

PredictRatings: TypeAlias = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
"""Rows of `Split.users` (n,) and of `Split.items` (n,) -> predicted ratings (n,)."""

BATCH_SCORES = 2**25
"""Scores that a recommender is asked for at once (128 MB)."""
HISTORY_LENGTHS = {"1": 1, "2": 2, "3": 3, "4–7": 4, "8–15": 8, "16–31": 16, "32–63": 32, "64+": 64}
ITEM_POPULARITY = {"0": 0, "1–3": 1, "4–9": 4, "10–29": 10, "30–99": 30, "100+": 100}
MIN_SLICE_USERS = 5
"""A slice of fewer users tells nothing and is left out."""


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


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is the same for all recommenders; see `evaluate`. `asked` are rows of the split."""

    split: Split
    asked: NDArray[np.int64]
    k: int
    item_vectors: Float2D | None
    seed: int
    n_resamples: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one recommender gave the users who were asked; `auc` is all NaN for finished lists."""

    top: TopK
    auc: Values


@dataclass(frozen=True, slots=True)
class _Slice:
    """Some of the users who were asked, and which items count as positives (None: all)."""

    group: str
    name: str
    users: NDArray[np.bool_]
    items: NDArray[np.bool_] | None = None


def evaluate(
    recommenders: Mapping[str, Recommend],
    split: Split,
    *,
    k: int = 10,
    item_vectors: Float2D | None = None,
    seed: int = 42,
    n_resamples: int = 1000,
    notes: Sequence[str] = (),
) -> Evaluation:
    """Measure recommenders on the test part of a split.

    Asked are the users with something known and something to find. Items that a user knows and items
    that are no candidates are never recommended. All intervals use the same resamples of users.

    Parameters
    ----------
    recommenders : name -> what answers; the first one is what the report is about.
    split : see `semrec.evaluation.splits`.
    k : length of the lists.
    item_vectors : float32 (n_items, dim), for the diversity of lists; None: it is not measured.
    seed, n_resamples : of the bootstrap.
    notes : added to the result.

    Raises
    ------
    ConfigError
        There is no recommender, or nobody to ask, or an answer does not fit.
    """
    asked = split.test_users
    if not recommenders:
        raise ConfigError("there is no recommender to evaluate")
    if not len(asked):
        raise ConfigError(f"split {split.kind!r} leaves no user with both a history and a test item")
    plan = _Plan(split, asked, k, item_vectors, seed, n_resamples)
    answers = {name: _ask(name, recommend, plan) for name, recommend in recommenders.items()}
    measures: list[Measure] = []
    for part in _slices(plan):
        measures += _measure_users(part, answers, plan)
        if part.items is None:
            measures += _measure_catalog(part, answers, plan)
    return Evaluation(tuple(measures), k, split.kind, dict(split.counts), seed, tuple(notes))


def evaluate_ratings(
    predictors: Mapping[str, PredictRatings], split: Split, *, seed: int = 42, n_resamples: int = 1000
) -> tuple[Measure, ...]:
    """Return RMSE and MAE over all test ratings, with intervals over users.

    Parameters
    ----------
    predictors : name -> what predicts ratings.
    split : its test values are the ratings, all above 0.
    """
    test = split.test.tocoo()
    users, items, ratings = test.row.astype(np.int64), test.col.astype(np.int64), test.data.astype(np.float64)
    n_ratings = np.bincount(users, minlength=len(split.users)).astype(np.float64)
    measures = []
    for name, predict in predictors.items():
        errors = np.asarray(predict(users, items), np.float64) - ratings
        if errors.shape != ratings.shape or not np.isfinite(errors).all():
            raise ConfigError(f"{name!r} must predict a finite rating for each of {len(ratings)} pairs")
        for metric, error, root in (("rmse", errors**2, 0.5), ("mae", np.abs(errors), 1.0)):
            mine = np.bincount(users, error, len(split.users)) / np.maximum(n_ratings, 1)
            low, high = metrics.bootstrap_interval(mine, seed, n_resamples=n_resamples, weights=n_ratings)
            numbers = float(np.mean(error) ** root), low**root, high**root
            measures.append(Measure(name, "all", "all", metric, *numbers, int((n_ratings > 0).sum())))
    return tuple(measures)


def _ask(name: str, recommend: Recommend, plan: _Plan) -> _Answer:
    step = max(1, BATCH_SCORES // len(plan.split.items))
    parts = [
        _ask_batch(name, recommend, plan, plan.asked[start : start + step])
        for start in range(0, len(plan.asked), step)
    ]
    items, lengths = ([getattr(part.top, field) for part in parts] for field in ("items", "lengths"))
    return _Answer(
        TopK(np.concatenate(items), np.concatenate(lengths)), np.concatenate([part.auc for part in parts])
    )


def _ask_batch(name: str, recommend: Recommend, plan: _Plan, users: NDArray[np.int64]) -> _Answer:
    answer, split = recommend(users), plan.split
    wanted = (len(users), len(split.items))
    if isinstance(answer, TopK):
        return _Answer(_fitting(name, answer, *wanted, plan.k), np.full(len(users), np.nan))
    if answer.shape != wanted:
        raise ConfigError(f"{name!r} scored {answer.shape} where (users, items) are {wanted}")
    scores = np.array(answer, np.float32)
    test = split.test[users]
    scores[:, ~split.candidates] = -np.inf
    scores[_places(split.train[users])] = -np.inf
    return _Answer(metrics.top_k(scores, plan.k, test), metrics.auc(scores, test))


def _fitting(name: str, top: TopK, n_users: int, n_items: int, k: int) -> TopK:
    """Check finished lists and bring them to the width k."""
    lengths = np.minimum(top.lengths, k)
    if len(top.items) != n_users or len(lengths) != n_users:
        raise ConfigError(f"{name!r} gave {len(top.items)} lists for {n_users} users")
    items = np.zeros((n_users, k), np.int64)
    items[:, : top.items.shape[1]] = top.items[:, :k]
    cut = TopK(items, lengths)
    given = np.where(cut.shown, items, -1 - np.arange(k))
    if (items[cut.shown] < 0).any() or (items[cut.shown] >= n_items).any():
        raise ConfigError(f"{name!r} listed an item index outside 0 … {n_items - 1}")
    if (np.diff(np.sort(given, axis=1), axis=1) == 0).any():
        raise ConfigError(f"{name!r} listed an item twice for one user")
    return cut


def _places(matrix: Csr) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of all stored entries, zeros too."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.indices


def _slices(plan: _Plan) -> Iterator[_Slice]:
    split, asked = plan.split, plan.asked
    everyone = np.ones(len(asked), dtype=bool)
    lengths = np.diff(split.train.indptr)[asked]
    popularity = _popularity(split)
    yield _Slice("all", "all", everyone)
    for group, starts in (("users", metrics.TEMPERATURE), ("history length", HISTORY_LENGTHS)):
        for name, users in metrics.bins(lengths, starts).items():
            if users.sum() >= MIN_SLICE_USERS:
                yield _Slice(group, name, users)
    for group, starts in (("items", metrics.TEMPERATURE), ("item popularity", ITEM_POPULARITY)):
        for name, items in metrics.bins(popularity, starts).items():
            users = split.test[asked] @ items > 0
            if users.sum() >= MIN_SLICE_USERS:
                yield _Slice(group, name, users, items)


def _popularity(split: Split) -> NDArray[np.int64]:
    return np.bincount(split.train.indices, minlength=len(split.items))


def _measure_users(part: _Slice, answers: Mapping[str, _Answer], plan: _Plan) -> list[Measure]:
    """Measure what is a mean over users: one bootstrap for all recommenders and metrics of a slice."""
    test = _only(plan.split.test[plan.asked[part.users]], part.items)
    labels, columns = [], []
    for name, answer in answers.items():
        top = answer.top.rows(part.users)
        values = {metric: of(metrics.find_hits(top, test, plan.k)) for metric, of in metrics.ACCURACY.items()}
        if part.items is None:
            values |= {"auc": answer.auc[part.users], **_beyond_accuracy(top, plan)}
        labels += [(name, metric) for metric in values]
        columns += list(values.values())
    table = np.stack(columns, axis=1)
    low, high = metrics.percentiles(metrics.bootstrap_means(table, plan.seed, n_resamples=plan.n_resamples))
    means = _means(table)
    return [
        Measure(
            name, part.group, part.name, metric, float(means[c]), float(low[c]), float(high[c]), len(table)
        )
        for c, (name, metric) in enumerate(labels)
        if not np.isnan(means[c])
    ]


def _beyond_accuracy(top: TopK, plan: _Plan) -> dict[str, Values]:
    split = plan.split
    popularity = _popularity(split)
    values = {
        "novelty": metrics.novelty(top, popularity, len(split.users)),
        "tail_share": metrics.tail_share(top, popularity, split.candidates),
    }
    if plan.item_vectors is not None:
        values["diversity"] = metrics.diversity(top, plan.item_vectors)
    return values


def _measure_catalog(part: _Slice, answers: Mapping[str, _Answer], plan: _Plan) -> Iterator[Measure]:
    """Measure what all lists of a slice say together."""
    split = plan.split
    for name, answer in answers.items():
        top = answer.top.rows(part.users)
        rows = np.repeat(np.arange(len(top.items)), top.lengths)
        ones = np.ones(len(rows))
        shape = (len(top.items), len(split.items))
        shown = sparse.csr_array((ones, (rows, top.items[top.shown])), shape=shape)[:, split.candidates]
        for metric, of in (("coverage", metrics.coverage), ("gini", metrics.gini)):
            low, high = metrics.catalog_interval(of, shown, plan.seed)
            value = of(shown.sum(axis=0))
            yield Measure(name, part.group, part.name, metric, value, low, high, len(top.items))


def _only(test: Csr, items: NDArray[np.bool_] | None) -> Csr:
    """Keep the positives of some items."""
    if items is None:
        return test
    kept = sparse.csr_array(test, copy=True)
    kept.data = kept.data * items[kept.indices]
    kept.eliminate_zeros()
    return kept


def _means(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Column means without NaN values; NaN for a column without a number."""
    defined = ~np.isnan(table)
    sums = np.where(defined, table, 0.0).sum(axis=0)
    return metrics.ratio(sums, defined.sum(axis=0), empty=np.nan)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
