"""Slices of users and items."""

import numpy as np

from semrec.evaluation.slices import TEMPERATURE, bins


def test_bins_hold_everything_once():
    counts = np.array([0, 1, 3, 4, 19, 20, 500])
    parts = bins(counts, TEMPERATURE)
    assert sum(part.astype(int) for part in parts.values()).tolist() == [1] * 7
    assert counts[parts["cold"]].tolist() == [0, 1, 3]
    assert counts[parts["hot"]].tolist() == [20, 500]
