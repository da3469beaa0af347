"""Batches of items that teach something together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from semrec.finetuning.batch_plan import history_batches, pair_batches
from semrec.finetuning.pairs import hard_negatives, partners


@pytest.fixture(scope="module")
def user_items():
    """Ten clubs of ten items; each of 200 users uses five items of one club."""
    random = np.random.default_rng(0)
    found = np.zeros((200, 110), np.float32)
    for user in range(200):
        found[user, 10 * (user % 10) + random.choice(10, 5, replace=False)] = 1
    return csr_array(found)  # the last ten items have no events


def n_pairs(user_items, batch) -> int:
    """Pairs of the batch that a user has used."""
    inside = user_items[:, batch]
    together = (inside.T @ inside).toarray() > 0
    return int((together.sum() - np.trace(together)) // 2)


def test_batches_have_different_items_with_events(user_items):
    batches = history_batches(user_items, 8, 40, seed=1)
    assert [len(batch) for batch in batches] == [40] * 8
    assert all(len(np.unique(batch)) == 40 for batch in batches)
    assert max(batch.max() for batch in batches) < 100


def test_a_batch_of_histories_has_more_pairs_than_a_random_one(user_items):
    random = np.random.default_rng(2)
    planned = np.mean([n_pairs(user_items, batch) for batch in history_batches(user_items, 20, 20, seed=1)])
    drawn = np.mean([n_pairs(user_items, random.choice(100, 20, replace=False)) for _ in range(20)])
    assert planned > 1.3 * drawn


def test_a_batch_is_not_larger_than_the_items_with_events(user_items):
    assert [len(batch) for batch in history_batches(user_items, 2, 1000, seed=1)] == [100, 100]


def test_the_same_seed_plans_the_same_batches(user_items):
    first, again = (np.stack(history_batches(user_items, 4, 30, seed=3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, np.stack(history_batches(user_items, 4, 30, seed=4)))


def test_a_batch_of_pairs_has_partners_of_its_items(user_items):
    together = partners(user_items, seed=0)
    n_events = np.bincount(user_items.indices, minlength=110)
    vectors = random_array((110, 4), density=1.0, rng=np.random.default_rng(0)).toarray().astype(np.float32)
    hard = hard_negatives(vectors, together, n_events)
    batches = pair_batches(together, hard, n_events, 20, 20, seed=1)
    assert all(len(np.unique(batch)) == 20 for batch in batches)
    random = np.random.default_rng(2)
    planned = np.mean([n_pairs(user_items, batch) for batch in batches])
    drawn = np.mean([n_pairs(user_items, random.choice(100, 20, replace=False)) for _ in range(20)])
    assert planned > 1.3 * drawn
