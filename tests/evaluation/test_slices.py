"""Slices of users and items."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from semrec.evaluation.slices import HISTORY_LENGTHS, ITEM_POPULARITY, TEMPERATURE, bins, slices
from semrec.evaluation.splits import split_last


def test_every_count_is_in_one_bin():
    counts = np.array([0, 1, 3, 4, 19, 20, 500])
    parts = bins(counts, TEMPERATURE)
    assert sum(part.astype(int) for part in parts.values()).tolist() == [1] * 7
    assert counts[parts["cold"]].tolist() == [0, 1, 3]
    assert counts[parts["warm"]].tolist() == [4, 19]
    assert counts[parts["hot"]].tolist() == [20, 500]


@pytest.mark.parametrize("starts", [HISTORY_LENGTHS, ITEM_POPULARITY])
def test_the_names_of_bins_say_which_counts_are_in_them(starts):
    for name, start in starts.items():
        first, _, last = name.rstrip("+").partition("–")
        within = np.arange(int(first), int(last or first) + 1)
        assert start == within[0]
        assert bins(within, starts)[name].all()
        if not name.endswith("+"):
            assert not bins(within + len(within), starts)[name].all()


@pytest.mark.parametrize(("n_users", "n_slices"), [(4, 0), (5, 1)])
def test_a_slice_of_fewer_than_five_users_is_left_out(n_users, n_slices):
    rows = [(f"u{u}", f"i{i}") for u in range(n_users) for i in range(3)]
    rows += [(f"v{u}", f"i{i}") for u in range(9) for i in range(9)]
    events = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")
    split = split_last(events.with_columns(time=pl.int_range(len(rows)).cast(pl.Float64)))
    found = [part.name for part in slices(split, split.test_users) if part.group == "history length"]
    assert found.count("2") == n_slices
    assert found.count("8–15") == 1
