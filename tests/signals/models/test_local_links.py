"""Links of large catalogs: with all items as candidates they are the dense models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from event_data import random_events, unit
from scipy import sparse

from semrec.signals.fitting import TrainingData
from semrec.signals.models import ease, local_links, next_items
from semrec.signals.models.links import LinkOptions, train_link
from semrec.signals.models.text_prior import TextPrior

N_ITEMS = 12
EVENTS = random_events(60, N_ITEMS, 4, share=0.5)
PULL = ease.Pull(TextPrior.of(unit(np.random.default_rng(0).normal(size=(N_ITEMS, 4)))), 6.0)


def order_of(events, seed=0):
    times = np.random.default_rng(seed).permutation(events.nnz).astype(float)
    return sparse.csr_array((times, events.indices, events.indptr), events.shape)


STEPS = next_items.steps_of(EVENTS, order_of(EVENTS), 0.8)


@pytest.mark.parametrize("pull", [None, PULL], ids=["EASE", "drawn to the texts"])
def test_with_all_items_as_candidates_it_is_the_dense_model(pull):
    expected = next_items.whole(ease.columns(EVENTS, 5.0, pull), N_ITEMS).numpy().T
    found = local_links.train(EVENTS, 5.0, keep=50, pull=pull)
    np.testing.assert_allclose(found.together.toarray(), expected, atol=1e-5)
    assert found.following is None


def test_what_is_taken_next_is_the_dense_model_too():
    together = next_items.whole(ease.columns(EVENTS, 5.0, PULL), N_ITEMS)
    expected = next_items.whole(next_items.columns(STEPS, 5.0, 6.0, together), N_ITEMS).numpy().T
    found = local_links.train(EVENTS, 5.0, keep=50, pull=PULL, steps=STEPS)
    np.testing.assert_allclose(found.following.toarray(), expected, atol=1e-5)


def test_an_item_keeps_few_weights_and_none_on_itself():
    found = local_links.train(EVENTS, 5.0, keep=8, pull=PULL, steps=STEPS)
    for model in (found.together, found.following):
        assert np.diff(model.indptr).max() == 8
        assert not model.diagonal().any()


def test_an_item_that_is_seen_with_nothing_has_candidates_by_its_text():
    events = sparse.csr_array(np.eye(N_ITEMS, dtype=np.float32))
    assert local_links.train(events, 5.0, keep=8).together.nnz == 0
    found = local_links.train(events, 5.0, keep=8, pull=PULL).together
    assert set(np.diff(found.indptr)) <= {1, 2}  # a quarter, itself may be one of them
    assert found.nnz


def test_links_of_a_large_catalog_are_local(monkeypatch):
    text = unit(np.random.default_rng(0).normal(size=(N_ITEMS, 4)))
    data = TrainingData(EVENTS, order_of(EVENTS), text)
    together = LinkOptions("used together", 3.0, 30.0)
    for options in (together, replace(together, link="taken next", decay=0.8)):
        dense = train_link(data, options)
        with monkeypatch.context() as patch:
            patch.setattr(ease, "MOST_DENSE", 5)
            local = train_link(data, options)
        assert local.decay == dense.decay
        np.testing.assert_allclose(local.columns.toarray(), dense.columns.toarray(), atol=1e-5)
        np.testing.assert_allclose(local.together.toarray(), dense.together.toarray(), atol=1e-5)
