"""Standardising: one question, many histories, and sums of inner products give the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from asking import keys_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array

from semrec.signals.catalog_matrix import Histories
from semrec.signals.standard import LinearStandard, seen_in, standard, standardised

NONE = keys_of([])


def float32(*rows):
    return np.array(rows, np.float32)


# -- one question --------------------------------------------------------------------------------------


def test_the_mean_of_every_term_and_the_deviation_of_their_sum_by_hand():
    # The sums of the rows are 3, 5, 7.
    offsets, scale = standard(float32([1, 2], [4, 1], [1, 6]), keys_of(range(3)), NONE)
    np.testing.assert_allclose(offsets, [2, 3])
    assert scale == pytest.approx(np.std([3, 5, 7]))


def test_items_of_the_history_are_left_out():
    terms = float32([1, 2], [400, 100], [4, 1], [1, 6])
    offsets, scale = standard(terms, keys_of([0, 1, 2, 3]), keys_of([1, 77]))
    expected, expected_scale = standard(terms[[0, 2, 3]], keys_of([0, 2, 3]), NONE)
    np.testing.assert_array_equal(offsets, expected)
    assert scale == expected_scale


def test_without_a_sample_scores_stay_as_they_are():
    for sample in (NONE, keys_of([1])):
        offsets, scale = standard(np.ones((len(sample), 2), np.float32), sample, keys_of([1]))
        assert (offsets.tolist(), scale) == ([0, 0], 1.0)
        linear = LinearStandard(sample, np.ones((len(sample), 3), np.float32))
        offsets, scale = linear.of(np.ones((3, 2), np.float32), keys_of([1]))
        assert (offsets.tolist(), scale) == ([0, 0], 1.0)


def three_ways(scores):
    """Return the scale of scores (n,) of one term, by each of the three ways to standardise."""
    keys = keys_of(range(len(scores)))
    _, by_terms = standard(scores[:, None], keys, NONE)
    _, by_vectors = LinearStandard(keys, scores[:, None]).of(np.ones((1, 1), np.float32), NONE)
    values = standardised(scores[None].copy(), scores[None], np.zeros((1, len(scores)), bool))
    by_matrix = float(np.ptp(scores) / np.ptp(values)) if np.ptp(values) else float("inf")
    return by_terms, by_vectors, by_matrix


@pytest.mark.parametrize("mean", [0, 1, 1000])
def test_differences_that_are_rounding_errors_do_not_count(mean):
    """They would be blown up to whole standard deviations, and order all items at random."""
    rounding = 1 + np.finfo(np.float32).eps * float32(0, 1, 2, 1, 0)
    assert three_ways(mean * rounding) == (float("inf"),) * 3


@pytest.mark.parametrize("mean", [1, 1000])
def test_small_differences_count(mean):
    scores = (mean * (1 + 2e-5 * np.arange(5))).astype(np.float32)
    for scale in three_ways(scores):
        assert scale == pytest.approx(scores.astype(float).std(), rel=0.05)


# -- inner products ------------------------------------------------------------------------------------

QUARTERS = st.integers(-12, 12).map(lambda n: n / 4)  # sums of products are exact


@st.composite
def linear_cases(draw):
    n_sample, dim, n_terms = draw(st.integers(0, 12)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    vectors = draw(hnp.arrays(np.float32, (n_sample, dim), elements=QUARTERS))
    directions = draw(hnp.arrays(np.float32, (dim, n_terms), elements=QUARTERS))
    history = draw(st.lists(st.integers(0, 15), max_size=12, unique=True))  # some are not in the sample
    return vectors, directions, history


@given(linear_cases())
def test_a_linear_standard_is_the_standard_of_its_terms(case):
    vectors, directions, history = case
    keys = keys_of(range(len(vectors)))
    offsets, scale = LinearStandard(keys, vectors).of(directions, keys_of(history))
    expected_offsets, expected_scale = standard(vectors @ directions, keys, keys_of(history))
    assert (offsets.dtype, offsets.shape) == (np.float32, (directions.shape[1],))
    np.testing.assert_allclose(offsets, expected_offsets, rtol=1e-5, atol=1e-5)
    assert scale == pytest.approx(expected_scale, rel=1e-4)


# -- many histories ------------------------------------------------------------------------------------


@st.composite
def histories(draw):
    """Scores of some histories over a catalog, what each has seen, and how many items are the sample."""
    n, n_items = draw(st.integers(1, 4)), draw(st.integers(1, 8))
    scores = draw(hnp.arrays(np.float32, (n, n_items), elements=QUARTERS))
    seen = draw(hnp.arrays(bool, (n, n_items)))
    return scores, seen, draw(st.integers(1, n_items))


@given(histories())
def test_many_histories_are_standardised_as_each_alone(case):
    scores, seen, n_sample = case
    sample = scores[:, :n_sample].copy()
    together = standardised(scores.copy(), sample, seen[:, :n_sample])
    for row, own, already in zip(scores, together, seen, strict=True):
        keys = keys_of(range(n_sample))
        offsets, scale = standard(row[:n_sample, None], keys, keys_of(np.flatnonzero(already)))
        if already[:n_sample].all():
            continue  # nothing to standardise by: one question keeps its scores, many add nothing
        np.testing.assert_allclose(own, (row - offsets.sum()) / np.float32(scale), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(sample, scores[:, :n_sample])


def test_no_opinion_is_the_mean_and_does_not_move_it():
    scores = float32([1, np.nan, 3, 5])
    values = standardised(scores.copy(), scores, np.zeros((1, 4), bool))
    np.testing.assert_allclose(values, float32([-2, 0, 0, 2]) / np.std([1, 3, 5]), rtol=1e-5)
    nothing = float32([np.nan, np.nan])
    assert standardised(nothing.copy(), nothing, np.zeros((1, 2), bool)).tolist() == [[0, 0]]


def test_what_a_history_holds_is_seen_whatever_it_weighs():
    weights = csr_array((float32(1, 0, 2), ([0, 0, 1], [0, 2, 3])), shape=(2, 4))
    histories = Histories(weights)
    assert seen_in(histories, 3).tolist() == [[True, False, True], [False, False, False]]
    assert histories.known.tolist() == [True, True]
    users, places = histories.seen(slice(2, 4))
    assert (users.tolist(), places.tolist()) == ([0, 1], [0, 1])
    assert Histories(csr_array((float32(0), ([0], [1])), shape=(2, 4))).known.tolist() == [False, False]
