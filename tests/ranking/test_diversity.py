"""Maximal marginal relevance."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from semrec.ranking.diversity import ListRules, pick


def mmr(scores, vectors, k, diversity, shown=()):
    """Return what diversity alone picks."""
    return pick(scores, k, ListRules(diversity), vectors, shown=shown).places


def test_three_candidates_by_hand():
    scores = np.array([3.0, 2.5, 1.0], np.float32)
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    # Relevance 1, 0.75, 0. After the first: 0.5·0.75 - 0.5·0.8 = -0.025 against 0.5·0 - 0.5·0 = 0.
    assert mmr(scores, vectors, 3, 0.5).tolist() == [0, 2, 1]
    # 0.6·0.75 - 0.4·0.8 = 0.13 against 0.
    assert mmr(scores, vectors, 3, 0.4).tolist() == [0, 1, 2]


def test_likeness_is_to_the_nearest_of_all_that_were_picked():
    scores = np.array([4, 3, 2, 1], np.float32)
    vectors = np.array([[1, 0], [0, 1], [1, 0], [0.6, 0.8]], np.float32)
    # After 0 and 1, candidate 2 equals 0 (likeness 1) and candidate 3 is 0.8 like 1.
    assert mmr(scores, vectors, 4, 1.0).tolist() == [0, 1, 3, 2]


def test_equal_scores_are_told_apart_by_likeness_only():
    scores = np.ones(3, np.float32)
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert mmr(scores, vectors, 2, 0.5).tolist() == [0, 2]


def test_nothing_to_pick_from():
    picked = mmr(np.empty(0, np.float32), np.empty((0, 3), np.float32), 5, 0.5)
    assert picked.shape == (0,)
    assert picked.dtype == np.int64


@st.composite
def candidates(draw):
    n = draw(st.integers(1, 12))
    scores = np.sort(draw(hnp.arrays(np.float32, n, elements=st.floats(-50, 50, width=32))))[::-1]
    rows = draw(hnp.arrays(np.float32, (n, 3), elements=st.floats(-1, 1, width=32)))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return scores.copy(), np.where(lengths > 1e-3, rows / np.maximum(lengths, 1e-3), 0).astype(np.float32)


@given(candidates(), st.integers(1, 15), st.floats(0, 1))
def test_a_permutation_without_repeats_that_starts_with_the_best(case, k, diversity):
    scores, vectors = case
    before = scores.copy(), vectors.copy()
    picked = mmr(scores, vectors, k, diversity)
    assert len(picked) == min(k, len(scores)) == len(set(picked.tolist()))
    assert picked.min() >= 0
    assert picked.max() < len(scores)
    assert picked[0] == 0
    np.testing.assert_array_equal(scores, before[0])
    np.testing.assert_array_equal(vectors, before[1])


@given(candidates(), st.integers(1, 15))
def test_without_diversity_the_order_stays(case, k):
    scores, vectors = case
    np.testing.assert_array_equal(scores[mmr(scores, vectors, k, 0.0)], scores[:k])


@given(candidates(), st.integers(1, 12), st.floats(0, 1))
def test_a_longer_answer_begins_with_the_shorter_one(case, k, diversity):
    scores, vectors = case
    longer = mmr(scores, vectors, len(scores), diversity)
    assert mmr(scores, vectors, k, diversity).tolist() == longer[:k].tolist()


# -- near-duplicates and groups ------------------------------------------------------------------------

SCORES = np.array([6, 5, 4, 3, 2, 1], np.float32)
TWINS = np.array([[1, 0], [1, 0], [0, 1], [0.995, 0.0998], [0, 1], [0.6, 0.8]], np.float32)


def test_near_duplicates_collapse_into_the_best():
    picked = pick(SCORES, 6, ListRules(collapse=True), TWINS)
    assert picked.places.tolist() == [0, 2, 5]
    assert picked.variant_of == {1: 0, 3: 0, 4: 2}


def test_a_near_duplicate_of_an_earlier_page_is_left_out():
    picked = pick(SCORES, 2, ListRules(collapse=True), TWINS, shown=[0])
    assert picked.places.tolist() == [2, 5]
    assert picked.variant_of == {1: 0, 3: 0, 4: 2}


def test_a_group_has_so_many_places():
    groups = [("a",), ("a",), ("a", "b"), (), ("b",), ("a",)]
    one = pick(SCORES, 6, ListRules(group="brand"), groups=groups)
    assert one.places.tolist() == [0, 3, 4]
    assert one.crowded_out == {1, 2, 5}
    assert one.full_groups == {"a", "b"}
    two = pick(SCORES, 6, ListRules(group="brand", per_group=2), groups=groups)
    assert two.places.tolist() == [0, 1, 3, 4]
    later = pick(SCORES, 6, ListRules(group="brand"), groups=groups, shown=[4])
    assert later.places.tolist() == [0, 3]


def test_diversity_groups_and_collapse_compose():
    groups = [("a",), ("b",), ("a",), ("b",), ("c",), ("c",)]
    rules = ListRules(0.5, "brand", 1, collapse=True)
    picked = pick(SCORES, 6, rules, TWINS, groups)
    # 1 and 3 are variants of 0, 2 is of the same brand; of 4 and 5 the more different one.
    assert picked.places.tolist() == [0, 4]
    assert picked.variant_of == {1: 0, 3: 0}
    assert picked.crowded_out == {2, 5}
