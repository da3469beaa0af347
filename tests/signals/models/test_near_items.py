"""Weights of items without events, predicted from the items whose text is nearest."""

from __future__ import annotations

import numpy as np
import pytest
from event_data import random_events, unit
from scipy import sparse

from semrec.signals.models import ease
from semrec.signals.models.near_items import largest, predict_columns, shares


def float32(*rows):
    return np.array(rows, np.float32)


def shares_of(cold, *warm):
    """Return the share of each warm text for one cold text."""
    text = unit(np.array([cold, *warm], float))
    found = shares(text, np.array([0]), np.arange(1, len(text))).toarray()
    assert found.shape == (1, len(text))
    return found[0, 1:]


# -- shares --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cosine", [1.0, 0.6, 0.0, -1.0])
def test_the_share_of_one_near_item_by_hand(cosine):
    # (K + 1)⁻¹ k = exp(5·(cos - 1)) / (1 + 1)
    warm = [cosine, np.sqrt(1 - cosine**2)]
    assert shares_of([1, 0], warm) == pytest.approx(np.exp(5 * (cosine - 1)) / 2, rel=1e-4)


def test_items_that_read_alike_share_what_one_of_them_would_get():
    # K is 1 everywhere: (K + I)⁻¹·1 is 1/3 for each of two, 1/(n + 1) for each of n.
    np.testing.assert_allclose(shares_of([1, 0], [1, 0], [1, 0]), [1 / 3] * 2, rtol=1e-4)
    np.testing.assert_allclose(shares_of([1, 0], *[[1, 0]] * 4), [1 / 5] * 4, rtol=1e-4)


def test_only_the_hundred_nearest_have_a_share():
    angles = np.random.default_rng(0).permutation(np.linspace(0.01, 1.2, 130))
    found = shares_of([1, 0], *np.column_stack([np.cos(angles), np.sin(angles)]))
    assert set(np.flatnonzero(found)) == set(np.argsort(angles)[:100])


def test_an_item_that_is_not_near_has_next_to_no_share():
    near, far = shares_of([1, 0, 0], [1, 0.1, 0], [0, 0, 1])
    assert near > 50 * abs(far)


# -- weights -------------------------------------------------------------------------------------------

# Items 0 and 1 are used together; 2 alone; 3 is new.
MODEL = sparse.csc_array(float32([0, 0.8, 0, 0], [0.6, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]))
EVENTS = float32(5, 5, 5, 0)


def test_a_predicted_weight_counts_less_than_a_trained_one():
    # 3 reads like 1, whose share is 1/2, and as unlike 0 and 2 as can be: exp(-10) is next to nothing.
    text = float32([-1, 0], [1, 0], [-1, 0], [1, 0])
    column = predict_columns(text, MODEL, EVENTS).toarray()[:, 3]
    # 0.3·1/2·B[:, 1] for what 1 is used with, 0.3·1/2·0.3 for 1 itself
    np.testing.assert_allclose(column, [0.3 * 0.5 * 0.8, 0.3 * 0.5 * 0.3, 0, 0], atol=1e-4)


def test_a_new_item_gets_the_weights_of_the_item_that_reads_like_it():
    events = sparse.csr_array(np.array([[1, 1, 0, 0]] * 5 + [[0, 0, 1, 0]] * 5, np.float32))
    text = unit(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.01, 1, 0]]))
    model = ease.train(events, 1.0)
    predicted = predict_columns(text, model, EVENTS).toarray()
    np.testing.assert_allclose(predicted[:, :3], model.toarray()[:, :3])
    assert predicted[0, 3] > 0
    assert predicted[1, 3] > predicted[2, 3]


@pytest.mark.parametrize("events", [[5, 5, 5, 1], [0, 0, 0, 0]], ids=["none is new", "all are new"])
def test_without_new_or_without_known_items_the_model_stays(events):
    text = unit(np.random.default_rng(0).normal(size=(4, 3)))
    predicted = predict_columns(text, MODEL, float32(*events))
    np.testing.assert_array_equal(predicted.toarray(), MODEL.toarray())


def cold_catalog(n_items, n_cold, seed=0):
    """Return text, events (n_users, n_items) and counts; the last items have no events."""
    events = random_events(60, n_items, seed + 1, share=0.6).tolil()
    events[:, n_items - n_cold :] = 0
    events = sparse.csr_array(events)
    counts = np.bincount(events.indices, minlength=n_items).astype(np.float32)
    return unit(np.random.default_rng(seed).normal(size=(n_items, 4))), events, counts


def test_predicted_columns_are_pruned_too():
    text, events, counts = cold_catalog(40, 10)
    predicted = predict_columns(text, ease.train(events, 1.0, keep=5), counts, keep=5)
    assert np.diff(predicted.indptr).max() <= 5
    assert np.diff(predicted.indptr)[30:].min() > 0


def test_a_predicted_column_has_no_more_weights_than_a_trained_one():
    text, events, counts = cold_catalog(225, 5)
    predicted = predict_columns(text, ease.train(events, 1.0), counts)
    assert set(np.diff(predicted.indptr)) == {200}


def test_the_largest_entries_are_kept_whatever_their_sign():
    columns = sparse.csc_array(float32([1, 0], [-3, 2], [2, 0], [-0.5, 0]))
    assert largest(columns, 2).toarray().tolist() == [[0, 0], [-3, 2], [2, 0], [0, 0]]
    assert columns.nnz == 5


def test_inputs_are_not_changed():
    text, events, counts = cold_catalog(40, 10)
    model = ease.train(events, 1.0, keep=5)
    before = [array.copy() for array in (text, counts, model.data, model.indices, model.indptr)]
    predict_columns(text, model, counts, keep=5)
    for array, kept in zip((text, counts, model.data, model.indices, model.indptr), before, strict=True):
        np.testing.assert_array_equal(array, kept)
