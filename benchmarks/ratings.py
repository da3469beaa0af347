"""How good predicted ratings are: against means, and against a biased SVD that was tuned for each set.

A fifth of each user's ratings is the test part; nothing is chosen by it. The SVD (Koren, Bell, Volinsky,
Computer, 2009, equations 4 and 5, by stochastic gradient descent) chooses its rank, its regularisation and
its number of epochs on a validation part of the training ratings. semrec has one configuration for all sets.
On goodbooks, 10,000 users are measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl
import torch
from learning_quality import text_vectors
from measured_sets import BOOKS, MOST_USERS, MOVIES, SEED, DataSet, present
from numpy.typing import NDArray
from report import announce, report
from scipy import sparse

from semrec.evaluation.splits import SPLITS
from semrec.events.rating_scale import guess_scale
from semrec.signals.models.ratings import RatingModel, predict_pairs
from semrec.signals.predicted_ratings import (
    INTERVAL_SHARE,
    RATING,
    RatingPredictor,
    fit_item_ratings,
    n_ratings,
)
from semrec.types import Float2D

RANKS = (16, 64)
REGULARISATIONS = (0.02, 0.05, 0.1)
MOST_EPOCHS = 40
BATCH = 1024
LEARNING_RATE = 0.005

Predict = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Ratings:
    """Ratings as three columns."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    stars: NDArray[np.float32]

    @classmethod
    def of(cls, matrix: sparse.csr_array) -> Ratings:
        """Return the stored entries of a matrix."""
        entries = matrix.tocoo()
        return cls(entries.row.astype(np.int64), entries.col.astype(np.int64), entries.data)

    def take(self, chosen: NDArray[np.bool_]) -> Ratings:
        """Return some of the ratings."""
        return Ratings(self.users[chosen], self.items[chosen], self.stars[chosen])


def ratings_of(data_set: DataSet) -> pl.DataFrame:
    """Return all ratings: user_id, item_id, value."""
    events = pl.read_parquet(data_set.folder / "interactions.parquet").rename({"rating": "value"})
    users = events["user_id"].unique().sort()
    if len(users) > MOST_USERS:
        events = events.filter(pl.col("user_id").is_in(users.sample(MOST_USERS, seed=SEED).implode()))
    return events.filter(pl.col("value").is_not_null()).select("user_id", "item_id", "value")


def rmse(predicted: NDArray[np.floating], stars: NDArray[np.floating]) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.mean((np.asarray(predicted, np.float64) - stars) ** 2)))


# -- what is compared ----------------------------------------------------------------------------------


