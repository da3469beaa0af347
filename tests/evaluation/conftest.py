"""A catalog with one right answer, and events."""

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from semrec.evaluation.baselines import Features

WORDS = [" ".join(["red apple tree"] * 3 if i % 2 else ["blue ocean wave"] * 3) for i in range(12)]


@pytest.fixture
def checkerboard():
    """Even users like even items, odd users odd items; each misses the one on the diagonal.

    The right answer for user u is item u: all users of the same colour like it, and no others.
    """
    n = 12
    u, i = np.indices((n, n))
    board = ((u + i) % 2 == 0) & (u != i)
    return sparse.csr_array(board.astype(np.float32))


@pytest.fixture
def events():
    """Events of 60 users and 20 items, with times and one repeated pair."""
    rng = np.random.default_rng(7)
    rows = [(f"u{u:02}", f"i{i:02}") for u in range(60) for i in rng.permutation(20)[: 1 + u % 9]]
    rows.append(rows[3])
    return pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row").with_columns(
        value=pl.lit(1.0), time=pl.Series(rng.permutation(len(rows)).astype(float))
    )


@pytest.fixture
def features():
    """Vectors with a large common part; even items differ from odd items; a little noise."""
    noise = np.random.default_rng(0).normal(0, 0.02, (12, 4))
    side = np.where(np.arange(12) % 2, 1.0, -1.0)[:, None] * [[0, 0.5, 0, 0]]
    vectors = (np.array([[3.0, 0, 0, 0]]) + side + noise).astype(np.float32)
    return Features(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), WORDS)
