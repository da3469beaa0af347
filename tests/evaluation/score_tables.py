"""Scores with ties, and their order by plain code."""

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


@st.composite
def scored(draw):
    """Scores with many ties and some -inf, and random positives."""
    n_users, n_items = draw(st.integers(1, 4)), draw(st.integers(1, 8))
    levels = st.sampled_from([-math.inf, -1.0, 0.0, 0.5, 0.5000001, 2.0])
    scores = draw(hnp.arrays(np.float32, (n_users, n_items), elements=levels.map(np.float32)))
    positive = draw(hnp.arrays(bool, (n_users, n_items)))
    return scores, positive, draw(st.integers(1, 10))


def slow_order(row, positive):
    """Best first, the positive last among equals."""
    return sorted(range(len(row)), key=lambda i: (-row[i], positive[i], i))


def slow_list(row, positive, k):
    return [i for i in slow_order(row, positive) if row[i] > -math.inf][:k]
