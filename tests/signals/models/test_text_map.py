"""Factors predicted from text, and the handover to an item's own factor."""

from __future__ import annotations

import numpy as np
import pytest
from event_data import unit

from semrec.mathematics.rows import centre
from semrec.signals.models.text_map import TextMap, hand_over, learn_text_map, mean_vector


@pytest.fixture
def rng():
    return np.random.default_rng(0)


MANY = 1e9
"""Events of an item that is known as well as an item can be."""


def float32(*rows):
    return np.array(rows, np.float32)


def equal_texts(*factors):
    """Return the text vectors and the factors (n, 1) of items that all read alike."""
    return np.tile(float32(1, 0), (len(factors), 1)), float32(*factors)[:, None]


def test_the_mean_of_the_text_vectors_is_float32(rng):
    vectors = unit(rng.normal(size=(6, 3)) + 2)
    mean = mean_vector(vectors)
    assert mean.dtype == np.float32
    np.testing.assert_allclose(mean, vectors.astype(float).mean(axis=0), rtol=1e-6)


def test_a_map_by_hand():
    # (3, 4) - (0, 0), unit: (0.6, 0.8); times (1, 2) plus the constant 10.
    learned = TextMap(np.zeros(2, np.float32), float32([1], [2], [10]))
    np.testing.assert_allclose(learned.factors(float32([3, 4], [0, 0])), [[12.2], [10]], rtol=1e-6)


def test_factors_that_are_linear_in_the_text_are_predicted(rng):
    text = unit(rng.normal(size=(200, 5)))
    truth = centre(text, mean_vector(text)) @ rng.normal(size=(5, 3)).astype(np.float32)
    events = np.full(200, 50, np.float32)
    events[::4] = 0
    known = np.where(events[:, None] > 0, truth, 0).astype(np.float32)
    predicted = learn_text_map(text, known, events, reg=1e-3).factors(text)
    np.testing.assert_allclose(predicted[::4], truth[::4], atol=1e-3)


def test_without_events_nothing_is_predicted():
    text = np.eye(3, dtype=np.float32)
    learned = learn_text_map(text, np.ones((3, 2), np.float32), np.zeros(3, np.float32))
    assert not learned.factors(text).any()


def test_an_item_of_5_events_is_trusted_half_as_much_as_one_of_many():
    # The weighted mean of 6 (half trusted) and 0: 0.5·6 / 1.5.
    text, factors = equal_texts(6, 0)
    learned = learn_text_map(text, factors, float32(5, MANY), reg=1e-6)
    np.testing.assert_allclose(learned.factors(text), [[2], [2]], rtol=1e-4)


def test_ten_well_known_items_that_agree_are_believed_half():
    text, factors = equal_texts(*[4] * 10)
    learned = learn_text_map(text, factors, np.full(10, MANY, np.float32))
    np.testing.assert_allclose(learned.factors(text[:1]), [[2]], rtol=1e-4)


@pytest.mark.parametrize(("events", "own"), [(0, 0), (3, 0.5), (9, 0.75), (MANY, 1)])
def test_the_handover_follows_the_evidence(events, own):
    handed = hand_over(float32([1]), float32([0]), float32(events))
    assert handed.dtype == np.float32
    np.testing.assert_allclose(handed, [[own]], rtol=1e-6)


def test_the_rest_of_the_handover_is_predicted():
    handed = hand_over(float32([1, 2], [1, 2]), float32([3, 6], [5, 5]), float32(1, 0), half=3)
    np.testing.assert_allclose(handed, [[2.5, 5], [5, 5]])
