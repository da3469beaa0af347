"""The fitted signals in memory: which of them the blend weighs, and the age of events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from event_data import checkerboard
from scipy import sparse

from semrec.learning import learn, scores
from semrec.learning.scoring import ages, asked_with, weighed_signals
from semrec.signals import SIGNALS, Signal, register
from semrec.store.protocol import VectorField


class ShelfSignal(Signal):
    """Items of one shelf are alike; the shelf of an item is stored as a vector when it is indexed."""

    name = "shelf"
    label = "shelf"
    source = "metadata"
    history_fields = ("shelf",)
    sample_fields = ("shelf",)

    @classmethod
    def open(cls, context):
        return cls()

    @classmethod
    def catalog_fields(cls, dimension, *, quantized=False):
        return (VectorField("shelf", "dense", 2, "dot"),)

    def ask(self, question):
        return []

    def score_catalog(self, catalog, histories, rows):
        shelves = catalog.dense("shelf")
        return (histories.weights @ shelves) @ shelves[rows].T


class SilentSignal(ShelfSignal):
    """A signal that has nothing to say about histories."""

    name = "silent"

    def score_catalog(self, catalog, histories, rows):
        return None


@pytest.fixture(params=[ShelfSignal])
def registered(request):
    register(request.param)
    yield request.param
    SIGNALS.remove(request.param)


@pytest.fixture
def shelved():
    """Users who like one shelf, of which the texts say nothing."""
    data, _ = checkerboard(60, 40)
    shelves = np.eye(2, dtype=np.float32)[np.arange(40) % 2]
    return data, {"shelf": shelves}


def names(signals):
    return [signal.name for signal in signals]


def test_signals_that_are_not_fitted_are_weighed_when_their_field_is_at_hand():
    assert names(weighed_signals(("text",))) == ["text", "collaborative", "item_item", "popularity"]
    assert names(weighed_signals(())) == ["collaborative", "item_item", "popularity"]


def test_a_registered_signal_is_weighed_when_its_field_is_at_hand(registered):
    assert names(weighed_signals(("text", "shelf")))[-1] == "shelf"
    assert "shelf" not in names(weighed_signals(("text",)))


def test_a_registered_signal_gets_a_weight(registered, shelved):
    data, vectors = shelved
    models = learn(replace(data, vectors=vectors))
    assert models.weights.signals[-1] == "shelf"
    assert models.report.warm["shelf"] > 2 * models.report.warm["popularity"]
    assert "shelf" not in learn(data).weights.signals


@pytest.mark.parametrize("registered", [SilentSignal], indirect=True)
def test_a_signal_without_scores_for_histories_counts_nothing(registered, shelved):
    data, vectors = shelved
    models = learn(replace(data, vectors=vectors))
    assert models.weights.signals[-1] == "silent"
    assert not np.array(models.weights.table)[:, :, -1].any()
    plain = learn(data)
    np.testing.assert_allclose(scores(models, data.user_items), scores(plain, data.user_items), atol=1e-6)


def test_ages_count_newer_events():
    order = sparse.csr_array(np.array([[5.0, 9.0, 7.0], [0.0, 3.0, 0.0]]))
    np.testing.assert_array_equal(ages(order), [2, 0, 1, 0])
    history = sparse.csr_array(np.array([[1.0, 2.0, 1.0], [0.0, 1.0, 0.0]], np.float32))
    asked = asked_with(history, order, 1.0)
    np.testing.assert_allclose(asked.weights.toarray(), [[0.25, 2, 0.5], [0, 1, 0]])
    np.testing.assert_allclose(asked.decayed(0.5).toarray(), [[0.0625, 2, 0.25], [0, 1, 0]])
    assert asked_with(history, order, None).weights is history
    np.testing.assert_allclose(
        asked_with(history, order, None).decayed(0.5).toarray(), [[0.25, 2, 0.5], [0, 1, 0]]
    )
    assert asked_with(history, None, 1.0).decayed(0.5) is history


def test_events_at_the_same_time_have_the_same_age():
    order = sparse.csr_array(np.array([[5.0, 9.0, 5.0, 1.0], [2.0, 2.0, 0.0, 2.0]]))
    np.testing.assert_array_equal(ages(order), [1, 0, 1, 3, 0, 0, 0])
