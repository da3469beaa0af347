"""How good the blend is on the events of a shop, compared with the strongest simple methods.

Everything is learned from the training part of a split; the test part is only used for measuring.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from semrec.config import Settings
from semrec.errors import ConfigError
from semrec.evaluation import SPLITS, Evaluation, Measure, Split, evaluate, evaluate_ratings
from semrec.evaluation.baselines import Features, baselines_named, fit_baselines
from semrec.events.interactions import MOST_UNTIMED, Interactions
from semrec.events.times import is_position
from semrec.learning import Models, TrainingData, learn, scores
from semrec.signals.models.ratings import fit_ratings, predict_pairs
from semrec.types import Float2D

BLEND = "semrec"


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """The result of `evaluate_recommender`.

    Parameters
    ----------
    evaluation : all measures; the first recommender is the blend.
    weights : history length -> signal -> weight of the blend.
    """

    evaluation: Evaluation
    weights: Mapping[str, Mapping[str, float]]


def evaluate_recommender(
    interactions: Interactions,
    vectors: Float2D,
    texts: Sequence[str],
    settings: Settings,
    *,
    others: Mapping[str, Float2D] | None = None,
    split: str = "random",
    share: float = 0.2,
    k: int = 10,
    seed: int = 42,
    baselines: str = "quick",
    progress: Callable[[str], None] | None = None,
) -> EvaluationResult:
    """Split, learn, and measure the blend and the baselines on the same questions.

    Parameters
    ----------
    interactions : who used what; columns are the items of the catalog.
    vectors : float32 (n_items, dim), text vectors of these items, unit length.
    texts : their texts, for the text baselines.
    settings : how texts are pooled.
    others : other stored dense fields of the items, by name, for signals that read them.
    split : one of `semrec.evaluation.SPLITS`.
    share : the part that is held out.
    k : length of the lists.
    seed : of the split and of everything learned.
    baselines : which methods to compare with, one of `semrec.evaluation.baselines.BASELINE_SETS`.
    progress : hears of each step, in words.

    Raises
    ------
    ConfigError
        The split or the set of baselines is unknown, or the split leaves nothing to learn or to test.
    """
    check_split(split)
    compared = baselines_named(baselines, seed)
    tell = progress or (lambda _: None)
    tell("splitting the events")
    parts = split_interactions(interactions, split, share, seed)
    data = replace(training_part(parts, vectors), vectors=others or {})
    started = time.monotonic()
    models = learn(data, settings=settings, seed=seed, progress=progress)
    training_s = {BLEND: time.monotonic() - started}
    features = Features(vectors, texts, data.order if data.has_order else None)
    fitted = fit_baselines(compared, parts.train, features, progress)
    tell("measuring")
    evaluation = evaluate(
        {
            BLEND: lambda users: scores(models, data.user_items[users], _rows(data, users)),
            **fitted.scorers,
        },
        parts,
        k=k,
        item_vectors=vectors,
        seed=seed,
        notes=(*parts_note(parts), *models.report.notes, *fitted.notes),
        training_s={**training_s, **fitted.seconds},
    )
    if interactions.ratings.nnz:
        tell("predicting ratings")
        measures = (*evaluation.measures, *rating_measures(interactions, split, share, seed))
        evaluation = replace(evaluation, measures=measures)
    return EvaluationResult(evaluation, weights_by_length(models))


def check_split(split: str) -> None:
    """Raise `ConfigError` unless there is such a split."""
    if split not in SPLITS:
        raise ConfigError(f"there is no split {split!r}; take one of {', '.join(SPLITS)}.")


def split_interactions(interactions: Interactions, split: str, share: float, seed: int) -> Split:
    """Return the split of all pairs, likes with their weight and dislikes with a negative one.

    When a dislike happened is not known any more. It counts as the first event, so that a split by time
    leaves it in the training part, where it is something that the user has seen.
    """
    likes, dislikes = interactions.matrix.tocoo(), interactions.dislikes.tocoo()
    times = interactions.times
    if split == "global-time" and np.isfinite(times).any() and is_position(float(np.nanmedian(times))):
        raise ConfigError(
            "positions order the events of one user, not of all: use the split 'time' or 'last' instead of "
            "'global-time'"
        )
    first = np.full(dislikes.nnz, np.nanmin(times) if np.isfinite(times).any() else np.nan)
    events = pl.concat(
        [
            _events(interactions, likes.row, likes.col, likes.data, times),
            _events(interactions, dislikes.row, dislikes.col, -dislikes.data, first),
        ]
    )
    if events["time"].is_null().all():
        events = events.drop("time")
    return SPLITS[split](events, share=share, seed=seed, items=interactions.items)


def _events(
    interactions: Interactions,
    rows: NDArray[np.integer],
    columns: NDArray[np.integer],
    values: NDArray[np.floating],
    times: NDArray[np.float64],
) -> pl.DataFrame:
    users, items = np.array(interactions.users, object), np.array(interactions.items, object)
    columns_of = {
        "user_id": pl.Series(users[rows].tolist(), dtype=pl.String),
        "item_id": pl.Series(items[columns].tolist(), dtype=pl.String),
        "value": pl.Series(values, dtype=pl.Float64),
        "time": pl.Series(times, dtype=pl.Float64).fill_nan(None),
    }
    return pl.DataFrame(columns_of)


def training_part(parts: Split, vectors: Float2D) -> TrainingData:
    """Return what may be learned from: the likes of the training part, with their order if it is known.

    Events of the same time have the same place in the order.
    """
    likes = parts.train_events.filter(pl.col("value") > 0)
    matrix = replace(parts, train_events=likes).train
    order = None
    if "time" in likes.columns and likes["time"].null_count() <= MOST_UNTIMED * len(likes):
        in_order = likes.with_columns(value=pl.col("time").fill_null(-np.inf).rank("dense"))
        order = csr_array(replace(parts, train_events=in_order).train)
    return TrainingData(csr_array(matrix), order, vectors)


def _rows(data: TrainingData, users: NDArray[np.int64]) -> csr_array | None:
    return None if data.order is None else data.order[users]


def parts_note(parts: Split) -> tuple[str, ...]:
    """Return what the split left out, in words."""
    return tuple(
        f"{count:,} {name.replace('_', ' ')}"
        for name, count in parts.counts.items()
        if count and name in ("unknown_items", "repeated", "users_without_history", "users_without_test")
    )


def rating_measures(interactions: Interactions, split: str, share: float, seed: int) -> tuple[Measure, ...]:
    """Return RMSE and MAE of predicted ratings on a split of the ratings themselves."""
    ratings = interactions.ratings.tocoo()
    positive = ratings.data > 0  # a split keeps values above 0 only for its test part
    if not positive.any() or interactions.report.rating_scale is None:
        return ()
    rows, columns, values = (axis[positive] for axis in (ratings.row, ratings.col, ratings.data))
    events = _events(interactions, rows, columns, values, np.full(len(values), np.nan)).drop("time")
    by = "random" if split in ("time", "last", "global-time") else split
    parts = SPLITS[by](events, share=share, seed=seed, items=interactions.items)
    known = csr_array(parts.train)
    model = fit_ratings(known, seed=seed, scale=interactions.report.rating_scale)
    mean = float(known.data.mean())
    predictors = {
        BLEND: lambda users, items: predict_pairs(model, known, users, items).astype(np.float64),
        "mean rating": lambda users, items: np.full(len(users), mean),
    }
    return evaluate_ratings(predictors, parts, seed=seed)


def weights_by_length(models: Models) -> dict[str, dict[str, float]]:
    """Return the weights of the blend for items with events, by length of the history."""
    weights = models.weights
    ends = [*(edge - 1 for edge in weights.history_edges[1:]), None]
    return {
        _span(first, last): dict(zip(weights.signals, row[-1], strict=True))
        for first, last, row in zip(weights.history_edges, ends, weights.table, strict=True)
    }


def _span(first: int, last: int | None) -> str:
    if last is None:
        return f"{first}+"
    return str(first) if first == last else f"{first}–{last}"
