"""A place in the plane for every vector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semrec.catalog_map.layout import FEWEST_FOR_TSNE, lay_out, place


def unit_vectors(n, dimension, seed):
    vectors = np.random.default_rng(seed).normal(size=(n, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def three_groups(n, seed=0):
    """n vectors in three tight groups, and the group of each."""
    group = np.arange(n) % 3
    vectors = np.eye(24, dtype=np.float32)[group] + 0.05 * unit_vectors(n, 24, seed)
    return vectors.astype(np.float32), group


@pytest.mark.parametrize("n", [0, 1, 2, 3, FEWEST_FOR_TSNE - 1, FEWEST_FOR_TSNE, 60])
def test_every_landmark_gets_a_finite_place_within_the_map(n):
    places = lay_out(unit_vectors(n, 8, 0))

    assert places.shape == (n, 2)
    assert places.dtype == np.float32
    assert np.isfinite(places).all()
    assert np.all(np.abs(places) <= 1.0001)
    if n > 1:
        assert np.abs(places).max() == pytest.approx(1)  # the map is used up to its edge


@pytest.mark.parametrize("n", [5, 50])
def test_landmarks_that_are_all_alike_lie_in_the_middle(n):
    assert not lay_out(np.tile(unit_vectors(1, 8, 0), (n, 1))).any()


@pytest.mark.parametrize("n", [12, 90])
def test_groups_stay_together_and_apart_from_each_other(n):
    vectors, group = three_groups(n)
    places = lay_out(vectors)

    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    same = group[:, None] == group[None]
    assert distances[same].max() < distances[~same].min()


def test_the_same_vectors_give_the_same_map():
    vectors, _ = three_groups(60)
    np.testing.assert_array_equal(lay_out(vectors), lay_out(vectors))


def test_what_is_new_is_placed_in_its_group():
    landmarks, group = three_groups(90)
    mean = landmarks.mean(axis=0)
    places = lay_out(landmarks)
    new, new_group = three_groups(30, seed=1)

    found = place(new - mean, landmarks - mean, places)

    nearest = np.argmin(np.linalg.norm(found[:, None] - places[None], axis=2), axis=1)
    np.testing.assert_array_equal(group[nearest], new_group)


def test_a_place_between_two_landmarks_by_hand():
    landmarks = np.eye(2, dtype=np.float32)
    places = np.array([[-1, 0], [1, 0.5]], np.float32)

    middle = place(np.array([[1, 1]], np.float32), landmarks, places)
    np.testing.assert_allclose(middle, [[0, 0.25]], atol=1e-6)
    # cosines 1 and 0: weights 1 and exp(-12), so all but at the first landmark
    np.testing.assert_allclose(place(landmarks[:1], landmarks, places), [[-1, 0]], atol=2e-5)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 40), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_places_lie_within_the_bounds_of_the_landmarks(n, m, seed):
    places = np.random.default_rng(seed).uniform(-1, 1, (m, 2)).astype(np.float32)
    found = place(unit_vectors(n, 6, seed), unit_vectors(m, 6, seed + 1), places)

    assert found.shape == (n, 2)
    assert np.all(found >= places.min(axis=0) - 1e-5)
    assert np.all(found <= places.max(axis=0) + 1e-5)


def test_a_vector_of_zeros_has_a_finite_place():
    landmarks = unit_vectors(20, 4, 0)
    assert np.isfinite(place(np.zeros((1, 4), np.float32), landmarks, lay_out(landmarks))).all()
