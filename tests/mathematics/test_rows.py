"""Rows of unit length: hand-computed cases and invariants."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from semrec.mathematics.rows import centre, unit_rows

MATRICES = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5),
    elements=st.floats(-100, 100, width=32),
)


def test_rows_are_divided_by_their_lengths():
    rows = unit_rows(np.array([[3, 4], [0, 0], [0, -2]], np.float32))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0], [0, -1]], rtol=1e-6)


def test_the_mean_is_subtracted_before_scaling():
    rows = centre(np.array([[4, 5], [1, 1]], np.float32), np.array([1, 1], np.float32))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0]], rtol=1e-6)


@given(MATRICES)
def test_lengths_are_one_and_the_input_is_unchanged(matrix):
    before = matrix.copy()
    rows = unit_rows(matrix)
    np.testing.assert_array_equal(matrix, before)
    assert (rows.shape, rows.dtype) == (matrix.shape, np.float32)
    long_enough = np.linalg.norm(matrix, axis=1) > 1e-3
    np.testing.assert_allclose(np.linalg.norm(rows[long_enough], axis=1), 1, atol=1e-5)
