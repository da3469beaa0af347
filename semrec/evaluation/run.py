"""Evaluation of several recommenders on one split, with intervals and by slice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from semrec.errors import ConfigError
from semrec.evaluation.accuracy import ACCURACY, find_hits, ndcg
from semrec.evaluation.beyond_accuracy import coverage, diversity, gini, novelty, tail_share
from semrec.evaluation.bootstrap import bootstrap_interval, bootstrap_means, catalog_interval, percentiles
from semrec.evaluation.per_user import Values, ratio
from semrec.evaluation.results import Evaluation, Measure
from semrec.evaluation.slices import Slice, slices
from semrec.evaluation.splits import Csr, Split
from semrec.evaluation.top_k import TopK, auc, top_k
from semrec.types import Float2D

Recommend: TypeAlias = Callable[[NDArray[np.int64]], Float2D | TopK]
"""A recommender: rows of `Split.users` (n,) -> float32 scores (n, n_items), or lists of unseen candidates.

Lists are made from scores without the known items, with positives last in a tie, and AUC is computed. Given
lists are used unchanged."""

PredictRatings: TypeAlias = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
"""Rows of `Split.users` (n,) and of `Split.items` (n,) -> predicted ratings (n,)."""

BATCH_SCORES = 2**25
"""Scores that a recommender computes in one call (128 MB)."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is the same for all recommenders; see `evaluate`.

    `test_users` : int64 (n,), rows of the split.
    """

    split: Split
    test_users: NDArray[np.int64]
    k: int
    item_vectors: Float2D | None
    seed: int
    n_resamples: int
    batch_scores: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """The lists of one recommender for the test users, and their AUC; NaN if there are no scores."""

    top: TopK
    auc: Values


def evaluate(
    recommenders: Mapping[str, Recommend],
    split: Split,
    *,
    k: int = 10,
    item_vectors: Float2D | None = None,
    seed: int = 42,
    n_resamples: int = 1000,
    batch_scores: int = BATCH_SCORES,
    notes: Sequence[str] = (),
    training_s: Mapping[str, float] | None = None,
) -> Evaluation:
    """Measure recommenders on the test part of a split.

    Test users have a training event and a positive test event. Items that a user knows, and items that are
    not candidates, are not recommended. All intervals use the same resamples of users.

    Parameters
    ----------
    recommenders : name -> recommender; a report is about the first one.
    split : see `semrec.evaluation.splits`.
    k : length of the lists.
    item_vectors : float32 (n_items, dim), for the diversity of lists; None: diversity is not measured.
    seed, n_resamples : of the bootstrap.
    batch_scores : scores that a recommender computes in one call.
    notes : added to the result, behind a note for each recommender that is better than the first one.
    training_s : see `Evaluation`.

    Raises
    ------
    ConfigError
        There is no recommender or no test user, or a recommender returns something of the wrong shape.
    """
    test_users = split.test_users
    if not recommenders:
        raise ConfigError("there is no recommender to evaluate")
    if not len(test_users):
        raise ConfigError(f"split {split.kind!r} leaves no user with a history and a positive test event")
    plan = _Plan(split, test_users, k, item_vectors, seed, n_resamples, batch_scores)
    answers = {name: _answer(name, recommend, plan) for name, recommend in recommenders.items()}
    measures: list[Measure] = []
    for part in slices(split, test_users):
        measures += _measure_users(part, answers, plan)
        if part.items is None:
            measures += _measure_catalog(part, answers, plan)
    found = (*_better_than_first(answers, plan), *notes)
    counts, seconds = dict(split.counts), dict(training_s or {})
    return Evaluation(tuple(measures), k, split.kind, counts, seed, found, seconds)


def evaluate_ratings(
    predictors: Mapping[str, PredictRatings], split: Split, *, seed: int = 42, n_resamples: int = 1000
) -> tuple[Measure, ...]:
    """Return RMSE and MAE over all test ratings, with intervals over users.

    Parameters
    ----------
    predictors : name -> predictor.
    split : the values of its test part are the ratings, all above 0.
    seed, n_resamples : of the bootstrap.
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
            low, high = bootstrap_interval(mine, seed, n_resamples=n_resamples, weights=n_ratings)
            numbers = float(np.mean(error) ** root), low**root, high**root
            measures.append(Measure(name, "all", "all", metric, *numbers, int((n_ratings > 0).sum())))
    return tuple(measures)


