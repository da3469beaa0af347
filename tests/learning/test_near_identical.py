"""Users with nearly the same history count as one user, so many fake users do no more than one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from event_data import unit
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from semrec.config import EventSettings, Settings
from semrec.learning import TrainingData, learn, scores
from semrec.learning.near_identical import LEAST_ITEMS, counted_once, find_groups, without

N_ITEMS = 60


def histories(*rows):
    """Return a matrix of these items, one row a user."""
    matrix = np.zeros((len(rows), N_ITEMS), np.float32)
    for row, items in enumerate(rows):
        matrix[row, list(items)] = 1
    return sparse.csr_array(matrix)


def data_of(user_items, order=None):
    text = unit(np.random.default_rng(0).normal(size=(N_ITEMS, 4)))
    return TrainingData(user_items, order, text)


STRANGERS = [range(first, 60, 5) for first in range(5)]
"""Users that share no item: the usual distance is 1, so the limit is a third."""


def groups_of(*rows):
    return [group.tolist() for group in find_groups(histories(*rows, *STRANGERS * (len(rows) > 0)))]


def random_shop(n_users=80, seed=0):
    """Return users that like 15 of the items, the first ones most."""
    random = np.random.default_rng(seed)
    liking = 1 / np.arange(3, N_ITEMS - 7)
    return [random.choice(N_ITEMS - 10, 15, replace=False, p=liking / liking.sum()) for _ in range(n_users)]


def test_equal_histories_are_a_group():
    assert groups_of(range(20), range(30, 50), range(20), range(5, 50), range(20)) == [[0, 2, 4]]


def test_users_that_share_two_thirds_of_their_items_are_a_group():
    """Of 14 items in all, 10 are shared: the distance is 0.29. Of 16, 10 are shared: it is 0.38."""
    assert groups_of(range(12), range(2, 14)) == [[0, 1]]
    assert groups_of(range(12), [*range(2, 12), *range(20, 24)]) == []


def test_short_histories_are_the_same_by_chance():
    few, enough = range(LEAST_ITEMS - 1), range(LEAST_ITEMS)
    assert groups_of(few, few, few) == []
    assert groups_of(enough, enough, enough) == [[0, 1, 2]]


def test_where_all_users_are_alike_only_nearly_equal_ones_are_a_group():
    """Every user has 14 of the same 16 items: the nearest is usually 0.13 away or nearer."""
    alike = [np.delete(np.arange(16), [n, m]) for n in range(16) for m in range(n)]
    assert find_groups(histories(*alike)) == []
    assert [group.tolist() for group in find_groups(histories(*alike, alike[5]))] == [[5, 120]]


def test_the_largest_group_comes_first():
    pair, triple = range(20), range(30, 50)
    assert groups_of(pair, triple, triple, pair, triple) == [[1, 2, 4], [0, 3]]


def test_no_users_have_no_groups():
    for rows in ((), ((),), ((), range(20))):
        assert find_groups(histories(*rows)) == []


@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
@settings(deadline=None)
def test_copies_with_one_item_more_are_found_among_random_users(seed, n_copies):
    """Each copy has an item of its own, 20 of 21 or 22 items are shared; values do not count."""
    random = np.random.default_rng(seed)
    rows = [random.choice(N_ITEMS, 20, replace=False) for _ in range(10)]
    other = np.setdiff1d(np.arange(N_ITEMS), rows[0])
    copies = [np.append(rows[0], random.choice(other)) for _ in range(n_copies)]
    user_items = histories(*rows, *copies)
    user_items.data[:] = random.uniform(0.5, 2, user_items.nnz)
    assert [group.tolist() for group in find_groups(user_items)] == [[0, *range(10, 10 + n_copies)]]


def test_a_group_counts_as_one_user():
    data = counted_once(data_of(histories(range(20), range(20), range(20), range(20, 40))), [np.arange(3)])
    np.testing.assert_allclose(data.user_weights, [1 / 3, 1 / 3, 1 / 3, 1])
    assert data.events.tolist() == [1.0] * 40 + [0.0] * 20
    np.testing.assert_allclose(data.weighted.sum(axis=0)[:40], 1, rtol=1e-6)
    np.testing.assert_allclose((data.root_weighted.T @ data.root_weighted).diagonal()[:40], 1, rtol=1e-6)


def test_an_item_that_only_a_part_of_a_group_has_counts_as_an_event():
    """Else an item with events would be treated as one without."""
    data = counted_once(data_of(histories(range(20), range(21), range(20))), [np.arange(3)])
    assert data.events[:22].tolist() == [1.0] * 21 + [0.0]


def test_groups_can_be_left_out():
    user_items = histories(range(20), range(20, 40), range(20))
    data = data_of(user_items, user_items)
    left = without(data, find_groups(user_items))
    assert left.user_items.toarray().tolist() == user_items[[1]].toarray().tolist()
    assert left.order.shape == (1, N_ITEMS)
    assert without(data, []) is data


@pytest.fixture(scope="module")
def attacked():
    """Real users; and 40 fakes that like the 15 most popular items and one that two real users have."""
    target = N_ITEMS - 1
    real = random_shop()
    real[:2] = [np.append(items[:-1], target) for items in real[:2]]
    return data_of(histories(*real)), data_of(histories(*real, *[[*range(15), target]] * 40)), target


@pytest.fixture(scope="module")
def models(attacked):
    """What is learned from the real users, and with the fakes."""
    real, with_fakes, _ = attacked
    return learn(real), learn(with_fakes)


def mean_place(learned, data, target):
    """Return the mean place of an item among all that a user does not have; 0 is the first."""
    n_real = 80
    found = scores(learned, data.user_items[:n_real])
    found[data.user_items[:n_real].toarray() > 0] = -np.inf
    others = np.setdiff1d(np.arange(n_real), [0, 1])
    return (found > found[:, [target]])[others].sum(axis=1).mean()


def test_many_fakes_do_what_one_does(attacked, models):
    real, with_fakes, target = attacked
    of_real, of_all = models
    one_fake = replace(with_fakes, user_items=with_fakes.user_items[:81])
    counted = mean_place(of_all, with_fakes, target)
    # On so few users chance also decides which link is taken; without groups the item is among the first.
    assert abs(counted - mean_place(learn(one_fake), one_fake, target)) < 10
    assert counted > mean_place(of_real, real, target) - 10


def test_learn_reports_the_groups_and_leaves_them_out_on_request(attacked, models):
    real, with_fakes, _ = attacked
    of_real, of_all = models
    assert [group.tolist() for group in of_all.groups] == [list(range(80, 120))]
    assert of_real.groups == ()
    leaving_out = learn(with_fakes, settings=Settings(events=EventSettings(similar_users="leave_out")))
    assert [group.tolist() for group in leaving_out.groups] == [list(range(80, 120))]
    np.testing.assert_array_equal(scores(leaving_out, real.user_items), scores(of_real, real.user_items))
