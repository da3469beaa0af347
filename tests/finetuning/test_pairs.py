"""Items that are used together, and items that only read alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from semrec.finetuning.pairs import MOST_OF_A_USER, hard_negatives, partners


def test_weights_by_hand():
    # Users: {0, 1}, {0, 1, 2}, {0}. Item 0 is used three times, items 1 twice, item 2 once.
    user_items = csr_array(np.array([[1.0, 1.0, 0.0], [5.0, 1.0, 1.0], [1.0, 0.0, 0.0]]))
    found = partners(user_items, seed=0).toarray()
    expected = np.array(
        [
            [0, (1 / 2 + 1 / 3) / np.sqrt(6), (1 / 3) / np.sqrt(3)],
            [0, 0, (1 / 3) / np.sqrt(2)],
            [0, 0, 0],
        ]
    )
    np.testing.assert_allclose(found, expected + expected.T, rtol=1e-6)


def test_a_popular_item_is_not_the_best_partner_of_every_item():
    # Item 0 is used by all; items 1 and 2 only together.
    user_items = csr_array(np.array([[1.0, 1.0, 1.0]] * 2 + [[1.0, 0.0, 0.0]] * 20))
    found = partners(user_items, seed=0).toarray()
    assert found[1].argmax() == 2


def test_a_user_of_very_many_items_gives_only_some_pairs():
    user_items = csr_array(np.ones((1, MOST_OF_A_USER + 50), np.float32))
    found = partners(user_items, seed=0)
    assert (np.diff(found.indptr) > 0).sum() == MOST_OF_A_USER


def test_hard_negatives_read_alike_and_were_never_used_together():
    vectors = np.array([[1.0, 0.0], [0.9, 0.1], [0.8, 0.2], [-1.0, 0.0]], np.float32)
    together = csr_array(np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0] * 4, [0] * 4], np.float32))
    found = hard_negatives(vectors, together, np.array([2, 2, 1, 0])).toarray()
    assert found[0].tolist() == [0, 0, 1, 0]  # 1 was used with it, 3 has no events
    assert found[2].tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("n_items", [1, 2])
def test_tiny_catalogs_have_no_hard_negatives_of_themselves(n_items):
    vectors = np.eye(n_items, 2, dtype=np.float32)
    found = hard_negatives(vectors, csr_array((n_items, n_items), dtype=np.float32), np.ones(n_items, int))
    assert found.diagonal().sum() == 0