def _answer(name: str, recommend: Recommend, plan: _Plan) -> _Answer:
    step = max(1, plan.batch_scores // len(plan.split.items))
    parts = [
        _answer_batch(name, recommend, plan, plan.test_users[start : start + step])
        for start in range(0, len(plan.test_users), step)
    ]
    items, lengths = ([getattr(part.top, field) for part in parts] for field in ("items", "lengths"))
    return _Answer(
        TopK(np.concatenate(items), np.concatenate(lengths)), np.concatenate([part.auc for part in parts])
    )


def _answer_batch(name: str, recommend: Recommend, plan: _Plan, users: NDArray[np.int64]) -> _Answer:
    answer, split = recommend(users), plan.split
    wanted = (len(users), len(split.items))
    if isinstance(answer, TopK):
        return _Answer(_checked_lists(name, answer, *wanted, plan.k), np.full(len(users), np.nan))
    if answer.shape != wanted:
        raise ConfigError(f"{name!r} scored {answer.shape} where (users, items) are {wanted}")
    scores = np.array(answer, np.float32)
    test = split.test[users]
    scores[:, ~split.candidates] = -np.inf
    scores[_entries(split.train[users])] = -np.inf
    return _Answer(top_k(scores, plan.k, test), auc(scores, test))


def _checked_lists(name: str, top: TopK, n_users: int, n_items: int, k: int) -> TopK:
    """Return lists with k columns, after checking them."""
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


def _entries(matrix: Csr) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of all stored entries, zeros included."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.indices


def _measure_users(part: Slice, answers: Mapping[str, _Answer], plan: _Plan) -> list[Measure]:
    """Return the metrics of a slice that are means over users; all share one bootstrap."""
    test = _with_items(plan.split.test[plan.test_users[part.users]], part.items)
    labels, columns = [], []
    for name, answer in answers.items():
        top = answer.top.rows(part.users)
        values = {metric: of(find_hits(top, test, plan.k)) for metric, of in ACCURACY.items()}
        if part.items is None:
            values |= {"auc": answer.auc[part.users], **_beyond_accuracy(top, plan)}
        labels += [(name, metric) for metric in values]
        columns += list(values.values())
    table = np.stack(columns, axis=1)
    low, high = percentiles(bootstrap_means(table, plan.seed, n_resamples=plan.n_resamples))
    means = _means(table)
    return [
        Measure(
            name, part.group, part.name, metric, float(means[c]), float(low[c]), float(high[c]), len(table)
        )
        for c, (name, metric) in enumerate(labels)
        if not np.isnan(means[c])
    ]


def _better_than_first(answers: Mapping[str, _Answer], plan: _Plan) -> Iterator[str]:
    """Yield a note for every recommender with a better NDCG than the first one, the best one first."""
    test = plan.split.test[plan.test_users]
    values = {name: ndcg(find_hits(answer.top, test, plan.k)) for name, answer in answers.items()}
    first, *others = values
    for name in sorted(others, key=lambda other: -float(values[other].mean())):
        difference = values[name] - values[first]
        if difference.mean() <= 0:
            return
        low, high = bootstrap_interval(difference, plan.seed, n_resamples=plan.n_resamples)
        chance = "" if low > 0 else ": it may be chance"
        yield (
            f"{name} is better than {first}: NDCG@{plan.k} {values[name].mean():.4f} against "
            f"{values[first].mean():.4f}, 95 % interval of the difference {low:.4f} to {high:.4f}{chance}"
        )


def _beyond_accuracy(top: TopK, plan: _Plan) -> dict[str, Values]:
    split = plan.split
    values = {
        "novelty": novelty(top, split.popularity, len(split.users)),
        "tail_share": tail_share(top, split.popularity, split.candidates),
    }
    if plan.item_vectors is not None:
        values["diversity"] = diversity(top, plan.item_vectors)
    return values


def _measure_catalog(part: Slice, answers: Mapping[str, _Answer], plan: _Plan) -> Iterator[Measure]:
    """Yield the metrics of a slice that are computed from all lists together."""
    split = plan.split
    for name, answer in answers.items():
        top = answer.top.rows(part.users)
        rows = np.repeat(np.arange(len(top.items)), top.lengths)
        ones = np.ones(len(rows))
        shape = (len(top.items), len(split.items))
        shown = sparse.csr_array((ones, (rows, top.items[top.shown])), shape=shape)[:, split.candidates]
        for metric, of in (("coverage", coverage), ("gini", gini)):
            low, high = catalog_interval(of, shown, plan.seed)
            value = of(shown.sum(axis=0))
            yield Measure(name, part.group, part.name, metric, value, low, high, len(top.items))


def _with_items(test: Csr, items: NDArray[np.bool_] | None) -> Csr:
    """Return the test matrix with the positives of some items only; None: all."""
    if items is None:
        return test
    kept = sparse.csr_array(test, copy=True)
    kept.data = kept.data * items[kept.indices]
    kept.eliminate_zeros()
    return kept


def _means(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of columns without NaN values; NaN for a column without a number."""
    defined = ~np.isnan(table)
    sums = np.where(defined, table, 0.0).sum(axis=0)
    return ratio(sums, defined.sum(axis=0), empty=np.nan)
