"""Ranked lists: ties, short lists, and ranks against plain versions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import sparse
from score_tables import scored, slow_order

from semrec.errors import ConfigError
from semrec.evaluation.accuracy import find_hits, ndcg
from semrec.evaluation.top_k import TopK, auc, rank_with_ties, top_k


@settings(max_examples=200, deadline=None)
@given(scored())
def test_ranks_and_auc_against_plain_versions(case):
    scores, positive, _ = case
    test = sparse.csr_array(positive.astype(np.float32))
    ranks = rank_with_ties(scores, test)
    areas = auc(scores, test)
    for u, row in enumerate(scores):
        order = slow_order(row, positive[u])
        mine = ranks[test.indptr[u] : test.indptr[u + 1]]
        assert sorted(mine) == sorted(order.index(i) + 1 for i in np.flatnonzero(positive[u]))
        won = [
            row[n] < row[p]
            for p in np.flatnonzero(positive[u])
            for n in np.flatnonzero(~positive[u])
            if row[n] > -math.inf
        ]
        assert areas[u] == pytest.approx(np.mean(won) if won else math.nan, nan_ok=True)


def test_equal_scores_have_no_ndcg():
    test = sparse.csr_array(np.array([[0, 0, 1.0], [1.0, 0, 0]], np.float32))
    flat = np.zeros((2, 3), np.float32)
    assert ndcg(find_hits(top_k(flat, 2, test), test)).tolist() == [0, 0]
    assert rank_with_ties(flat, test).tolist() == [3, 3]
    assert auc(flat, test).tolist() == [0, 0]


def test_neighbouring_floats_are_not_a_tie():
    low = np.float32(1.0)
    high = np.nextafter(low, np.float32(2))
    scores = np.array([[high, low]], np.float32)
    test = sparse.csr_array(np.array([[1.0, 0]], np.float32))
    assert top_k(scores, 1, test).items.tolist() == [[0]]


def test_short_lists_have_lengths_not_padding():
    scores = np.array([[-np.inf, 1, -np.inf], [-np.inf] * 3], np.float32)
    top = top_k(scores, 5)
    assert top.items.shape == (2, 3)
    assert top.lengths.tolist() == [1, 0]
    assert top.items[0, 0] == 1
    everything = sparse.csr_array(np.ones((2, 3), np.float32))
    assert find_hits(top, everything).found.sum() == 1


def test_batches_do_not_change_the_lists():
    scores = np.random.default_rng(0).random((7, 9)).astype(np.float32)
    whole = top_k(scores, 3)
    np.testing.assert_array_equal(top_k(scores, 3, batch_scores=18).items, whole.items)
    assert top_k(scores[:0], 3).items.shape == (0, 3)


def test_one_item():
    test = sparse.csr_array(np.ones((1, 1), np.float32))
    top = top_k(np.zeros((1, 1), np.float32), 10, test)
    assert ndcg(find_hits(top, test)).tolist() == [1]
    assert math.isnan(auc(np.zeros((1, 1), np.float32), test)[0])


def test_nan_scores_are_an_error():
    with pytest.raises(ConfigError, match="NaN"):
        top_k(np.array([[np.nan, 1]], np.float32), 1)
    with pytest.raises(ConfigError, match="k=0"):
        top_k(np.zeros((1, 2), np.float32), 0)


def test_rows_of_lists():
    top = TopK(np.array([[1, 2], [3, 0]]), np.array([2, 1]))
    assert top.rows(np.array([False, True])).items.tolist() == [[3, 0]]
    assert top.shown.tolist() == [[True, True], [True, False]]
