"""Predicted ratings: what `fit` stores of every item, and what a user's history makes of it.

An item keeps one vector that is only read: log(1 + its ratings), its bias and its factor, see
`semrec.signals.models.ratings`. Bias and factor of an item with few ratings lean on those that its text
predicts; an item without ratings has just these. No user is stored: ratings of a history are enough.

The interval is measured, not assumed: `fit` hides some ratings, predicts them, and keeps how far off four of
five predictions were at most. Users and items with few ratings have intervals of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from semrec.signals.fitting import Fitted, Parameters
from semrec.signals.models.text_map import TextMap
from semrec.store.protocol import VectorField
from semrec.types import Float1D, Float2D

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from semrec.events.rating_scale import RatingScale  # loads polars
    from semrec.signals.models.ratings import RatingModel

RATING = "rating"
"""The stored field, and the name of the parameters."""

RANK = 16
RATING_WIDTH = 2 + RANK
"""Numbers that are stored of an item."""

HANDOVER_HALF = 1.0
"""Ratings at which an item's own bias and factor count as much as those that its text predicts."""

INTERVAL_SHARE = 0.8
"""Share of ratings that lie inside their interval."""

EVIDENCE_EDGES = (0, 1, 3, 10, 30)
"""Ratings of the user or of the item, whichever are fewer, at which another interval begins."""

HIDDEN_SHARE = 0.1
MOST_HIDDEN = 20_000
LEAST_HIDDEN = 30
"""Hidden ratings from which on an interval is measured; with fewer it is that of all, or of plain ratings."""

NORMAL_QUANTILE = 1.2816
"""Standard deviations around the mean that hold `INTERVAL_SHARE` of a normal distribution."""


@dataclass(frozen=True, slots=True)
class RatingPredictor:
    """Predicts ratings from what is stored.

    Parameters
    ----------
    mean : of all ratings.
    scale : the lowest and the highest rating.
    ridge : of the fold-in.
    half_widths : float32 (len(EVIDENCE_EDGES),), half of the interval by evidence.
    """

    mean: float
    scale: RatingScale
    ridge: float
    half_widths: Float1D

    @classmethod
    def of(cls, parameters: Parameters) -> RatingPredictor:
        """Return what predicts by the parameters that `fit_item_ratings` made."""
        mean, low, high, ridge = (
            float(np.asarray(parameters[name])) for name in ("mean", "low", "high", "ridge")
        )
        return cls(mean, (low, high), ridge, np.asarray(parameters["half_widths"], np.float32))

    def predict(self, rated: Float2D, ratings: Float1D, asked: Float2D) -> Float1D:
        """Return the rating that a user with these ratings would give to items, float32 (n_asked,).

        Parameters
        ----------
        rated, asked : stored vectors, float32 (n, RATING_WIDTH).
        ratings : float32 (n_rated,).
        """
        from semrec.signals.models.ratings import predict

        model = self._model(rated, asked)
        places = np.arange(len(model.item_biases))
        return predict(model, places[: len(rated)], np.clip(ratings, *self.scale), places[len(rated) :])

    def effects(self, rated: Float2D, ratings: Float1D, asked: Float2D) -> Float1D:
        """Return what each rating of a user adds to the prediction of one item, float32 (n_rated,).

        The mean, the item's own effect and these add up to the prediction, before it is put on the scale.
        """
        from semrec.signals.models.ratings import effects

        model = self._model(rated, asked)
        return effects(model, np.arange(len(rated)), np.clip(ratings, *self.scale), len(rated))

    def interval(self, rating: float, n_of_user: int, n_of_item: int) -> tuple[float, float]:
        """Return the interval that holds `INTERVAL_SHARE` of the ratings predicted with such evidence."""
        half = float(self.half_widths[_levels(np.array([min(n_of_user, n_of_item)]))[0]])
        low, high = self.scale
        return max(low, rating - half), min(high, rating + half)

    def _model(self, rated: Float2D, asked: Float2D) -> RatingModel:
        from semrec.signals.models.ratings import RatingModel

        rows = np.concatenate([rated, asked])
        return RatingModel(self.mean, rows[:, 1], rows[:, 2:], self.scale, self.ridge)


def n_ratings(stored: Float2D) -> NDArray[np.int64]:
    """Return the number of ratings of items by their stored vectors, int64 (n,)."""
    return np.rint(np.expm1(stored[:, 0])).astype(np.int64)


def item_effects(stored: Float2D) -> Float1D:
    """Return how much better than the mean items are rated, float32 (n,)."""
    biases: Float1D = stored[:, 1]
    return biases