def mean_of(known: Ratings, by: str) -> Predict:
    """Return what predicts the mean rating of each user or item, that of all where there is none."""
    places = getattr(known, by)
    mean = float(known.stars.mean())
    size = int(places.max()) + 1
    counts = np.bincount(places, minlength=size)
    means = np.where(counts, np.bincount(places, known.stars, size) / np.maximum(counts, 1), mean)

    def predict(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        asked = users if by == "users" else items
        return np.where(asked < size, means[np.minimum(asked, size - 1)], mean)

    return predict


class BiasedSvd:
    """Biases and factors by stochastic gradient descent on single ratings, in batches, with Adam's steps."""

    def __init__(self, known: Ratings, shape: tuple[int, int], rank: int, reg: float) -> None:
        torch.manual_seed(SEED)
        self._known, self._reg, self._mean = known, reg, float(known.stars.mean())
        self._biases = [torch.zeros(n, requires_grad=True) for n in shape]
        self._factors = [(0.1 * torch.randn(n, rank)).requires_grad_() for n in shape]
        self._steps = torch.optim.Adam([*self._biases, *self._factors], lr=LEARNING_RATE)

    def epoch(self) -> None:
        """Go through all ratings once."""
        for rows in torch.randperm(len(self._known.stars)).split(BATCH):  # type: ignore[no-untyped-call]
            users, items = (torch.from_numpy(side)[rows] for side in (self._known.users, self._known.items))
            stars = torch.from_numpy(self._known.stars)[rows]
            biases = [self._biases[0][users], self._biases[1][items]]
            factors = [self._factors[0][users], self._factors[1][items]]
            error = stars - self._mean - sum(biases) - (factors[0] * factors[1]).sum(1)
            sizes = sum(bias**2 for bias in biases) + sum((factor**2).sum(1) for factor in factors)
            self._steps.zero_grad()
            (error**2 + self._reg * sizes).mean().backward()  # type: ignore[no-untyped-call]
            self._steps.step()

    def __call__(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the predicted ratings of pairs."""
        with torch.no_grad():
            u, i = torch.from_numpy(users), torch.from_numpy(items)
            dots = (self._factors[0][u] * self._factors[1][i]).sum(1)
            return (self._mean + self._biases[0][u] + self._biases[1][i] + dots).double().numpy()


def tuned_svd(known: Ratings, shape: tuple[int, int], low: float, high: float) -> tuple[Predict, str]:
    """Return the biased SVD whose options are best on a validation part of the training ratings."""
    hidden = np.random.default_rng(SEED).random(len(known.stars)) < 0.1
    rest, asked = known.take(~hidden), known.take(hidden)
    best, chosen = np.inf, (RANKS[0], REGULARISATIONS[0], 1)
    for rank, reg in product(RANKS, REGULARISATIONS):
        model = BiasedSvd(rest, shape, rank, reg)
        for epoch in range(1, MOST_EPOCHS + 1):
            model.epoch()
            found = rmse(np.clip(model(asked.users, asked.items), low, high), asked.stars)
            if found < best:
                best, chosen = found, (rank, reg, epoch)
    rank, reg, epochs = chosen
    model = BiasedSvd(known, shape, rank, reg)
    for _ in range(epochs):
        model.epoch()
    return model, f"rank {rank}, regularisation {reg:g}, {epochs} epochs"


def semrec_ratings(
    train: sparse.csr_array, text: Float2D, scale: tuple[float, float]
) -> tuple[Predict, RatingPredictor, NDArray[np.int64]]:
    """Return what `fit` learns, as it predicts; and the number of ratings of every item."""
    fitted = fit_item_ratings(train, text, scale, SEED)
    assert fitted is not None
    stored = np.asarray(fitted.vectors[RATING])
    predictor = RatingPredictor.of(fitted.parameters)
    model = RatingModel(predictor.mean, stored[:, 1], stored[:, 2:], scale, predictor.ridge)

    def predict(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        return predict_pairs(model, train, users, items).astype(np.float64)

    return predict, predictor, n_ratings(stored)


# -- measuring -----------------------------------------------------------------------------------------


def measure(data_set: DataSet, quick: bool) -> None:
    """Measure one data set."""
    name, item_ids = data_set.name, data_set.item_ids()
    split = SPLITS["random"](ratings_of(data_set), share=0.2, seed=SEED, items=item_ids)
    known, test = Ratings.of(split.train), Ratings.of(split.test)
    scale = guess_scale(known.stars)
    shape = (len(split.users), len(item_ids))
    started = time.monotonic()
    ours, predictor, counts = semrec_ratings(split.train, text_vectors(data_set, item_ids), scale)
    report("ratings", f"{name}, learning to predict", time.monotonic() - started, "s")
    predictors: dict[str, Predict] = {
        "global mean": lambda users, items: np.full(len(users), known.stars.mean(), np.float64),
        "user mean": mean_of(known, "users"),
        "item mean": mean_of(known, "items"),
    }
    if not quick:
        svd, options = tuned_svd(known, shape, *scale)
        predictors[f"tuned biased SVD ({options})"] = svd
    bars = {}
    for method, predict in predictors.items():
        bars[method] = rmse(np.clip(predict(test.users, test.items), *scale), test.stars)
        report("ratings", f"{name}, {method}, RMSE", bars[method], "stars")
    predicted = ours(test.users, test.items)
    report("ratings", f"{name}, semrec, RMSE", rmse(predicted, test.stars), "stars", most=min(bars.values()))
    evidence = np.stack([np.diff(split.train.indptr)[test.users], counts[test.items]], axis=1)
    inside = [
        low <= stars <= high
        for rating, pair, stars in zip(predicted, evidence.tolist(), test.stars, strict=True)
        for low, high in [predictor.interval(float(rating), *pair)]
    ]
    report("ratings", f"{name}, inside the {INTERVAL_SHARE:.0%} interval", float(np.mean(inside)), "share")
    cold = counts[test.items] == 0
    if cold.any():
        found, mean = rmse(predicted[cold], test.stars[cold]), predictors["user mean"]
        report("ratings", f"{name}, {int(cold.sum())} ratings of items without others, RMSE", found, "stars")
        users_mean = rmse(mean(test.users[cold], test.items[cold]), test.stars[cold])
        report("ratings", f"{name}, the same, user mean, RMSE", users_mean, "stars")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one set, without the SVD")
    parser.add_argument("--sets", nargs="*", help="names of the data sets; all")
    options = parser.parse_args()
    announce()
    sets = [d for d in (MOVIES, BOOKS) if not options.sets or d.name in options.sets]
    for data_set in present(*(sets[:1] if options.quick else sets)):
        started = time.monotonic()
        measure(data_set, options.quick)
        sys.stderr.write(f"{data_set.name}: {time.monotonic() - started:.0f} s\n")


if __name__ == "__main__":
    main()
