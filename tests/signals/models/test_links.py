"""Links of the `item_item` signal: trained, chosen, and stacked for the store."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from event_data import random_events, unit
from scipy import sparse

from semrec.learning.selection import ValidationTrial, hide_events
from semrec.signals.fitting import TrainingData
from semrec.signals.models import ease, next_items
from semrec.signals.models.links import Link, LinkOptions, stacked, text_prior, train_link, tune_links

N_ITEMS = 14
TOGETHER = LinkOptions("used together", 3.0, 30.0, kept_by="size")
NEXT = replace(TOGETHER, link="taken next", decay=0.8)


def data_of(events, order=None):
    text = unit(np.random.default_rng(0).normal(size=(events.shape[1], 4)))
    return TrainingData(events, order, text).sorted()


def random_data(seed=0, n_users=40):
    """Return events of random users at random times; the last item has none."""
    events = sparse.lil_array(random_events(n_users, N_ITEMS, seed, share=0.4))
    events[:, N_ITEMS - 1] = 0
    events = sparse.csr_array(events)
    times = np.random.default_rng(seed).permutation(events.nnz).astype(float)
    return data_of(events, sparse.csr_array((times, events.indices, events.indptr), events.shape))


def walks(n_users=120, n_items=N_ITEMS, length=5, seed=0):
    """Return users who go through the items in order from a random one; what follows is n + 1."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(n_items, size=n_users)
    items = (starts[:, None] + np.arange(length)) % n_items
    users = np.repeat(np.arange(n_users), length)
    shape = (n_users, n_items)
    events = sparse.csr_array((np.ones(n_users * length, np.float32), (users, items.ravel())), shape=shape)
    times = np.tile(np.arange(1.0, length + 1), n_users)
    return data_of(events, sparse.csr_array((times, (users, items.ravel())), shape=shape))


def test_what_is_used_together_is_drawn_to_the_texts():
    data = random_data()
    link = train_link(data, TOGETHER)
    scaled = data.user_items * np.float32(1 / np.median(data.user_items.data))
    expected = ease.train(scaled, 3.0, "size", pull=ease.Pull(text_prior(data), 30.0))
    np.testing.assert_allclose(link.columns.toarray(), expected.toarray(), atol=1e-5)
    assert (link.together.toarray() == link.columns.toarray()).all()
    assert link.decay == 1


def test_what_is_taken_next_is_drawn_to_what_is_used_together():
    data = random_data()
    link = train_link(data, NEXT)
    scaled = data.user_items * np.float32(1 / np.median(data.user_items.data))
    known = np.arange(N_ITEMS - 1)
    together = torch.from_numpy(train_link(data, TOGETHER).columns.toarray()[:-1, :-1].T.copy())
    steps = next_items.steps_of(scaled[:, known], data.order[:, known], 0.8)
    expected = next_items.whole(next_items.columns(steps, 3.0, 30.0, together), N_ITEMS - 1).numpy().T
    np.testing.assert_allclose(link.columns.toarray()[:-1, :-1], expected, atol=1e-5)
    assert not link.columns.toarray()[-1].any()
    assert link.decay == 0.8
    np.testing.assert_allclose(link.together.toarray(), train_link(data, TOGETHER).columns.toarray())


def test_large_weights_of_all_events_change_nothing():
    data = random_data()
    seconds = replace(data, user_items=data.user_items * np.float32(300))
    for options in (TOGETHER, NEXT):
        one, other = (train_link(some, options).columns.toarray() for some in (data, seconds))
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_stacked_columns_tell_items_with_events_from_items_without():
    data = random_data()
    link = train_link(data, NEXT)
    found = stacked(link, data).toarray()
    assert found.shape == (2 * N_ITEMS, N_ITEMS)
    np.testing.assert_array_equal(found[:N_ITEMS], link.columns.toarray())
    assert not found[N_ITEMS:, :-1].any()
    assert found[N_ITEMS:, -1].any()
    # predicted from what is used together, whatever the link is
    other = stacked(Link(link.together, link.together), data).toarray()
    np.testing.assert_array_equal(found[N_ITEMS:], other[N_ITEMS:])


def test_where_items_follow_each_other_what_is_taken_next_is_asymmetric():
    columns = train_link(walks(), NEXT).columns.toarray()
    forward = np.array([columns[item, (item + 1) % N_ITEMS] for item in range(N_ITEMS)])
    backward = np.array([columns[(item + 1) % N_ITEMS, item] for item in range(N_ITEMS)])
    assert forward.min() > 2 * np.abs(backward).max()


def tuned(data):
    return tune_links(ValidationTrial(hide_events(data, 0), 0))


def test_each_link_has_its_best_options():
    found = tuned(walks())
    assert list(found) == ["EASE", "used together", "taken next"]
    assert all(name == options["link"] for name, options in found.items())
    assert found["EASE"]["pull"] == 0
    assert found["taken next"]["pull"] > 0
    assert 0 < found["taken next"]["decay"] < 1


@pytest.mark.parametrize("order", ["none", "equal times"])
def test_without_an_order_nothing_is_taken_next(order):
    data = random_data()
    same = sparse.csr_array(
        (np.ones(data.order.nnz), data.order.indices, data.order.indptr), data.order.shape
    )
    data = replace(data, order=None if order == "none" else same)
    assert not data.has_order
    assert "taken next" not in tuned(data)


def test_with_nothing_to_find_the_defaults_are_left():
    nothing = data_of(sparse.csr_array((3, 4), dtype=np.float32))
    assert tuned(nothing) == {"EASE": asdict(LinkOptions())}
    for options in (LinkOptions(), TOGETHER):
        assert train_link(nothing, options).columns.nnz == 0
