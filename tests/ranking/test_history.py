"""The history of a question: known items, their weights, and what a user wants of their interests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from semrec.errors import UnknownItemError
from semrec.ranking.history import History, apply_preferences, check_known, interest_weights
from semrec.types import item_keys


def history(*weights, unknown=()):
    item_ids = tuple("abcdef"[: len(weights)])
    none = np.empty((len(weights), 0), np.float32)
    return History(item_ids, item_keys(item_ids), np.array(weights, np.float32), None, none, unknown)


def test_a_history_is_as_long_as_its_liked_items():
    assert history(1.0, 0.5, -1.0, 0.0).length == 2
    assert history(-1.0, -0.5, 0.0).length == 2
    assert history(0.0).length == 0


def test_a_history_of_weights_0_is_empty():
    assert history(0.0, 0.0).is_empty
    assert not history(0.0, -1.0).is_empty


def test_a_preference_holds_for_the_interest_of_its_item_and_the_latest_wins():
    interests = np.array([0, 0, 1, -1])
    weights = interest_weights(history(1, 1, 1, -1), interests, {"a": 0.0, "b": 2.0, "c": 0.5, "gone": 9.0})
    assert weights.tolist() == [2.0, 0.5]
    assert interest_weights(history(1, 1, 1, -1), interests, {"d": 5.0}).tolist() == [1.0, 1.0]


def test_preferences_scale_liked_items_only():
    before = history(1.0, 2.0, 4.0, -1.0)
    after = apply_preferences(before, np.array([0, 0, 1, -1]), np.array([0.0, 0.5], np.float32))
    assert after.weights.tolist() == [0.0, 0.0, 2.0, -1.0]
    assert before.weights.tolist() == [1.0, 2.0, 4.0, -1.0]


def test_what_was_seen_has_keys_in_the_index_or_not():
    before = replace(history(1.0, 2.0), seen=("z", "b", "y"))
    assert sorted(before.seen_keys.tolist()) == sorted(item_keys(["b", "y", "z"]).tolist())
    assert history(1.0).seen_keys.tolist() == []


def test_a_history_of_unknown_items_names_the_first_five():
    ids = tuple(f"item {n}" for n in range(7))
    with pytest.raises(UnknownItemError, match="'item 4' and 2 more"):
        check_known(history(unknown=ids))
    check_known(history(1.0, unknown=ids))
