"""The weights of `semrec.events.amounts`, for tables of coded events; questions need no polars."""

from __future__ import annotations

import math
from collections.abc import Collection

import polars as pl

SAME = ("user", "item", "kind")
"""Columns of coded events whose values are added up."""


def damped_values(undamped: Collection[int]) -> pl.Expr:
    """Return an expression: what the size of each value counts, float64; no value is 1.

    Parameters
    ----------
    undamped : codes of the kinds whose values count as they are.
    """
    size = pl.col("value").cast(pl.Float64).abs().fill_null(1.0)
    is_damped = ~pl.col("kind").is_in(list(undamped))
    return pl.when(is_damped).then(size.log1p() / math.log(2)).otherwise(size)


def kept_share(events: pl.DataFrame) -> pl.Expr:
    """Return an expression: net / gross of each of these coded events; 1 without values below 0."""
    if not bool((events["value"] < 0).any()):
        return pl.lit(1.0)
    value = pl.col("value").cast(pl.Float64).fill_null(1.0)
    gross = value.abs().sum().over(SAME)
    return pl.when(gross > 0).then(value.sum().over(SAME) / gross).otherwise(1.0)
