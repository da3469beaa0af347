import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semrec.learning import weights as w

EVENTS = np.ones(50, np.float32)


def table_of(signals, targets, seed=0, lengths=None, events=EVENTS):
    """A table in which nothing is excluded."""
    allowed = np.ones(targets.shape, bool)
    lengths = np.full(len(targets), 5) if lengths is None else lengths
    return w.candidates([s.astype(np.float32) for s in signals], allowed, targets, lengths, events)


def standard(values):
    return (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)


def informed(n_queries, noise, seed):
    """Targets, and one signal that knows them up to noise."""
    rng = np.random.default_rng(seed)
    targets = rng.random((n_queries, 50)) < 0.06
    targets[:, 0] |= ~targets.any(axis=1)
    return targets, standard(targets * 2.0 + rng.normal(size=targets.shape) * noise)


def test_ndcg_by_hand():
    targets = np.zeros((1, 50), bool)
    targets[0, [3, 7]] = True
    scores = np.zeros((1, 50))
    scores[0, [3, 5, 7]] = 3, 2, 1  # hits at places 1 and 3
    value = w.ndcg(table_of([scores], targets), torch.ones(1))
    assert float(value) == pytest.approx((1 + 0.5) / (1 + 1 / np.log2(3)), abs=1e-6)


def test_targets_that_no_signal_finds_count_against():
    targets = np.zeros((1, 500), bool)
    targets[0, [3, 499]] = True
    scores = -np.arange(500.0)[None]
    table = table_of([scores], targets, events=np.ones(500, np.float32))
    assert table.z.shape[1] == w.PER_SIGNAL
    assert int(table.targets) == 2


def test_a_useless_signal_gets_nothing():
    targets, good = informed(400, 0.7, 1)
    noise = standard(np.random.default_rng(2).normal(size=good.shape))
    learned = w.learn_weights(table_of([good, noise], targets), np.array([0.5, 0.5]), seed=0)
    assert learned[1] < 0.05
    assert learned.sum() == pytest.approx(1)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), noise=st.floats(0.3, 3))
def test_the_blend_is_no_worse_than_the_best_single_signal(seed, noise):
    targets, first = informed(80, noise, seed)
    rng = np.random.default_rng(seed + 1)
    second = standard(targets + rng.normal(size=targets.shape))
    table = table_of([first, second], targets)
    learned = torch.from_numpy(w.learn_weights(table, np.array([0.5, 0.5]), seed=0))
    assert float(w.ndcg(table, learned).mean()) >= float(w.alone(table).max())


def test_two_good_signals_are_both_used_and_each_adds_something():
    targets, first = informed(400, 1.0, 3)
    second = standard(targets * 2.0 + np.random.default_rng(9).normal(size=targets.shape))
    table = table_of([first, second], targets)
    learned = w.learn_weights(table, np.array([0.5, 0.5]), seed=0)
    assert learned.min() > 0.2
    assert w.ablation(table, torch.from_numpy(learned)).min() > 0.02


def test_without_queries_the_prior_stands():
    prior = np.array([0.7, 0.3], np.float32)
    np.testing.assert_allclose(w.learn_weights(w.empty_table(2), prior, seed=0), prior)
    for row in w.learn_by_length(w.empty_table(2), (0, 1, 2), prior, seed=0):
        np.testing.assert_allclose(row, prior)


def test_lengths_get_their_own_weights():
    rng = np.random.default_rng(0)
    targets, good = informed(1200, 0.5, 4)
    noise = standard(rng.normal(size=good.shape))
    lengths = np.where(np.arange(1200) < 600, 1, 9)
    is_short = (lengths == 1)[:, None]
    signals = [np.where(is_short, good, noise), np.where(is_short, noise, good)]
    rows = w.learn_by_length(
        table_of(signals, targets, lengths=lengths), (0, 1, 2), np.array([0.5, 0.5], np.float32), seed=0
    )
    assert rows[1][0] > rows[1][1]
    assert rows[2][1] > rows[2][0]
    np.testing.assert_allclose(rows[0], 0.5)  # nobody is so short


def test_cold_items_that_are_wrong_are_held_back():
    targets, good = informed(100, 0.3, 5)
    events = np.ones(50, np.float32)
    events[40:] = 0
    targets[:, 40:] = False
    good[:, 40:] = 4  # they look best and are never right
    table = table_of([good], targets, events=events)
    assert w.cold_factor(table, torch.ones(100, 1), torch.ones(1), (1.0, 0.5, 0.1)) == pytest.approx(0.1)


def test_warm_only_leaves_cold_items_out():
    targets = np.zeros((2, 50), bool)
    targets[0, 49] = targets[1, 3] = True
    events = np.ones(50, np.float32)
    events[49] = 0
    scores = np.random.default_rng(0).normal(size=(2, 50))
    table = table_of([scores], targets, events=events).warm_only()
    assert len(table) == 1
    assert int(table.targets) == 1


def test_tables_of_different_width_join():
    targets, good = informed(6, 0.5, 6)
    narrow = table_of([good[:2, :20]], targets[:2, :20], events=EVENTS[:20])
    wide = table_of([good[2:]], targets[2:])
    both = w.join([narrow, wide])
    np.testing.assert_allclose(
        w.ndcg(both, torch.ones(1)),
        torch.cat([w.ndcg(narrow, torch.ones(1)), w.ndcg(wide, torch.ones(1))]),
    )
