"""Division by counts that may be 0."""

from __future__ import annotations

import numpy as np

from semrec.evaluation.per_user import ratio


def test_a_division_by_0_has_the_given_value():
    assert ratio(np.array([1, 3]), np.array([0, 2])).tolist() == [0, 1.5]
    assert np.isnan(ratio(np.array([1.0]), np.array([0]), empty=np.nan)).all()


def test_shapes_are_broadcast():
    assert ratio(np.array([[2.0, 4.0], [6.0, 8.0]]), np.array([2, 0])).tolist() == [[1, 0], [3, 0]]
