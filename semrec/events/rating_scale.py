"""Rating scales: given or guessed, and the opinion that a rating on a scale expresses."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from semrec.errors import ConfigError
from semrec.types import Float1D

RatingScale: TypeAlias = tuple[float, float]
"""The lowest and the highest rating."""
Neutral: TypeAlias = float | Literal["user"] | None
"""The rating without an opinion: a number, the mean of each user, or (None) the middle of the scale."""

COMMON_SCALES: tuple[RatingScale, ...] = (
    (0, 1), (-1, 1), (1, 5), (0.5, 5), (0, 5), (1, 7), (1, 10), (0, 10), (0, 100),
)  # fmt: skip
"""Rating scales that `guess_scale` tries, narrow ones first."""

UNRATED = 0.0
"""The rating that says "not rated" where the scale begins above it, as in Book-Crossing and Goodreads."""

UNRATED_SHARE = 0.2
"""Smallest share of the ratings that stand apart as not rated."""

STRAY_SHARE = 20
"""One of so many ratings may be outside a guessed scale."""


def guess_scale(ratings: Float1D) -> RatingScale:
    """Return the scale of ratings.

    The first common scale that holds all ratings, some of them in its upper half; else the first that holds
    all but one, or 19 of 20, because a single 999 must not make all other ratings bad; else from the lowest
    to the highest rating. Ratings of 0 that stand apart are no ratings.

    Parameters
    ----------
    ratings : float32 (n,), n at least 1, finite.
    """
    if _zero_stands_apart(ratings):
        ratings = ratings[ratings != UNRATED]
    if ratings.min() < ratings.max():
        for n_strays in (0, max(1, len(ratings) // STRAY_SHARE)):
            for low, high in COMMON_SCALES:
                inside = ratings[(ratings >= low) & (ratings <= high)]
                if len(inside) >= max(2, len(ratings) - n_strays) and inside.max() > (low + high) / 2:
                    return float(low), float(high)
    return float(ratings.min()), float(ratings.max())


def _zero_stands_apart(ratings: Float1D) -> bool:
    """Return whether 0 is far more frequent than the lowest other rating, which is 1 or more."""
    others = ratings[ratings != UNRATED]
    n_zeros = len(ratings) - len(others)
    if n_zeros < UNRATED_SHARE * len(ratings) or not len(others) or others.min() < 1 or others.max() <= 1:
        return False
    return bool(n_zeros > 2 * np.count_nonzero(others == others.min()))


def opinion(rating: pl.Expr, is_rating: pl.Expr, scale: RatingScale, neutral: Neutral) -> pl.Expr:
    """Return the opinion of each rating: -1 at the low end of the scale, 0 at neutral, 1 at the high end.

    Always 1 if all ratings are equal. Null for events without a rating.

    Parameters
    ----------
    rating : value of each event.
    is_rating : which events are ratings; only these count in the mean of a user.
    scale : lowest and highest rating.
    neutral : see `Neutral`.
    """
    low, high = scale
    if low == high:
        return pl.when(rating.is_not_null()).then(1.0)
    middle = pl.lit((low + high) / 2 if neutral is None else neutral)
    if neutral == "user":
        middle = pl.when(is_rating).then(rating).mean().over("user")
    width = pl.when(rating > middle).then(high - middle).otherwise(middle - low)
    return pl.when(rating == middle).then(0.0).otherwise((rating - middle) / width)


def check_scale(scale: RatingScale | None, neutral: Neutral) -> None:
    """Raise `ConfigError` if a rating scale or a neutral rating cannot be used."""
    if scale is not None and not (
        math.isfinite(scale[0]) and math.isfinite(scale[1]) and scale[0] < scale[1]
    ):
        raise ConfigError(
            f"rating_scale: the lowest must be below the highest, got {scale[0]:g} to {scale[1]:g}"
        )
    if isinstance(neutral, str) and neutral != "user":
        raise ConfigError(f"neutral_rating: should be a number or 'user', got {neutral!r}")
    if scale is not None and isinstance(neutral, float | int) and not scale[0] <= neutral <= scale[1]:
        raise ConfigError(f"neutral_rating: {neutral:g} is outside the scale {scale[0]:g} to {scale[1]:g}")
