"""How good what is learned from events is: the blend against the strongest simple methods.

The test part is held out with one seed and never looked at while learning; three seeds learn. There is one
configuration for all data sets; what is chosen is chosen by `learn` itself. At most 2,500 users are asked.

`learn` mostly uses one core: on two, run two sets side by side (--sets). The baselines do not depend on the
training seed and are trained once. --split-seed holds out another test part, where a choice was made after
figures of the first had been seen; a split by time is always the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from implicit.als import AlternatingLeastSquares
from measured_sets import BOOKS, DEBIAN, MOVIES, PAPERS, SEED, DataSet, present
from numpy.typing import NDArray
from report import announce, report
from scipy import sparse
from threadpoolctl import threadpool_limits

from semrec.evaluation.accuracy import find_hits, ndcg
from semrec.evaluation.bootstrap import bootstrap_interval
from semrec.evaluation.per_user import Values
from semrec.evaluation.splits import Split, split_cold_items, split_cold_users
from semrec.evaluation.top_k import top_k
from semrec.learning import Models, TrainingData, learn, scores
from semrec.learning.scoring import chunks
from semrec.signals.models import ease
from semrec.types import Float2D, item_keys

K = 10
MOST_ASKED = 2_500
QUICK_USERS = 1_000
TRAINING_SEEDS = (0, 1, 2)

ALS_RANK = 128
ALS_GRID = ((1.0, 10.0), (5.0, 1.0), (5.0, 10.0), (20.0, 1.0), (20.0, 10.0), (40.0, 10.0))
"""(alpha, regularisation) of `implicit` ALS."""

EASE_GRID = (50.0, 200.0, 500.0)

LEAST_WARM = {"debian_deps": 0.60, "ml_latest_small": 0.100, "citeulike_a": 0.255}
TIMES_ALS = 1.15
TIMES_EASE = {"ml_latest_small": 1.04, "citeulike_a": 1.01}
TIMES_CENTRED_MEAN = {"ml_latest_small": 1.25, "debian_deps": 1.25, "citeulike_a": 1.05}
TIMES_BEST_SINGLE = 0.98

FEW_USERS = 41
FEW_DRAWS = 8


@dataclass(frozen=True)
class Case:
    """One split of one data set: what is known, and what is asked.

    Parameters
    ----------
    data : what may be learned from.
    histories : float32 (n_asked, n_items).
    order : same pattern, or None.
    test : (n_asked, n_items), what is to be found.
    candidates : bool (n_items,), what may be recommended.
    """

    data: TrainingData
    histories: sparse.csr_array
    order: sparse.csr_array | None
    test: sparse.csr_array
    candidates: NDArray[np.bool_]

    def of_users(self, rows: NDArray[np.integer]) -> Case:
        """Return the case of a shop that has only some of the asked users."""
        histories = self.histories[rows]
        order = None if self.order is None else self.order[rows]
        data = replace(self.data, user_items=histories, order=order)
        return Case(data, histories, order, self.test[rows], self.candidates)

    def found(self, scored: Float2D) -> Values:
        """Return NDCG@10 of every user."""
        scored = np.where(self.candidates, scored, -np.inf).astype(np.float32)
        rows = np.repeat(np.arange(len(scored)), np.diff(self.histories.indptr))
        scored[rows, self.histories.indices] = -np.inf
        return ndcg(find_hits(top_k(scored, K, self.test), self.test))


def text_vectors(data_set: DataSet, items: Sequence[str]) -> Float2D:
    """Return the items' vectors as the index holds them."""
    with data_set.indexed() as recommender, recommender.reading() as generation:
        return generation.index.vectors("text", item_keys(items))


def case_of(split: Split, text: Float2D, most_asked: int = MOST_ASKED) -> Case:
    """Return the case of a split; at most so many users are asked."""
    asked = np.sort(np.random.default_rng(SEED).permutation(split.test_users)[:most_asked])
    order = order_of(split)
    return Case(
        TrainingData(split.train, order, text),
        split.train[asked],
        None if order is None else order[asked],
        split.test[asked],
        split.candidates,
    )


