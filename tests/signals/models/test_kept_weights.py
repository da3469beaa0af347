"""Which weights an item keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semrec.signals.models.kept_weights import prune, spread

COLUMNS = torch.tensor([[0.0, 0.5, -0.9, 0.2], [0.1, 0.0, 0.3, -0.2]])
"""Two items: row r holds what item r gets from each of four."""

KEPT = {
    "size": [[0, 0.5, -0.9, 0], [0, 0, 0.3, -0.2]],
    "size and use": [[0, 0.5, 0, 0.2], [0, 0, 0.3, -0.2]],
    "positive size": [[0, 0.5, 0, 0.2], [0.1, 0, 0.3, 0]],
    "positive size and use": [[0, 0.5, 0, 0.2], [0.1, 0, 0.3, 0]],
}


@pytest.mark.parametrize("worth", KEPT)
def test_the_largest_are_kept(worth):
    use = np.array([1.0, 2.0, 1.0, 5.0], np.float32)
    square = torch.cat([COLUMNS, torch.zeros(2, 4)])
    found = prune([(0, square[:1]), (1, square[1:])], use, (worth,), 2)[worth]
    np.testing.assert_allclose(found.toarray().T[:2], np.array(KEPT[worth], np.float32))
    assert found.nnz == np.count_nonzero(KEPT[worth])


def test_items_without_events_get_empty_columns():
    kept = prune([(0, torch.tensor([[0.0, 0.5], [0.2, 0.0]]))], np.ones(2, np.float32), ("size",), 2)["size"]
    whole = spread(kept, np.array([1, 3]), 4).toarray()
    assert whole[1, 3] == pytest.approx(0.2)
    assert whole[3, 1] == pytest.approx(0.5)
    assert np.count_nonzero(whole) == 2
