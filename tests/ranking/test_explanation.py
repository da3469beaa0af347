"""Reasons and their shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from semrec.ranking.explanation import (
    SMALLEST_PART,
    Contributions,
    by_reason,
    by_signal,
    nearest_pair,
    reasons,
    shares,
)

LIKED = np.ones(3, bool)


def float32(*rows):
    return np.array(rows, np.float32)


def parts():
    """One candidate; three items of a history by two signals, and a text by one."""
    return [
        Contributions("text", "history", float32([2, 0.5, -1])),
        Contributions("collaborative", "history", float32([1, 0.5, 0])),
        Contributions("text", "text", float32([1])),
    ]


def reasons_of(parts, liked=LIKED, n_named=3):
    """The reasons for the first candidate."""
    parts = [Contributions(part.signal, part.origin, part.values[:1]) for part in parts]
    (why,) = reasons(parts, 1, liked, n_named)
    return why


def test_the_reasons_of_one_candidate_by_hand():
    why = reasons_of(parts())
    # Signals: text 2 + 0.5 - 1 + 1 = 2.5, collaborative 1.5, of 4.
    assert why.signals == pytest.approx({"text": 0.625, "collaborative": 0.375})
    # Reasons: items 3, 1 and -1, the text 1; what speaks for it adds up to 5.
    assert why.history.tolist() == [0, 1]
    np.testing.assert_allclose(why.shares, [0.6, 0.2])
    np.testing.assert_allclose(why.contributions, [3, 1])
    assert not why.by_text


def test_a_disliked_item_is_never_named():
    why = reasons_of(parts(), np.array([False, True, True]))
    assert why.history.tolist() == [1]
    np.testing.assert_allclose(why.shares, [0.2])


def test_at_most_so_many_items_are_named():
    assert reasons_of(parts(), n_named=1).history.tolist() == [0]


def test_the_text_is_the_reason_when_no_item_is_louder():
    loud = [*parts(), Contributions("bm25", "text", float32([2]))]
    assert reasons_of(loud).by_text


def test_a_text_alone():
    why = reasons_of([Contributions("text", "text", float32([2], [-1]))], np.empty(0, bool))
    assert why.signals == {"text": 1.0}
    assert why.history.tolist() == []
    assert why.by_text


def test_an_item_that_everything_speaks_against():
    why = reasons_of([Contributions("text", "history", float32([-3, -1]))], np.ones(2, bool))
    assert why.history.tolist() == []
    assert why.signals == {"text": -1.0}


def test_text_and_history_of_one_signal_count_together():
    names, totals = by_signal(parts(), 1)
    assert names == ["text", "collaborative"]
    assert totals.tolist() == [[2.5, 1.5]]


def test_after_the_history_come_the_text_and_the_catalog():
    np.testing.assert_allclose(by_reason(parts(), 1, 3), [[3, 1, -1, 1, 0]])


def test_every_candidate_has_its_own_reasons():
    two = [
        Contributions("text", "history", float32([2, 1], [-1, 3])),
        Contributions("collaborative", "history", float32([0, 2], [1, 0])),
        Contributions("popularity", "catalog", float32([1], [9])),
    ]
    first, second = reasons(two, 2, np.ones(2, bool), n_named=3)
    assert first.history.tolist() == [1, 0]  # 3 and 2
    assert first.by == ("collaborative", "text")
    assert second.history.tolist() == [1]  # 3; the other one is 0
    assert second.by == ("text",)
    assert second.signals == pytest.approx({"text": 2 / 12, "collaborative": 1 / 12, "popularity": 9 / 12})
    none = [Contributions(part.signal, part.origin, part.values[:0]) for part in two]
    assert reasons(none, 0, np.ones(2, bool), n_named=3) == []


def test_without_any_signal_there_are_no_reasons():
    assert reasons_of([]).history.tolist() == []


VALUES = hnp.arrays(np.float32, st.integers(1, 8), elements=st.floats(-100, 100, width=32))


@example(np.array([-10, 1e-5], np.float32))
@given(VALUES)
def test_what_speaks_for_an_item_adds_up_to_one(values):
    """What is about a millionth of all that is said may be taken for a reason or for rounding."""
    (found,) = shares(values[None])
    assert found.dtype == np.float32
    assert (np.sign(found) * np.sign(values) >= 0).all()
    speaks_for, said = values[values > 0].sum(dtype=np.float64), np.abs(values).sum(dtype=np.float64)
    if speaks_for > 2 * SMALLEST_PART * said:
        assert found[found > 0].sum() == pytest.approx(1, abs=1e-4)
        assert found.max() <= 1 + 1e-6
    elif speaks_for < SMALLEST_PART / 2 * said:
        assert found.sum() == pytest.approx(-1, abs=1e-4)


def test_nothing_said_is_nothing_shared():
    assert shares(np.zeros((1, 3), np.float32)).tolist() == [[0, 0, 0]]


@given(VALUES)
def test_shares_keep_the_order(values):
    assert (np.diff(shares(values[None])[0, np.argsort(values)]) >= 0).all()


def test_the_nearest_pair_of_passages():
    left = float32([1, 0], [0, 1], [0.6, 0.8])
    right = float32([-1, 0], [0.8, 0.6])
    # The cosines to the second of the right ones are 0.8, 0.6 and 0.96.
    assert nearest_pair(left, right) == (2, 1)
    assert nearest_pair(left[:1], right[:1]) == (0, 0)
