"""Rating scales: guessing, and the opinion of a rating."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from semrec.errors import ConfigError
from semrec.events.rating_scale import check_scale, guess_scale, opinion


@pytest.mark.parametrize(
    ("ratings", "scale"),
    [
        ([1, 3, 5], (1, 5)), ([0.5, 4], (0.5, 5)), ([0, 1], (0, 1)), ([-1, 1], (-1, 1)), ([2, 7, 7], (1, 7)),
        ([3, 9], (1, 10)), ([20, 90], (0, 100)), ([2, 2], (2, 2)), ([1, 250], (1, 250)),
        ([1, 2, 3, 4, 5] * 40 + [50], (1, 5)), ([1, 2, 3, 4, 5] * 40 + [999], (1, 5)),
        ([0] * 5 + [5, 7, 8, 10], (1, 10)), ([0] * 9 + [3, 4, 5], (1, 5)), ([0, 5, 10], (0, 10)),
        ([0, 0, 1], (0, 1)),
        ([0, 0.5, 3], (0, 5)), ([0, 1, 2, 3, 4, 5] * 9, (0, 5)),
        ([1, 2, 5, 999], (1, 5)), ([5, 4, -7], (1, 5)), ([1, 500, 999], (1, 999)),
    ],
)  # fmt: skip
def test_guess_scale(ratings, scale):
    assert guess_scale(np.array(ratings, np.float32)) == scale


def opinions(ratings, scale, neutral=None):
    frame = pl.DataFrame({"rating": pl.Series(ratings, dtype=pl.Float64), "user": ["u"] * len(ratings)})
    return frame.select(opinion(pl.col("rating"), pl.lit(True), scale, neutral)).to_series().to_list()


def test_opinions_are_from_minus_one_to_one():
    assert opinions([1, 2, 3, 4, 5], (1, 5)) == [-1, -0.5, 0, 0.5, 1]
    assert opinions([1, 4, 5], (1, 5), neutral=4) == [-1, 0, 1]


def test_the_mean_of_a_user_can_be_neutral():
    assert opinions([1, 2, 3], (1, 5), neutral="user") == [-1, 0, pytest.approx(1 / 3)]


def test_on_a_scale_of_one_rating_every_rating_is_a_like():
    assert opinions([2, 2, None], (2, 2)) == [1, 1, None]


@pytest.mark.parametrize(
    ("scale", "neutral", "message"),
    [
        ((1, 1), None, "rating_scale: the lowest must be below the highest, got 1 to 1"),
        ((1, math.inf), None, "rating_scale: .* got 1 to inf"),
        ((1, 5), "mean", "neutral_rating: should be a number or 'user', got 'mean'"),
        ((1, 5), 7, "neutral_rating: 7 is outside the scale 1 to 5"),
    ],
)
def test_a_scale_that_cannot_be_used(scale, neutral, message):
    with pytest.raises(ConfigError, match=message):
        check_scale(scale, neutral)