def order_of(split: Split) -> sparse.csr_array | None:
    """Return the times of the training events, None where they are not known."""
    events = split.train_events
    if events["time"].null_count() or events["time"].n_unique() < 2:
        return None
    users, items = ({name: place for place, name in enumerate(names)} for names in (split.users, split.items))
    rows = [users[user] for user in events["user_id"]]
    columns = [items[item] for item in events["item_id"]]
    order = sparse.csr_array((events["time"].to_numpy(), (rows, columns)), shape=split.train.shape)
    order.sort_indices()
    return order


def learned(case: Case, seed: int, name: str) -> Models:
    """Learn, and say on standard error what was chosen."""
    models = learn(case.data, seed=seed)
    sys.stderr.write(f"{name}, seed {seed}: {json.dumps(models.report.to_dict())}\n")
    return models


def signals_alone(models: Models, case: Case) -> dict[str, Values]:
    """Return NDCG@10 of every signal by itself."""
    signals = models.signals
    parts: dict[str, list[Values]] = {name: [] for name in signals.names}
    for rows in chunks(*case.test.shape):
        order = None if case.order is None else case.order[rows]
        some = Case(case.data, case.histories[rows], order, case.test[rows], case.candidates)
        for name, raw in zip(signals.names, signals.raw(some.histories, order), strict=True):
            parts[name].append(some.found(raw))
    return {name: np.concatenate(values) for name, values in parts.items()}


def best_als(case: Case, grid: Sequence[tuple[float, float]]) -> tuple[Values, str]:
    """Return NDCG@10 of the `implicit` ALS that is best on the test part: the bar is as high as it gets."""
    best, which = np.zeros(0), ""
    for alpha, regularization in grid:
        model = AlternatingLeastSquares(
            factors=ALS_RANK, alpha=alpha, regularization=regularization, iterations=15, random_state=SEED
        )
        with threadpool_limits(1, "blas"):
            model.fit(case.data.user_items, show_progress=False)
            users = np.asarray(model.recalculate_user(np.arange(case.histories.shape[0]), case.histories))
        found = case.found(users @ np.asarray(model.item_factors).T)
        if np.nanmean(found) > np.nanmean(best if len(best) else [-1.0]):
            best, which = found, f"alpha {alpha:g}, regularisation {regularization:g}"
    return best, which


def best_ease(case: Case, grid: Sequence[float]) -> tuple[Values, str]:
    """Return NDCG@10 of the full item-item model that is best on the test part."""
    best, which = np.zeros(0), ""
    for reg in grid:
        found = case.found(full_ease(case.data.user_items, reg, case.histories))
        if np.nanmean(found) > np.nanmean(best if len(best) else [-1.0]):
            best, which = found, f"λ {reg:g}"
    return best, which


def full_ease(user_items: sparse.csr_array, reg: float, histories: sparse.csr_array) -> Float2D:
    """Return the scores of EASE with all its weights."""
    active = np.unique(user_items.indices)
    x, known = user_items[:, active], histories[:, active]
    result = np.zeros(histories.shape, np.float32)
    for first, rows in ease.columns(x, reg):
        result[:, active[first : first + len(rows)]] = known @ rows.numpy().T
    return result


def centred_mean(case: Case) -> Values:
    """Return NDCG@10 of the mean text vector of the history, minus that of the catalog."""
    text = case.data.text_vectors
    known = case.histories.sum(axis=1)[:, None]
    return case.found(((case.histories @ text) / np.maximum(known, 1) - text.mean(axis=0)) @ text.T)


