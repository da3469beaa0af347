"""The `trending` signal: what many have used lately."""

from __future__ import annotations

import numpy as np
import pytest
from asking import keys_of, new_items, parts_of, question_of, scores_of
from scipy.sparse import csr_array

from semrec.signals.fitting import TrainingData
from semrec.signals.trending import TRENDING, TrendingSignal
from semrec.store.protocol import VectorField

DAY = 86_400
N_USERS, N_SEASONS = 120, 4


def data_of_seasons(times=True):
    """Return one user a day; each uses the item of the season, of thirty days, and one of all seasons."""
    rows = np.repeat(np.arange(N_USERS), 2)
    seasons = np.arange(N_USERS) // (N_USERS // N_SEASONS)
    items = np.stack([seasons, np.full(N_USERS, N_SEASONS)], axis=1).ravel()
    matrix = csr_array((np.ones(2 * N_USERS, np.float32), (rows, items)), shape=(N_USERS, N_SEASONS + 20))
    when = csr_array((1.5e9 + DAY * rows, matrix.indices, matrix.indptr), shape=matrix.shape)
    text = np.ones((matrix.shape[1], 2), np.float32)
    return TrainingData(matrix, None, text, times=when if times else None)


def test_the_item_of_the_last_season_is_ahead_of_earlier_ones():
    fitted = TrendingSignal.fit(data_of_seasons(), {"half_life_days": 7.0}, 0)
    stored = fitted.vectors[TRENDING][:, 0]
    assert stored[N_SEASONS - 1] == pytest.approx(stored[N_SEASONS], rel=0.05)
    assert (np.diff(stored[:N_SEASONS]) > 0).all()
    assert (stored[N_SEASONS + 1 :] == 0).all()
    assert fitted.parameters == {"half_life_days": 7.0}


def test_a_log_without_a_clock_has_no_such_signal():
    assert TrendingSignal.fit(data_of_seasons(times=False), {}, 0) is None
    assert TrendingSignal.fit(data_of_seasons(times=False), {"half_life_days": 7.0}, 0) is None


def test_only_users_without_a_history_are_asked(make_index):
    stored = np.array([[0.1], [0.9], [0.5]], np.float32)
    index = make_index([VectorField(TRENDING, "dense", 1, "dot")], {TRENDING: stored})
    signal = TrendingSignal(index.fetch(keys_of(range(3)), (TRENDING,)))
    (part,) = parts_of(signal, index, question_of(index))
    np.testing.assert_allclose(scores_of(index, part, keys_of(range(3))), stored[:, 0])
    assert parts_of(signal, index, question_of(index, keys_of([1]))) == []
    text = question_of(index, text="red", text_vector=np.ones(2, np.float32))
    assert parts_of(signal, index, text) == []


def test_a_new_item_has_no_known_events():
    found = TrendingSignal.new_item_vectors({}, new_items(np.ones((2, 4))))[TRENDING]
    assert np.array(found).tolist() == [[0], [0]]
