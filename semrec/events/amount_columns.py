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


def kept_share(events: pl.DataFrame, states: Collection[int]) -> pl.Expr:
    """Return an expression: net / gross of each of these coded events; 1 without values below 0.

    Parameters
    ----------
    events : all events of their users.
    states : codes of the kinds whose net is never below 0, see `semrec.events.amounts.STATES`.
    """
    if not bool((events["value"] < 0).any()):
        return pl.lit(1.0)
    value = pl.col("value").cast(pl.Float64).fill_null(1.0)
    gross = value.abs().sum().over(SAME)
    share = pl.when(gross > 0).then(value.sum().over(SAME) / gross).otherwise(1.0)
    return pl.when(pl.col("kind").is_in(list(states))).then(share.clip(0.0)).otherwise(share)