def tell(case: str, values: Values, least: float | None = None) -> float:
    """Report a mean over users, and its interval on standard error."""
    mean = float(np.nanmean(values))
    low, high = bootstrap_interval(values, SEED)
    report("learning_quality", f"{case}, NDCG@10", mean, "ndcg", least=least)
    sys.stderr.write(f"{case}: {mean:.4f}, 95 % interval {low:.4f} to {high:.4f}, {len(values)} users\n")
    return mean


def tell_ratio(case: str, upper: float, lower: float, least: float | None) -> None:
    """Report how many times better the blend is."""
    report("learning_quality", case, upper / lower, "x", least=least)


def blends(case: Case, name: str, seeds: Sequence[int]) -> tuple[Values, dict[str, Values]]:
    """Return NDCG@10 of the blend and of the signals alone, the mean of the training seeds."""
    by_seed = []
    for seed in seeds:
        models = learned(case, seed, name)
        values = case.found(scores(models, case.histories, case.order))
        by_seed.append({"blend": values, **signals_alone(models, case)})
        sys.stderr.write(f"{name}, seed {seed}: blend {np.nanmean(values):.4f}\n")
    means = {key: np.mean([found[key] for found in by_seed], axis=0) for key in by_seed[0]}
    return means.pop("blend"), means


def measure_warm(data_set: DataSet, case: Case, seeds: Sequence[int]) -> None:
    """Measure users with a history against matrix factorisation and the item-item model."""
    name = data_set.name
    als, als_setting = best_als(case, ALS_GRID)
    als_mean = tell(f"{name}, warm, implicit ALS ({als_setting})", als)
    best, setting = best_ease(case, EASE_GRID)
    ease_mean = tell(f"{name}, warm, EASE ({setting})", best)
    blend, signals = blends(case, f"{name}, warm", seeds)
    for signal, values in signals.items():
        tell(f"{name}, warm, {signal} alone", values)
    mean = tell(f"{name}, warm, blend", blend, LEAST_WARM.get(name))
    tell_ratio(f"{name}, warm, blend over implicit ALS", mean, als_mean, TIMES_ALS)
    tell_ratio(f"{name}, warm, blend over EASE", mean, ease_mean, TIMES_EASE.get(name))
    report(
        "learning_quality",
        f"{name}, warm, blend against the lower end of EASE's interval",
        mean,
        "ndcg",
        least=round(bootstrap_interval(best, SEED)[0], 6),
    )


def measure_cold_items(data_set: DataSet, case: Case, seeds: Sequence[int]) -> None:
    """Measure new items against what the text alone says."""
    name = data_set.name
    mean = tell(f"{name}, cold items, centred mean", centred_mean(case))
    blend, signals = blends(case, f"{name}, cold items", seeds)
    text = tell(f"{name}, cold items, text alone", signals["text"])
    for signal in ("collaborative", "item_item"):
        tell(f"{name}, cold items, {signal} alone", signals[signal])
    ours = tell(f"{name}, cold items, blend", blend)
    tell_ratio(f"{name}, cold items, blend over centred mean", ours, mean, TIMES_CENTRED_MEAN.get(name))
    tell_ratio(f"{name}, cold items, blend over text alone", ours, text, 1.0)


def measure_cold_users(data_set: DataSet, case: Case, seeds: Sequence[int]) -> None:
    """Measure users of whom 1, 2 or 3 events are known against the best single signal."""
    name = data_set.name
    blend, signals = blends(case, f"{name}, cold users", seeds)
    lengths = np.diff(case.histories.indptr)
    for known in (1, 2, 3):
        rows = lengths == known
        ours = tell(f"{name}, users with {known} events, blend", blend[rows])
        means = {signal: float(np.nanmean(values[rows])) for signal, values in signals.items()}
        best = max(means, key=lambda signal: means[signal])
        tell_ratio(
            f"{name}, users with {known} events, blend over {best} alone",
            ours,
            means[best],
            TIMES_BEST_SINGLE,
        )


