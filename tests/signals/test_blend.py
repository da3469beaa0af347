"""The blend, worked out by hand and as laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from semrec.signals.blend import (
    BlendWeights,
    QuestionWeights,
    ScoredPart,
    balance,
    best_first,
    blended_scores,
    scored_part,
    signal_totals,
)
from semrec.signals.signal import SignalQuery


def float32(*rows):
    return np.array(rows, np.float32)


def scored(signal, origin, raw, weight, *, offsets=(0.0,), scale=1.0):
    """Return a part whose signal has this weight for every candidate."""
    query = SignalQuery(signal, origin, float32(*offsets), scale)
    weights = QuestionWeights({signal: weight}, None, {}, 0)
    return scored_part(query, float32(*raw), weights, np.zeros(len(raw), np.float32))


def two_signals(words_weight=0.5):
    """Two candidates; a history of three items for `text`, one query text for `words`."""
    return [
        scored("text", "history", (3 + 1 + 2, 0 + 1 + 5), 1.0, offsets=(1, 1, 2), scale=2.0),
        scored("words", "text", (4, 0), words_weight, offsets=(2,), scale=4.0),
    ]


# -- scores --------------------------------------------------------------------------------------------


def test_two_candidates_and_two_signals_by_hand():
    text, words = two_signals()
    # ((3-1) + (1-1) + (2-2)) / 2 and ((0-1) + (1-1) + (5-2)) / 2
    np.testing.assert_allclose(text.values, [1, 1])
    # 0.5 · (4-2) / 4 and 0.5 · (0-2) / 4
    np.testing.assert_allclose(words.values, [0.25, -0.25])
    np.testing.assert_allclose(blended_scores([text, words], 2), [1.25, 0.75])


def test_a_signal_without_weight_adds_nothing():
    _, words = two_signals(words_weight=0.0)
    assert words.values.tolist() == [0, 0]


def test_a_signal_that_scores_all_items_the_same_adds_nothing():
    flat = scored("text", "text", (0.3, 0.3), 1.0, offsets=(0.3,), scale=float("inf"))
    assert flat.values.tolist() == [0, 0]


def test_no_opinion_counts_as_the_mean():
    part = scored("freshness", "catalog", (np.nan, 3), 1.0, offsets=(1,))
    assert part.values.tolist() == [0, 2]


def test_no_parts_and_no_candidates():
    assert blended_scores([], 2).tolist() == [0.0, 0.0]
    empty = scored("text", "text", (), 1.0)
    assert blended_scores(balance([empty]), 0).shape == (0,)


def test_text_and_history_of_one_signal_are_one_total():
    parts = [
        scored("text", "text", (1, 2), 1.0),
        scored("words", "text", (5, 5), 1.0),
        scored("text", "history", (10, 20), 1.0),
    ]
    totals = signal_totals(parts)
    assert {name: total.tolist() for name, total in totals.items()} == {"text": [11, 22], "words": [5, 5]}
    assert parts[0].values.tolist() == [1, 2]


def test_a_part_of_some_candidates_keeps_their_numbers():
    part = scored("text", "text", (1, 2, 3), 2.0, offsets=(1,))
    assert part.at(np.array([2, 0])).values.tolist() == [4, 0]


def test_ties_go_to_the_smaller_key():
    scores, keys = float32(1, 3, 3, 2), np.array([4, 9, 7, 1], np.uint64)
    assert best_first(scores, keys).tolist() == [2, 1, 3, 0]


# -- text and history together -------------------------------------------------------------------------


def test_balance_puts_the_best_by_history_beside_the_best_by_text():
    parts = [
        scored("text", "history", (30, 2), 1.0),
        scored("text", "text", (1, 5), 1.0),
        scored("words", "text", (0, 1), 1.0),
    ]
    history, text, words = balance(parts)
    # The best by text is worth 5 + 1, the best by history 30: 30 becomes 6.
    np.testing.assert_allclose(history.values, [6, 0.4], rtol=1e-6)
    assert text is parts[1]
    assert words is parts[2]


@pytest.mark.parametrize("kept", ["history", "text"])
def test_one_origin_alone_is_not_balanced(kept):
    parts = [part for part in two_signals() if part.query.origin == kept]
    assert balance(parts) == parts


def test_nothing_is_balanced_by_a_text_that_no_item_matches():
    parts = [
        scored("text", "history", (2, 1), 1.0),
        scored("text", "text", (0, 0), 1.0, offsets=(1,)),
    ]
    assert balance(parts) == parts


def test_a_small_weight_is_scaled_up():
    parts = [scored("text", "history", (2, 1), 1e-3), scored("text", "text", (1, 5), 1.0)]
    np.testing.assert_allclose(balance(parts)[0].values, [5, 2.5], rtol=1e-6)


def test_a_weight_that_is_nearly_0_is_not_scaled_up():
    """float32 cannot hold the factor that 1e-42 needs."""
    parts = [scored("text", "history", (2, 1), 1e-42), scored("text", "text", (1, 5), 1.0)]
    assert balance(parts) == parts


def test_what_every_asker_gets_is_not_balanced():
    parts = [*two_signals(), scored("popularity", "catalog", (7, 0), 1.0)]
    assert balance(parts)[2] is parts[2]


# -- weights -------------------------------------------------------------------------------------------

LEARNED = BlendWeights(
    signals=("text", "taste"),
    history_edges=(0, 5),
    evidence_edges=(0, 1, 10),
    table=(
        ((1.0, 0.0), (0.8, 0.0), (0.5, 0.0)),
        ((0.9, 0.1), (0.4, 0.6), (0.0, 1.0)),
    ),
)
"""Rows: fewer than 5 items in the history, or more. Columns: 0, 1 to 9, or more events of the candidate."""


@pytest.mark.parametrize(
    ("n_history", "expected"),
    [
        (0, [[1.0, 0.0], [0.8, 0.0], [0.8, 0.0], [0.5, 0.0]]),
        (4, [[1.0, 0.0], [0.8, 0.0], [0.8, 0.0], [0.5, 0.0]]),
        (5, [[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.0, 1.0]]),
        (500, [[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.0, 1.0]]),
    ],
)
def test_weights_by_length_of_the_history_and_evidence_of_the_candidate(n_history, expected):
    weights = LEARNED.of(n_history, float32(0, 1, 9, 10))
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, expected)


def test_a_signal_is_active_when_any_candidate_can_have_its_weight():
    assert LEARNED.active(4) == {"text": True, "taste": False}
    assert LEARNED.active(5) == {"text": True, "taste": True}


def test_the_row_of_the_table_by_length():
    assert LEARNED.buckets(np.array([0, 4, 5, 99])).tolist() == [0, 0, 1, 1]


GIVEN = {"text": 2.0, "words": 0.5, "taste": 0.0}


@pytest.mark.parametrize(
    ("asked", "by_text", "by_history"),
    [
        ({}, (2.0, 0.5, 0.0), (0.4, 0.5, 0.6)),
        ({"taste": 3.0}, (2.0, 0.5, 3.0), (0.4, 0.5, 3.0)),
        ({"text": 0.0}, (0.0, 0.5, 0.0), (0.0, 0.5, 0.6)),
    ],
)
def test_the_request_decides_before_what_was_learned_before_the_settings(asked, by_text, by_history):
    """What was learned holds for histories, not for texts."""
    weights = QuestionWeights(GIVEN, LEARNED, asked, n_history=5)
    for origin, expected in (("text", by_text), ("history", by_history)):
        parts = [SignalQuery(name, origin, float32(0), 1.0) for name in GIVEN]
        assert [weights.of(part, float32(3))[0] for part in parts] == pytest.approx(expected)
        assert [weights.counts(part) for part in parts] == [weight > 0 for weight in expected]


def test_a_signal_is_asked_when_it_counts_for_a_text_or_for_a_history():
    before_a_fit = QuestionWeights(GIVEN, None, {}, n_history=5)
    names = ("text", "words", "taste", "unknown")
    assert [name for name in names if before_a_fit.is_active(name)] == ["text", "words"]
    assert QuestionWeights(GIVEN, LEARNED, {}, n_history=5).is_active("taste")
    assert not QuestionWeights(GIVEN, LEARNED, {}, n_history=1).is_active("taste")
    assert not QuestionWeights(GIVEN, LEARNED, {"words": 0.0}, n_history=5).is_active("words")


def test_a_signal_without_a_weight_counts_nothing():
    weights = QuestionWeights({}, None, {}, 0)
    for origin in ("text", "history"):
        part = SignalQuery("own", origin, float32(0), 1.0)
        assert weights.of(part, float32(1, 2)).tolist() == [0, 0]
        assert not weights.counts(part)


# -- laws ----------------------------------------------------------------------------------------------

NUMBERS = st.floats(-100, 100, width=32)


@st.composite
def questions(draw):
    """Parts of one question: raw scores, weights, and the parts made of them."""
    n_candidates, n_history = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    parts, weights = [], []
    for name, origin in (("text", "history"), ("text", "text"), ("words", "text")):
        n_terms = n_history if origin == "history" else 1
        raw = draw(hnp.arrays(np.float32, n_candidates, elements=NUMBERS))
        offsets = draw(hnp.arrays(np.float32, n_terms, elements=NUMBERS))
        weights.append(draw(st.floats(0, 4)))
        query = SignalQuery(name, origin, offsets, draw(st.floats(0.125, 8)))
        given_weights = QuestionWeights({name: weights[-1]}, None, {}, n_history)
        parts.append(scored_part(query, raw, given_weights, np.zeros(n_candidates, np.float32)))
    return parts, weights


@given(questions())
def test_parts_add_up_to_the_score_of_the_formula(case):
    parts, weights = case
    expected = sum(
        weight * (part.raw.astype(float) - part.query.offsets.astype(float).sum()) / part.query.scale
        for part, weight in zip(parts, weights, strict=True)
    )
    scores = blended_scores(parts, len(parts[0].raw))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(sum(signal_totals(parts).values()), scores, rtol=1e-4, atol=1e-2)


def numbers_of(part: ScoredPart):
    return part.raw, part.factors, part.query.offsets


@given(questions())
def test_inputs_are_not_changed(case):
    parts, _ = case
    before = [[array.copy() for array in numbers_of(part)] for part in parts]
    blended_scores(balance(parts), len(parts[0].raw))
    signal_totals(parts)
    for part, kept in zip(parts, before, strict=True):
        for now, then in zip(numbers_of(part), kept, strict=True):
            np.testing.assert_array_equal(now, then)


@given(questions())
def test_balance_makes_both_origins_count_the_same(case):
    before, _ = case
    after = balance(before)

    def best(parts, origin):
        values = [part.values for part in parts if part.query.origin == origin]
        return max(np.sum(values, axis=0).max(), 0)

    if best(before, "text") > 1e-3 and best(before, "history") > 1e-3:
        assert best(after, "history") == pytest.approx(best(after, "text"), rel=1e-3)
    assert best(after, "text") == best(before, "text")
