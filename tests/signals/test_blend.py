"""The blend, worked out by hand and as laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from semrec.signals.blend import Part, balance, best_first, blended_scores, contributions


def float32(*rows):
    return np.array(rows, np.float32)


def two_signals():
    """Two candidates; a history of three items for `text`, one query text for `words`."""
    return [
        Part("text", "history", float32([3, 1, 2], [0, 1, 5]), float32(1, 1, 2), scale=2.0),
        Part("words", "text", float32([4], [0]), float32(2), scale=4.0),
    ]


def test_two_candidates_three_reasons_by_hand():
    text, words = contributions(two_signals(), {"text": 1.0, "words": 0.5})
    # (3-1, 1-1, 2-2) / 2 and (0-1, 1-1, 5-2) / 2
    np.testing.assert_allclose(text.values, [[1, 0, 0], [-0.5, 0, 1.5]])
    # 0.5 · (4-2) / 4 and 0.5 · (0-2) / 4
    np.testing.assert_allclose(words.values, [[0.25], [-0.25]])
    assert (text.signal, text.origin, words.signal, words.origin) == ("text", "history", "words", "text")
    np.testing.assert_allclose(blended_scores([text, words], 2), [1.25, 0.75])


@pytest.mark.parametrize("weights", [{"text": 1.0}, {"text": 1.0, "words": 0.0}])
def test_a_signal_without_weight_is_left_out(weights):
    parts = contributions(two_signals(), weights)
    assert [part.signal for part in parts] == ["text"]


def test_a_signal_that_says_the_same_of_all_items_adds_nothing():
    flat = Part("text", "text", float32([0.3], [0.3]), float32(0.3), scale=float("inf"))
    (part,) = contributions([flat], {"text": 1.0})
    assert part.values.tolist() == [[0.0], [0.0]]


def test_no_parts_and_no_candidates():
    assert blended_scores([], 2).tolist() == [0.0, 0.0]
    empty = Part("text", "text", np.empty((0, 1), np.float32), float32(1), scale=1.0)
    assert blended_scores(balance(contributions([empty], {"text": 1.0})), 0).shape == (0,)


def test_balance_puts_the_best_by_history_beside_the_best_by_text():
    parts = contributions(
        [
            Part("text", "history", float32([20, 10], [1, 1]), float32(0, 0), scale=1.0),
            Part("text", "text", float32([1], [5]), float32(0), scale=1.0),
            Part("words", "text", float32([0], [1]), float32(0), scale=1.0),
        ],
        {"text": 1.0, "words": 1.0},
    )
    history, text, words = balance(parts)
    # The best by text is worth 5 + 1, the best by history 30: 30 becomes 6.
    np.testing.assert_allclose(history.values, [[4, 2], [0.2, 0.2]], rtol=1e-6)
    assert text is parts[1]
    assert words is parts[2]


@pytest.mark.parametrize("kept", [["history"], ["text"]])
def test_one_origin_alone_is_not_balanced(kept):
    parts = [
        part for part in contributions(two_signals(), {"text": 1.0, "words": 1.0}) if part.origin in kept
    ]
    assert balance(parts) == parts


def test_nothing_is_balanced_by_a_text_that_no_item_matches():
    parts = contributions(
        [
            Part("text", "history", float32([2], [1]), float32(0), scale=1.0),
            Part("text", "text", float32([0], [0]), float32(1), scale=1.0),
        ],
        {"text": 1.0},
    )
    assert balance(parts) == parts


def test_ties_go_to_the_smaller_key():
    scores, keys = float32(1, 3, 3, 2), np.array([4, 9, 7, 1], np.uint64)
    assert best_first(scores, keys).tolist() == [2, 1, 3, 0]


NUMBERS = st.floats(-100, 100, width=32)


@st.composite
def parts_and_weights(draw):
    n_candidates, n_history = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    parts, weights = [], {}
    for name, origin in (("text", "history"), ("text", "text"), ("words", "text")):
        n_terms = n_history if origin == "history" else 1
        terms = draw(hnp.arrays(np.float32, (n_candidates, n_terms), elements=NUMBERS))
        offsets = draw(hnp.arrays(np.float32, n_terms, elements=NUMBERS))
        parts.append(Part(name, origin, terms, offsets, draw(st.floats(0.125, 8))))
        weights[name] = draw(st.floats(0, 4))
    return parts, weights


@given(parts_and_weights())
def test_contributions_add_up_to_the_score_of_the_formula(case):
    parts, weights = case
    expected = sum(
        weights[part.signal]
        * (part.terms.astype(float).sum(1) - part.offsets.astype(float).sum())
        / part.scale
        for part in parts
    )
    scores = blended_scores(contributions(parts, weights), len(parts[0].terms))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-2)


@given(parts_and_weights())
def test_inputs_are_not_changed(case):
    parts, weights = case
    before = [(part.terms.copy(), part.offsets.copy()) for part in parts]
    added = contributions(parts, weights)
    values = [part.values.copy() for part in added]
    blended_scores(balance(added), len(parts[0].terms))
    for part, (terms, offsets) in zip(parts, before, strict=True):
        np.testing.assert_array_equal(part.terms, terms)
        np.testing.assert_array_equal(part.offsets, offsets)
    for part, kept in zip(added, values, strict=True):
        np.testing.assert_array_equal(part.values, kept)


@given(parts_and_weights())
def test_balance_makes_both_origins_count_the_same(case):
    parts, weights = case
    before = contributions(parts, weights)
    after = balance(before)

    def best(parts, origin):
        return max(
            np.sum([part.values.sum(1) for part in parts if part.origin == origin] or [[0.0]], axis=0).max(),
            0,
        )

    if best(before, "text") > 1e-3 and best(before, "history") > 1e-3:
        assert best(after, "history") == pytest.approx(best(after, "text"), rel=1e-3)
    assert best(after, "text") == best(before, "text")