def measure_few_users(data_set: DataSet, case: Case, seeds: Sequence[int]) -> None:
    """Measure a shop of 41 users, many times: the blend that they teach against the best single signal.

    The best signal is the one that is best on the test part: of each draw, and of all draws together.
    """
    name = f"{data_set.name}, {FEW_USERS} users"
    drawn: list[dict[str, Values]] = []
    for draw in range(FEW_DRAWS):
        rows = np.random.default_rng((SEED, draw)).permutation(len(case.test.indptr) - 1)[:FEW_USERS]
        few = case.of_users(np.sort(rows))
        models = learned(few, 0, f"{name}, draw {draw}")
        blend = few.found(scores(models, few.histories, few.order))
        drawn.append({"blend": blend, **signals_alone(models, few)})
    means = [{key: float(np.nanmean(values)) for key, values in one.items()} for one in drawn]
    gains = [one["blend"] - max(mean for key, mean in one.items() if key != "blend") for one in means]
    together = {key: np.concatenate([one[key] for one in drawn]) for key in drawn[0]}
    ours = tell(f"{name}, blend", together.pop("blend"))
    best = max(together, key=lambda key: float(np.nanmean(together[key])))
    of_best = tell(f"{name}, {best} alone", together[best])
    tell_ratio(f"{name}, blend over {best} alone", ours, of_best, 1.0)
    tell(f"{name}, blend minus {best} alone", np.concatenate([one["blend"] - one[best] for one in drawn]))
    below = sum(gain < 0 for gain in gains)
    report(
        "learning_quality",
        f"{name}, of {FEW_DRAWS} draws those below the best signal",
        below,
        "draws",
        most=0,
    )


MEASURES: dict[str, Callable[[DataSet, Case, Sequence[int]], None]] = {
    "warm": measure_warm,
    "cold-items": measure_cold_items,
    "cold-users": measure_cold_users,
    "few-users": measure_few_users,
}


def split_for(part: str, data_set: DataSet, seed: int) -> Split:
    """Return how a data set is split for one of `MEASURES`."""
    if part in ("warm", "few-users"):
        return data_set.warm_split(seed)
    split = split_cold_items if part == "cold-items" else split_cold_users
    return split(data_set.events(), seed=seed, items=data_set.item_ids())


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small set and one training seed")
    parser.add_argument("--seeds", type=int, default=len(TRAINING_SEEDS), help="training seeds")
    parser.add_argument("--sets", nargs="*", help="names of the data sets; all")
    parser.add_argument("--parts", nargs="*", choices=list(MEASURES), default=list(MEASURES))
    parser.add_argument("--users", type=int, default=MOST_ASKED, help="most users that are asked")
    parser.add_argument("--split-seed", type=int, default=SEED, help="of the test part")
    return parser.parse_args()


def main() -> None:
    """Measure."""
    options = arguments()
    announce()
    sets = [d for d in (DEBIAN, MOVIES, PAPERS, BOOKS) if not options.sets or d.name in options.sets]
    for data_set in present(*(sets[:1] if options.quick else sets)):
        text = text_vectors(data_set, data_set.item_ids())
        for part in options.parts:
            split = split_for(part, data_set, options.split_seed)
            if options.quick:
                split = fewer_users(split)
            case = case_of(split, text, options.users)
            started = time.monotonic()
            MEASURES[part](data_set, case, range(1 if options.quick else options.seeds))
            sys.stderr.write(f"{data_set.name}, {part}: {time.monotonic() - started:.0f} s\n")


def fewer_users(split: Split) -> Split:
    """Return the split with some of its users only, asked ones first."""
    chosen = [split.users[row] for row in split.test_users[:QUICK_USERS]]
    train, test = (
        events.filter(pl.col("user_id").is_in(chosen)) for events in (split.train_events, split.test_events)
    )
    return Split(split.kind, tuple(chosen), split.items, train, test, split.candidates, split.counts)


if __name__ == "__main__":
    main()
