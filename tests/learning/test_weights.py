"""The weights of the blend: learned on tables of validation queries, by NDCG@10."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semrec.learning import weights as w
from semrec.learning.stages import HISTORY_EDGES

EVENTS = np.ones(50, np.float32)


def table_of(signals, targets, lengths=None, events=EVENTS):
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


def test_only_ten_items_are_looked_at():
    targets = np.zeros((2, 50), bool)
    targets[0, 9] = targets[1, 10] = True
    scores = np.tile(-np.arange(50.0), (2, 1))
    value = w.ndcg(table_of([scores], targets), torch.ones(1))
    np.testing.assert_allclose(value, [1 / np.log2(11), 0], atol=1e-6)


def test_candidates_are_the_hundred_best_items_of_every_signal():
    """Targets that no signal finds count against the blend."""
    targets = np.zeros((1, 500), bool)
    targets[0, [99, 100, 250]] = True
    scores = -np.arange(500.0)[None]
    events = np.ones(500, np.float32)
    one = table_of([scores], targets, events=events)
    assert (one.z.shape[1], int(one.hit.sum()), int(one.targets)) == (100, 1, 3)
    both = table_of([scores, -scores], targets, events=events)
    assert (both.z.shape[1], int(both.hit.sum()), int(both.targets)) == (200, 1, 3)


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
    np.testing.assert_allclose(rows[0], 0.5)  # no history is so short


def test_cold_items_that_are_wrong_are_held_back():
    targets, good = informed(100, 0.3, 5)
    events = np.ones(50, np.float32)
    events[40:] = 0
    targets[:, 40:] = False
    good[:, 40:] = 4  # they look best and are never right
    table = table_of([good], targets, events=events)
    assert w.cold_factor(table, torch.ones(100, 1), torch.ones(1), (1.0, 0.5, 0.1)) == pytest.approx(0.1)


def new_and_known(n_queries=200):
    """Known items that their signal finds, and new ones, each of them wanted by every fifth user."""
    rng = np.random.default_rng(8)
    events = np.ones(50, np.float32)
    events[40:] = 0
    targets = rng.random((n_queries, 50)) < 0.06
    targets[:, 0] |= ~targets[:, :40].any(axis=1)
    scores = standard(targets * 3.0 + rng.normal(size=targets.shape))
    scores[:, 40:] /= 4  # predicted scores are smaller
    return table_of([scores], targets, events=events)


def left_to_known(table, factor):
    """Return the NDCG@10 of known items beside new ones of this scale, and without them, of each query."""
    known = table.hit & ~table.cold
    targets = table.targets - (table.hit & table.cold).sum(1)
    left = replace(table, hit=known, targets=targets)
    scores = torch.where(table.cold, factor * table.z[:, :, 0], table.z[:, :, 0])
    return w.ndcg_of(left, scores)[targets > 0], w.ndcg(table.warm_only(), torch.ones(1))


@pytest.mark.parametrize("n_queries", [200, 2000])
def test_new_items_count_as_much_as_known_items_can_surely_bear(n_queries):
    table, grid = new_and_known(n_queries), tuple(0.25 * 1.1**step for step in range(40))
    factor = w.new_factor(table, torch.ones(n_queries, 1), torch.ones(1), grid)
    assert grid[0] < factor < grid[-1]
    for tried in grid[: grid.index(factor) + 2]:
        left, alone = (values.numpy() for values in left_to_known(table, tried))
        lost = alone - left
        at_most = lost.mean() + 1.645 * lost.std() / np.sqrt(len(lost))
        assert (at_most <= 0.005 * alone.mean()) == (tried <= factor)


def test_the_more_queries_the_more_is_sure():
    grid = tuple(0.25 * 1.1**step for step in range(40))
    few, many = (w.new_factor(new_and_known(n), torch.ones(n, 1), torch.ones(1), grid) for n in (100, 4000))
    assert few < many


def test_without_queries_new_items_count_half():
    assert w.new_factor(w.empty_table(1), torch.ones(0, 1), torch.ones(1), (0.25, 1.0, 2.0)) == 0.5


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


# -- what the tuning constants do ------------------------------------------------------------------------


def perfect_and_useless(n_queries, lengths=None):
    """Return a table of two signals: the first puts the target first, the second, which is weak, last."""
    targets = np.zeros((n_queries, 50), bool)
    targets[:, 7] = True
    perfect = standard(targets + np.linspace(0, 0.1, 50))
    return table_of([perfect, -perfect / 10], targets, lengths)


@pytest.mark.parametrize("n_queries", [1, 5, 20, 41, 49, 50, 200])
def test_a_signal_that_does_not_help_gets_nothing_however_few_the_queries(n_queries):
    learned = w.learn_weights(perfect_and_useless(n_queries), np.array([0.5, 0.5], np.float32), seed=0)
    np.testing.assert_allclose(learned, [1, 0])


@pytest.mark.parametrize("seed", range(4))
def test_with_41_users_the_blend_is_not_below_the_best_single_signal(seed):
    """The prior wants most of a signal that is of no use here."""
    targets, good = informed(41, 1.0, seed)
    rng = np.random.default_rng(seed + 50)
    useless = [standard(rng.normal(size=targets.shape)) for _ in range(2)]
    table = table_of([useless[0], good, useless[1]], targets)
    learned = w.learn_weights(table, np.array([0.5, 0.2, 0.3], np.float32), seed=0)
    weights = torch.from_numpy(learned)
    assert float(w.ndcg(table, weights).mean()) >= float(w.alone(table).max())
    gains = w.ablation(table, weights)
    assert not learned[gains <= 0].any()


def test_with_50_queries_the_prior_counts_as_much_as_they_do():
    """Each signal is right for half of the users, so both help."""
    is_first = (np.arange(50) % 2 == 0)[:, None]
    targets = np.zeros((50, 50), bool)
    targets[:, 7] = True
    right = standard(targets + np.linspace(0, 0.1, 50))
    noise = standard(np.random.default_rng(0).normal(size=targets.shape)) / 10
    table = table_of([np.where(is_first, right, noise), np.where(is_first, noise, right)], targets)
    even, skewed = (
        w.learn_weights(table, np.array(prior, np.float32), seed=0) for prior in ([0.5, 0.5], [0.9, 0.1])
    )
    np.testing.assert_allclose(skewed - even, [0.2, -0.2], atol=1e-6)


def test_without_a_hit_the_prior_stands():
    """Nothing was found by any signal: that says nothing of any of them."""
    targets = np.zeros((10, 300), bool)
    targets[:, 299] = True
    scores = np.tile(-np.arange(300.0), (10, 1))
    table = table_of([scores, 2 * scores], targets, events=np.ones(300, np.float32))
    prior = np.array([0.7, 0.3], np.float32)
    np.testing.assert_allclose(w.learn_weights(table, prior, seed=0), prior)


def test_a_few_queries_of_one_length_do_not_bring_back_a_useless_signal():
    common = np.array([1, 0], np.float32)
    targets = np.zeros((20, 50), bool)
    targets[:, 7] = True
    right = standard(targets + np.linspace(0, 0.1, 50))
    for n_queries, is_back in ((20, False), (60, True)):
        table = table_of([-right / 10, right], targets).take(torch.arange(n_queries) % 20)
        (row,) = w.learn_by_length(table, (0,), common, seed=0)
        assert (row[1] > 0) == is_back


def test_with_50_queries_a_length_counts_as_much_as_all_together():
    everywhere = np.array([0, 1], np.float32)
    table = perfect_and_useless(300, np.repeat([1, 9], [200, 100]))
    _, one, nine = w.learn_by_length(table, (0, 1, 5), everywhere, seed=0)
    np.testing.assert_allclose(one, [200 / 250, 50 / 250], atol=1e-6)
    np.testing.assert_allclose(nine, [100 / 150, 50 / 150], atol=1e-6)


def test_histories_of_doubled_length_get_weights_of_their_own():
    """The signal that is right changes at 1, 2, 4, 8, 16, 32 and 64 events."""
    spans = [(0, 0), (1, 1), (2, 3), (4, 7), (8, 15), (16, 31), (32, 63), (64, 200)]
    lengths = np.repeat([length for span in spans for length in span], 60)
    is_odd = np.repeat(np.arange(len(spans)) % 2 == 1, 120)[:, None]
    targets = np.zeros((len(lengths), 50), bool)
    targets[:, 7] = True
    right = standard(targets + np.linspace(0, 0.1, 50))
    signals = [np.where(is_odd, right, -right), np.where(is_odd, -right, right)]
    common = np.array([0.5, 0.5], np.float32)
    rows = w.learn_by_length(table_of(signals, targets, lengths), HISTORY_EDGES, common, seed=0)
    assert [row[0] > row[1] for row in rows] == [False, True] * 4
    np.testing.assert_allclose([row.max() for row in rows], 1 - 0.5 * 50 / 170, atol=1e-6)
