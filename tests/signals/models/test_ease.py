"""The item-item linear model against its formula."""

from __future__ import annotations

import numpy as np
import pytest
from event_data import random_events
from scipy import sparse

from semrec.signals.models import ease


def naive(events, reg):
    """EASE as written down by Steck."""
    inverse = np.linalg.inv(events.T @ events + reg * np.eye(events.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def test_two_items_by_hand():
    # G = [[2, 1], [1, 1]], λ = 1: P = [[2, -1], [-1, 3]] / 5, so B[0, 1] = 1/3 and B[1, 0] = 1/2
    events = sparse.csr_array(np.array([[1, 1], [1, 0]], np.float32))
    np.testing.assert_allclose(ease.train(events, 1.0).toarray(), [[0, 1 / 3], [1 / 2, 0]], atol=1e-6)


@pytest.mark.parametrize("n_users", [60, 12], ids=["more users", "more items"])
def test_both_sides_are_the_naive_formula(n_users):
    events = random_events(n_users, 20, 1, share=0.5)
    expected = naive(events.toarray().astype(np.float64), 5.0)
    np.testing.assert_allclose(ease.train(events, 5.0).toarray(), expected, atol=1e-5)


def test_primal_is_dual(monkeypatch):
    monkeypatch.setattr(ease, "BLOCK_CELLS", 70)  # several blocks
    events = random_events(25, 20, 2, share=0.5)
    one, other = ([rows.numpy() for _, rows in side(events, 3.0)] for side in (ease.primal, ease.dual))
    assert len(one) > 1
    np.testing.assert_allclose(np.concatenate(one), np.concatenate(other), atol=1e-5)


@pytest.mark.parametrize("n_users", [60, 12], ids=["more users", "more items"])
def test_one_user_with_huge_weights_does_not_break_the_model(n_users):
    events = random_events(n_users, 20, 1, share=0.5).toarray()
    events[0, :4] = 3e4
    found = ease.train(sparse.csr_array(events), 10.0).toarray()
    assert np.isfinite(found).all()
    expected = naive(events.astype(np.float64), 10.0)
    np.testing.assert_allclose(found[:, 4:], expected[:, 4:], atol=0.02)


def test_large_weights_of_all_events_are_those_of_usual_size():
    events = random_events(60, 20, 1, share=0.5)
    seconds = events * np.float32(5000)
    usual = events * np.float32(ease.LARGEST_MEDIAN / np.median(events.data))
    np.testing.assert_allclose(
        ease.train(seconds, 5.0).toarray(), ease.train(usual, 5.0).toarray(), atol=1e-4
    )


@pytest.mark.parametrize("worth", ease.WORTHS)
def test_the_weights_kept_are_those_that_are_worth_most(worth):
    events = random_events(80, 30, 3, share=0.4)
    weights = naive(events.toarray().astype(np.float64), 5.0)
    worths = np.maximum(weights, 0) if worth.startswith("positive") else np.abs(weights)
    if worth.endswith("use"):
        worths = worths * np.sqrt((events.toarray() > 0).sum(axis=0))[:, None]
    pruned = ease.train(events, 5.0, worth, keep=7)
    assert set(np.diff(pruned.indptr)) == {7}
    for item in range(30):
        entries = slice(pruned.indptr[item], pruned.indptr[item + 1])
        kept = pruned.indices[entries]
        assert set(kept) == set(np.argsort(-worths[:, item])[:7])
        np.testing.assert_allclose(pruned.data[entries], weights[kept, item], atol=1e-5)


def test_one_training_is_kept_by_each_worth():
    events = random_events(80, 30, 3, share=0.4)
    together = ease.train_each(events, 5.0, tuple(ease.WORTHS), keep=7)
    assert list(together) == list(ease.WORTHS)
    for worth, model in together.items():
        np.testing.assert_array_equal(model.toarray(), ease.train(events, 5.0, worth, keep=7).toarray())


def test_no_weight_is_kept_that_is_worth_nothing():
    events = random_events(80, 30, 3, share=0.4)
    pruned = ease.train(events, 5.0, "positive size", keep=30)
    assert pruned.data.min() > 0
    expected = np.maximum(naive(events.toarray().astype(np.float64), 5.0), 0)
    np.testing.assert_allclose(pruned.toarray(), expected, atol=1e-5)


def test_an_item_keeps_its_200_best_weights():
    model = ease.train(random_events(90, 215, 5, share=0.4), 5.0)
    assert set(np.diff(model.indptr)) == {200}


def test_items_without_events_have_no_weights():
    events = sparse.csr_array(np.array([[1, 0, 1], [1, 0, 1], [0, 0, 0]], np.float32))
    dense = ease.train(events, 1.0).toarray()
    assert not dense[1].any()
    assert not dense[:, 1].any()
    assert dense[0, 2] > 0


def test_nothing_gives_nothing():
    assert ease.train(sparse.csr_array((3, 4), dtype=np.float32), 1.0).nnz == 0


def test_large_catalogs_regress_on_the_items_seen_together():
    events = random_events(50, 12, 4, share=0.5)
    everything = ease.train(events, 5.0, keep=200, most_dense=5)
    # with all items as companions the regression is EASE itself
    np.testing.assert_allclose(
        everything.toarray(), naive(events.toarray().astype(np.float64), 5.0), atol=1e-5
    )
    few = ease.train(events, 5.0, keep=3, most_dense=5)
    assert np.diff(few.indptr).max() == 3
