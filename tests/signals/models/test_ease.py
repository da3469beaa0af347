"""The item-item linear model against its formula."""

from __future__ import annotations

import numpy as np
import pytest
from event_data import random_events, unit
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from semrec.signals.models import ease
from semrec.signals.models.kept_weights import WORTHS
from semrec.signals.models.text_prior import TextPrior


def naive(events, reg):
    """EASE as written down by Steck."""
    inverse = np.linalg.inv(events.T @ events + reg * np.eye(events.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def naive_drawn(events, reg, prior, strength):
    """As written down by Moon et al., with all matrices made."""
    weights = prior.features @ prior.directions.T
    np.fill_diagonal(weights, 0)
    n_items = events.shape[1]
    inverse = np.linalg.inv(events.T @ events + (reg + strength) * np.eye(n_items))
    free = inverse @ (events.T @ events + strength * weights)
    return free - inverse * (np.diag(free) / np.diag(inverse))


def whole(blocks):
    """Return the model whose columns the blocks are."""
    return np.concatenate([rows.numpy() for _, rows in blocks]).T


def random_prior(n_items, seed=0):
    return TextPrior.of(unit(np.random.default_rng(seed).normal(size=(n_items, 4))))


def test_two_items_by_hand():
    # G = [[2, 1], [1, 1]], λ = 1: P = [[2, -1], [-1, 3]] / 5, so B[0, 1] = 1/3 and B[1, 0] = 1/2
    events = sparse.csr_array(np.array([[1, 1], [1, 0]], np.float32))
    np.testing.assert_allclose(ease.train(events, 1.0).toarray(), [[0, 1 / 3], [1 / 2, 0]], atol=1e-6)


@pytest.mark.parametrize("n_users", [60, 12], ids=["more users", "more items"])
def test_both_sides_are_the_naive_formula(n_users):
    events = random_events(n_users, 20, 1, share=0.5)
    expected = naive(events.toarray().astype(np.float64), 5.0)
    np.testing.assert_allclose(ease.train(events, 5.0).toarray(), expected, atol=1e-5)


def test_two_items_drawn_to_their_texts_by_hand():
    """No user used both. f = λ_F = 1: M = 1/3, d = 3/2, so S = 1/2. λ = β = 1: P = I/3, N = (I + S)/3."""
    prior = TextPrior.of(np.ones((2, 1), np.float32))
    events = sparse.csr_array(np.eye(2, dtype=np.float32))
    drawn = ease.train(events, 1.0, pull=ease.Pull(prior, 1.0))
    np.testing.assert_allclose(drawn.toarray(), [[0, 1 / 6], [1 / 6, 0]], atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 10**6),
    st.sampled_from([6, 40]),
    st.sampled_from([0.5, 10.0]),
    st.sampled_from([1.0, 50.0]),
)
def test_a_drawn_model_is_the_naive_formula(seed, n_users, reg, strength):
    events, prior = random_events(n_users, 12, seed, share=0.5), random_prior(12, seed)
    found = whole(ease.columns(events, reg, ease.Pull(prior, strength)))
    expected = naive_drawn(events.toarray().astype(np.float64), reg, prior, strength)
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert not np.diag(found).any()


def test_a_weak_pull_is_hardly_one():
    events = random_events(40, 12, 0, share=0.5)
    plain, drawn = (ease.train(events, 5.0, pull=pull) for pull in (None, ease.Pull(random_prior(12), 1e-4)))
    np.testing.assert_allclose(plain.toarray(), drawn.toarray(), atol=1e-3)


def test_a_drawn_model_leaves_items_without_events_out():
    events = random_events(40, 12, 0, share=0.5).toarray()
    events[:, 4] = 0
    drawn = ease.train(sparse.csr_array(events), 5.0, pull=ease.Pull(random_prior(12), 5.0)).toarray()
    assert not drawn[4].any()
    assert not drawn[:, 4].any()
    assert drawn[3, 5] != 0


@pytest.mark.parametrize("n_users", [25, 15], ids=["more users", "more items"])
def test_blocks_are_one_model(monkeypatch, n_users):
    monkeypatch.setattr(ease, "BLOCK_CELLS", 70)
    events = random_events(n_users, 20, 2, share=0.5)
    blocks = list(ease.columns(events, 3.0))
    assert len(blocks) > 1
    np.testing.assert_allclose(whole(blocks), naive(events.toarray().astype(np.float64), 3.0), atol=1e-5)


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


@pytest.mark.parametrize("worth", WORTHS)
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
    together = ease.train_each(events, 5.0, tuple(WORTHS), keep=7)
    assert list(together) == list(WORTHS)
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