def fit_item_ratings(
    ratings: csr_array, text_vectors: Float2D, scale: RatingScale | None, seed: int
) -> Fitted | None:
    """Learn what is stored of every item from ratings; None where there is nothing to learn.

    Parameters
    ----------
    ratings : (n_users, n_items), the latest rating of each pair.
    text_vectors : float32 (n_items, dim), unit length.
    scale : the lowest and the highest rating; None: there are no ratings.
    seed : of the initial factors and of what is hidden.
    """
    if not ratings.nnz or scale is None or not scale[0] < scale[1]:
        return None
    model, vectors, text_map = _learn(ratings, text_vectors, scale, seed)
    parameters: Parameters = {
        "mean": model.mean,
        "low": scale[0],
        "high": scale[1],
        "ridge": model.ridge,
        "half_widths": _half_widths(ratings, text_vectors, scale, seed),
        **text_map.stored,
    }
    field = VectorField(RATING, "dense", RATING_WIDTH, "dot", searched=False)
    return Fitted((field,), {RATING: vectors}, parameters)


def new_item_ratings(parameters: Parameters, text_vectors: Float2D) -> Float2D:
    """Return what is stored of items that came after the fit, by their texts, float32 (n, RATING_WIDTH).

    After a change of the encoder it is the average item.
    """
    text_map = TextMap.of(parameters)
    rows = np.zeros((len(text_vectors), RATING_WIDTH), np.float32)
    if text_map is not None:
        rows[:, 1:] = text_map.factors(text_vectors)
    return rows


def _learn(
    ratings: csr_array, text_vectors: Float2D, scale: RatingScale, seed: int
) -> tuple[RatingModel, Float2D, TextMap]:
    """Return the model of the ratings, the vectors of the items, and the map from texts to them."""
    from semrec.signals.models.ratings import fit_ratings
    from semrec.signals.models.text_map import hand_over, learn_text_map

    model = fit_ratings(ratings, rank=RANK, scale=scale, seed=seed)
    counts = np.bincount(ratings.indices, minlength=ratings.shape[1]).astype(np.float32)
    own = np.column_stack([model.item_biases, model.item_factors])
    text_map = learn_text_map(text_vectors, own, counts)
    rows = hand_over(own, text_map.factors(text_vectors), counts, HANDOVER_HALF)
    return model, np.column_stack([np.log1p(counts), rows]).astype(np.float32), text_map


def _half_widths(ratings: csr_array, text_vectors: Float2D, scale: RatingScale, seed: int) -> Float1D:
    """Return half of the interval by evidence: what hidden ratings differ from their predictions."""
    from scipy.sparse import csr_array

    entries = ratings.tocoo()
    plain = NORMAL_QUANTILE * float(np.std(entries.data))
    n_hidden = min(MOST_HIDDEN, int(HIDDEN_SHARE * ratings.nnz))
    if n_hidden < LEAST_HIDDEN:
        return np.full(len(EVIDENCE_EDGES), plain, np.float32)
    is_hidden = np.zeros(ratings.nnz, bool)
    is_hidden[np.random.default_rng(seed).permutation(ratings.nnz)[:n_hidden]] = True
    pairs = (entries.row[~is_hidden], entries.col[~is_hidden])
    known = csr_array((entries.data[~is_hidden], pairs), shape=ratings.shape)
    errors, evidence = _errors(known, entries.row[is_hidden], entries.col[is_hidden],
                               entries.data[is_hidden], text_vectors, scale, seed)  # fmt: skip
    widths = np.full(len(EVIDENCE_EDGES), np.quantile(errors, INTERVAL_SHARE), np.float32)
    levels = _levels(evidence)
    for level in range(len(EVIDENCE_EDGES)):
        own = errors[levels == level]
        if len(own) >= LEAST_HIDDEN:
            widths[level] = np.quantile(own, INTERVAL_SHARE)
    return widths


def _errors(
    known: csr_array,
    users: NDArray[np.integer],
    items: NDArray[np.integer],
    hidden: Float1D,
    text_vectors: Float2D,
    scale: RatingScale,
    seed: int,
) -> tuple[Float1D, NDArray[np.int64]]:
    """Return how far off the predictions of hidden ratings are, and the evidence of each."""
    from semrec.signals.models.ratings import RatingModel, predict_pairs

    model, vectors, _ = _learn(known, text_vectors, scale, seed)
    mixed = RatingModel(model.mean, vectors[:, 1], vectors[:, 2:], scale, model.ridge)
    errors = np.abs(predict_pairs(mixed, known, users, items) - hidden)
    of_user, of_item = np.diff(known.indptr), np.bincount(known.indices, minlength=known.shape[1])
    return errors, np.minimum(of_user[users], of_item[items])


def _levels(evidence: NDArray[np.integer]) -> NDArray[np.intp]:
    return np.searchsorted(EVIDENCE_EDGES, evidence, side="right") - 1
