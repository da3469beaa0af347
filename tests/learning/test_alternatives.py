"""Alternatives of a signal: the blend decides, not what finds most alone."""

from __future__ import annotations

import numpy as np
import pytest

from semrec.learning.alternatives import Rivals
from semrec.learning.weights import candidates, held_out_ndcg

PRIOR = np.array([0.5, 0.5], np.float32)
FOUND = [{"": {"text": 1}}, {"repeats": {"way": 1}, "adds": {"way": 2}}]


def table_of(signals, targets):
    allowed, lengths = np.ones(targets.shape, bool), np.full(len(targets), 5)
    events = np.ones(targets.shape[1], np.float32)
    return candidates([s.astype(np.float32) for s in signals], allowed, targets, lengths, events)


def two_halves_of_the_truth(seed=0):
    """One signal knows the first target of a user, "repeats" knows it better, "adds" knows the second."""
    rng = np.random.default_rng(seed)
    targets = np.zeros((80, 50), bool)
    first, second = rng.integers(25, size=80), 25 + rng.integers(25, size=80)
    targets[np.arange(80), first] = targets[np.arange(80), second] = True
    noise = rng.normal(size=(3, 80, 50)) * 0.5
    of_first, of_second = (np.arange(50) == column[:, None] for column in (first, second))
    return table_of([3 * of_first + noise[0], 4 * of_first + noise[1], 2 * of_second + noise[2]], targets)


def test_columns_are_first_alternatives_and_then_the_rest():
    rivals = Rivals.of(FOUND)
    assert [(one.place, one.name) for one in rivals.all] == [(0, ""), (1, "repeats"), (1, "adds")]
    assert rivals.firsts == (0, 1)
    assert rivals.options((0, 2)) == [{"text": 1}, {"way": 2}]


def test_the_alternative_with_the_best_blend_is_taken():
    table = two_halves_of_the_truth()
    columns, compared = Rivals.of(FOUND).best(table, PRIOR, seed=0)
    assert columns == (0, 2)
    assert set(compared) == {"repeats", "adds"}
    assert compared["adds"] > 1.1 * compared["repeats"]
    assert compared["adds"] == pytest.approx(held_out_ndcg(table.of_signals((0, 2)), PRIOR, 0).mean())


def test_of_equal_alternatives_the_first_is_taken():
    table = two_halves_of_the_truth().of_signals((0, 2, 2))
    columns, compared = Rivals.of(FOUND).best(table, PRIOR, seed=0)
    assert columns == (0, 1)
    assert compared["adds"] == compared["repeats"]


def test_an_alternative_that_is_better_by_chance_is_not_taken():
    """Both know the same of all users: which one finds more is noise."""
    noise = np.random.default_rng(3).normal(size=(3, 80, 50))
    targets = np.eye(50, dtype=bool)[np.arange(80) % 50]
    table = table_of([noise[0], 2 * targets + noise[1], 2 * targets + noise[2]], targets)
    rivals = Rivals.of(FOUND)
    found = [rivals.best(table.of_signals(order), PRIOR, seed=0) for order in ((0, 1, 2), (0, 2, 1))]
    assert [columns for columns, _ in found] == [(0, 1), (0, 1)]
    assert len({compared["adds"] > compared["repeats"] for _, compared in found}) == 2


def test_signals_without_alternatives_are_not_compared():
    columns, compared = Rivals.of([{"": {}}, {"": {}}]).best(two_halves_of_the_truth(), PRIOR, seed=0)
    assert (columns, compared) == ((0, 1), {})
