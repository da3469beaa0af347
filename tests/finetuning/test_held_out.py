"""What a fine-tune does not see."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from semrec.finetuning.held_out import LEAST_LEFT, hold_out, part_of


def interactions(seed=0, shape=(60, 40), density=0.2) -> csr_array:
    matrix = csr_array(random_array(shape, density=density, rng=np.random.default_rng(seed)))
    matrix.sort_indices()
    return matrix


@pytest.mark.parametrize("seed", range(5))
def test_every_event_is_in_one_part(seed):
    user_items = interactions(seed)
    parts = hold_out(user_items, seed)
    total = sum(one.astype(int) for one in (parts.train, parts.validation, parts.cold, parts.warm))
    assert (total == 1).all()
    assert not set(parts.cold_items) & set(parts.validation_items)
    assert set(user_items.indices[parts.cold]) == set(parts.cold_items)
    assert set(user_items.indices[parts.validation]) == set(parts.validation_items)


def test_held_out_items_are_spread_over_the_order_of_popularity():
    counts = np.arange(1, 41)
    user_items = csr_array(np.tril(np.ones((40, 40), np.float32)).T[:, ::-1])
    assert sorted(np.bincount(user_items.indices)) == counts.tolist()
    popular = [np.bincount(user_items.indices)[hold_out(user_items, seed).cold_items] for seed in range(20)]
    assert all(len(one) == 4 for one in popular)
    assert all(one.max() > 30 and one.min() <= 10 for one in popular)


def test_one_event_is_held_out_of_each_user_with_enough_others():
    user_items = interactions()
    parts = hold_out(user_items, 1)
    rows = np.repeat(np.arange(60), np.diff(user_items.indptr))
    allowed = np.bincount(rows[~parts.cold & ~parts.validation], minlength=60)
    np.testing.assert_array_equal(np.bincount(rows[parts.warm], minlength=60), allowed > LEAST_LEFT)


def test_the_same_seed_gives_the_same_parts():
    user_items = interactions()
    np.testing.assert_array_equal(hold_out(user_items, 4).warm, hold_out(user_items, 4).warm)
    assert not np.array_equal(hold_out(user_items, 4).warm, hold_out(user_items, 5).warm)


def test_a_part_keeps_the_shape_and_the_values():
    matrix = csr_array(np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 3.0]]))
    part = part_of(matrix, np.array([False, True, True]))
    np.testing.assert_array_equal(part.toarray(), [[0, 2, 0], [0, 0, 0], [0, 0, 3]])
