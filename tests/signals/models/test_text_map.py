import numpy as np
import pytest
from event_data import random_events, unit
from scipy import sparse

from semrec.learning import cold, ease


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_centred_vectors_are_unit_and_the_input_stays(rng):
    vectors = unit(rng.normal(size=(6, 3)) + 2)
    before = vectors.copy()
    centred = cold.centred_text(vectors)
    np.testing.assert_allclose(np.linalg.norm(centred, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(vectors, before)
    assert not cold.centred_text(np.ones((3, 2), np.float32)).any()


def test_a_linear_taste_is_told_from_text(rng):
    text = unit(rng.normal(size=(200, 5)))
    truth = cold.centred_text(text) @ rng.normal(size=(5, 3)).astype(np.float32)
    events = np.full(200, 50, np.float32)
    events[::4] = 0
    known = np.where(events[:, None] > 0, truth, 0).astype(np.float32)
    predicted = cold.learn_text_map(text, known, events, reg=1e-3).predicted_taste(text)
    np.testing.assert_allclose(predicted[::4], truth[::4], atol=1e-3)


def test_without_events_nothing_is_predicted():
    text = np.eye(3, dtype=np.float32)
    told = cold.learn_text_map(text, np.ones((3, 2), np.float32), np.zeros(3, np.float32))
    assert not told.predicted_taste(text).any()


def test_the_handover_follows_the_evidence():
    own, predicted = np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32)
    handed = cold.hand_over(own, predicted, np.array([0, 3, 1e9], np.float32), half=3)
    np.testing.assert_allclose(handed[:, 0], [0, 0.5, 1])


def test_a_new_item_gets_the_weights_of_the_item_that_reads_like_it():
    # items 0 and 1 are used together; 3 is new and reads like 1
    events = sparse.csr_array(np.array([[1, 1, 0, 0]] * 5 + [[0, 0, 1, 0]] * 5, np.float32))
    counts = np.array([5, 5, 5, 0], np.float32)
    text = unit(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.01, 1, 0]]))
    model = ease.train(events, 1.0)
    predicted = cold.predict_neighbours(text, model, counts).toarray()
    np.testing.assert_allclose(predicted[:, :3], model.toarray()[:, :3])
    assert predicted[0, 3] > 0
    assert predicted[1, 3] > predicted[2, 3]


def test_predicted_columns_are_pruned_too():
    events = random_events(60, 40, 1, share=0.6)
    events = events.tolil()
    events[:, 30:] = 0
    events = sparse.csr_array(events)
    counts = np.bincount(events.indices, minlength=40).astype(np.float32)
    text = unit(np.random.default_rng(0).normal(size=(40, 4)))
    predicted = cold.predict_neighbours(text, ease.train(events, 1.0, keep=5), counts, keep=5)
    assert np.diff(predicted.indptr).max() <= 5
    assert np.diff(predicted.indptr)[30:].min() > 0
