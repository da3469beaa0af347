"""NDCG by hand, and its bounds."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from semrec.mathematics.ndcg import discounts, ideal_gains, ndcg

HITS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=6))


def test_two_relevant_items_at_ranks_two_and_three():
    found = ndcg(np.array([[False, True, True]]), np.array([2]))
    expected = (1 / math.log2(3) + 1 / 2) / (1 + 1 / math.log2(3))
    np.testing.assert_allclose(found, [expected])


def test_more_relevant_items_than_ranks():
    np.testing.assert_allclose(ndcg(np.array([[True, False]]), np.array([9])), [1 / (1 + 1 / math.log2(3))])


def test_without_a_relevant_item_it_is_undefined():
    assert np.isnan(ndcg(np.zeros((2, 3), bool), np.array([0, 0]))).all()
    assert ndcg(np.zeros((0, 3), bool), np.zeros(0, int)).shape == (0,)


def test_the_tables_of_three_ranks():
    np.testing.assert_allclose(discounts(3), [1, 1 / math.log2(3), 1 / 2])
    np.testing.assert_allclose(ideal_gains(3), [0, 1, 1 + 1 / math.log2(3), 1.5 + 1 / math.log2(3)])


@given(hits=HITS, missed=st.integers(0, 3))
def test_it_is_1_for_an_ideal_list_and_never_more(hits, missed):
    n_relevant = hits.sum(axis=1) + missed
    found = ndcg(hits, n_relevant)
    defined = n_relevant > 0
    assert ((found[defined] >= 0) & (found[defined] <= 1 + 1e-12)).all()
    ideal = np.arange(hits.shape[1]) < n_relevant[:, None]
    np.testing.assert_allclose(ndcg(ideal, n_relevant)[defined], 1)
