"""Cleaning of coded events: which events are left out, and for which reason."""

from __future__ import annotations

import polars as pl

from semrec.events.cleaning import Sieve
from semrec.events.counting import CleaningRules

VIEW, RATE = 1, 0


def coded(*rows):
    """Return coded events of one user and one item from rows of kind, value and seconds after a start."""
    schema = {"kind": pl.Int32, "value": pl.Float32, "time": pl.Float64}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_row_index("row")
    frame = frame.with_columns(pl.col("time") + 1.6e9)
    return frame.with_columns(user=pl.lit(0, pl.Int32), item=pl.lit(0, pl.Int32))


def test_repeats_as_in_the_docstring():
    sieve = Sieve(
        coded(
            (VIEW, None, 0.0),
            (VIEW, None, 9.0),
            (VIEW, None, 40.0),
            (RATE, 5.0, None),
            (RATE, 3.0, 20.0),
            (VIEW, None, None),
            (VIEW, None, None),
        )
    )
    sieve.drop_repeats(CleaningRules(burst_s=10))
    assert sieve.events["row"].to_list() == [6, 1, 4, 2]
    assert sieve.dropped == {"burst": 2, "superseded": 1}


def test_without_times_other_values_are_other_events():
    sieve = Sieve(coded((VIEW, 1.0, None), (VIEW, 2.0, None), (VIEW, None, None)))  # no value is 1
    sieve.drop_repeats(CleaningRules())
    assert sieve.events["row"].to_list() == [1, 2]


def test_events_before_the_last_run_of_one_sign_are_taken_back():
    events = coded(*[(VIEW, None, float(time)) for time in range(7)]).with_columns(
        weight=pl.Series([3.0, -1, 1, 2, -1, 2, 2]), item=pl.Series([0, 0, 0, 0, 1, 1, 2], dtype=pl.Int32)
    )
    sieve = Sieve(events)
    sieve.drop_taken_back()
    assert sieve.events["row"].to_list() == [2, 3, 5, 6]
    assert sieve.dropped == {"taken_back": 3}


def test_no_events_take_nothing_back():
    sieve = Sieve(coded().with_columns(weight=pl.lit(1.0)))
    sieve.drop_taken_back()
    assert (len(sieve.events), sieve.dropped) == (0, {})
