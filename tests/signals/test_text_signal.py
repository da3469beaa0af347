"""The `text` signal against plain, slow versions of its formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semrec.signals import Question
from semrec.signals.text import TextSignal, centre, item_vectors, unit_rows
from semrec.types import item_keys

BETA = 5.0
N_ITEMS, DIMENSION = 24, 4


def keys(*rows):
    return item_keys(str(row) for row in rows)


def rows_of(n=N_ITEMS, seed=0):
    """Return unit vectors in a narrow cone, as encoders make them."""
    return unit_rows(np.random.default_rng(seed).normal([2, 0, 0, 0], size=(n, DIMENSION)).astype(np.float32))


@pytest.fixture
def signal(make_index):
    """Return a function that opens the signal on 24 items, standardised by all of them."""
    rows = rows_of()
    index = make_index(rows)

    def open_signal(pooling="soft_nearest", sample=None):
        return TextSignal(
            index,
            rows.mean(axis=0),
            index.sample(N_ITEMS) if sample is None else sample,
            pooling=pooling,
            sharpness=BETA,
        )

    return open_signal


def ask(signal, history=(), weights=None, text_vector=None, interests=None):
    question = Question(
        text=None if text_vector is None else "words",
        text_vector=text_vector,
        history=keys(*history),
        weights=np.ones(len(history), np.float32) if weights is None else np.asarray(weights, np.float32),
        interests=np.zeros(len(history), np.int64) if interests is None else np.asarray(interests),
        limit=5,
    )
    return signal.ask(question)


def plain_soft_nearest(rows, history, weights, item):
    """Return the terms of one item, one number at a time."""
    mean = rows.astype(float).mean(axis=0)

    def centred(row):
        moved = rows[row].astype(float) - mean
        return moved / math.sqrt(sum(moved**2))

    return [
        weight * math.exp(BETA * float(centred(liked) @ centred(item)))
        for liked, weight in zip(history, weights, strict=True)
    ]


def test_soft_nearest_is_the_formula(signal):
    history, weights = [3, 7, 11], [1.0, 3.0, -1.0]
    (query,) = ask(signal(), history, weights)
    assert (query.signal, query.origin) == ("text", "history")
    terms = query.terms(keys(*range(N_ITEMS)))
    expected = [plain_soft_nearest(rows_of(), history, weights, item) for item in range(N_ITEMS)]
    assert terms.dtype == np.float32
    np.testing.assert_allclose(terms, expected, rtol=1e-3)


def test_scores_are_standardised_by_the_catalog_without_the_history(signal):
    history, weights = [3, 7], [1.0, 1.0]
    (query,) = ask(signal(), history, weights)
    others = [
        plain_soft_nearest(rows_of(), history, weights, item)
        for item in range(N_ITEMS)
        if item not in history
    ]
    np.testing.assert_allclose(query.offsets, np.mean(others, axis=0), rtol=1e-3)
    assert query.scale == pytest.approx(np.std(np.sum(others, axis=1)), rel=1e-3)


def test_an_item_near_the_history_beats_one_near_its_middle(make_index):
    # Two interests left and right; the middle is near neither.
    rows = unit_rows(np.array([[1, 5, 0], [1, -5, 0], [1, 5, 1], [1, 0, 0.2], [1, 0, 5]], np.float32))
    index = make_index(rows)
    open_with = {
        pooling: TextSignal(index, rows.mean(axis=0), index.sample(5), pooling=pooling, sharpness=BETA)
        for pooling in ("soft_nearest", "mean")
    }
    near, middle = (
        {name: ask(s, [0, 1])[0].terms(keys(item)).sum() for name, s in open_with.items()} for item in (2, 3)
    )
    assert near["soft_nearest"] > middle["soft_nearest"]
    assert near["mean"] < middle["mean"]


@pytest.mark.parametrize("pooling", ["mean", "centred_mean"])
def test_the_simpler_poolings_are_dot_products_with_a_mean(signal, pooling):
    rows, history, weights = rows_of().astype(float), [3, 7, 11], [1.0, 3.0, -1.0]
    (query,) = ask(signal(pooling), history, weights)
    members = rows[history] - (rows.mean(axis=0) if pooling == "centred_mean" else 0)
    pooled = (np.array(weights)[:, None] * members).sum(axis=0) / 5
    terms = query.terms(keys(*range(N_ITEMS)))
    assert terms.shape == (N_ITEMS, 3)
    np.testing.assert_allclose(terms.sum(axis=1), rows @ pooled, atol=1e-4)
    assert len(query.searches) == 1
    np.testing.assert_allclose(
        unit_rows(query.searches[0].query[None])[0], pooled / np.linalg.norm(pooled), atol=1e-4
    )


def test_a_text_is_a_cosine(signal):
    vector = unit_rows(np.array([[1, 2, 0, -1]], np.float32))[0]
    (query,) = ask(signal(), text_vector=vector)
    cosines = rows_of() @ vector
    assert (query.origin, len(query.searches)) == ("text", 1)
    np.testing.assert_allclose(query.terms(keys(*range(N_ITEMS)))[:, 0], cosines, atol=1e-5)
    np.testing.assert_allclose(query.offsets, [cosines.mean()], atol=1e-5)
    assert query.scale == pytest.approx(cosines.std(), rel=1e-3)


def test_text_and_history_are_two_parts_and_a_search_between_them(signal):
    vector = unit_rows(np.array([[1, 2, 0, -1]], np.float32))[0]
    by_text, by_history = ask(signal(), [3, 7], text_vector=vector)
    assert (by_text.origin, by_history.origin) == ("text", "history")
    assert by_history.terms(keys(5)).shape == (1, 2)
    # Beside soft nearest's tail no text would be heard: both sides are cosines.
    rows = rows_of()
    pooled = (rows[[3, 7]] - rows.mean(axis=0)).mean(axis=0)
    np.testing.assert_allclose(by_history.terms(keys(5)).sum(), rows[5] @ pooled, atol=1e-4)
    between = by_text.searches[-1].query
    np.testing.assert_allclose(
        unit_rows(between[None])[0],
        unit_rows((vector / by_text.scale + pooled / by_history.scale)[None])[0],
        atol=1e-3,
    )


def test_candidates_are_looked_for_around_the_whole_and_around_each_interest(signal):
    (one,) = ask(signal(), [3, 7])
    (two,) = ask(signal(), [3, 7, 9], [2.0, 1.0, 1.0], interests=[0, 1, 1])
    assert len(one.searches) == 1
    centred = centre(rows_of(), rows_of().mean(axis=0))
    expected = [2 * centred[3] + centred[7] + centred[9], 2 * centred[3], centred[7] + centred[9]]
    np.testing.assert_allclose([search.query for search in two.searches], expected, atol=1e-5)
    # Together they look as far as four searches would; none looks less far than half a search.
    assert [search.limit for search in one.searches] == [4 * 5]
    assert {search.limit for search in two.searches} == {4 * 5 // 3}


def test_nothing_asked_nothing_answered(signal):
    assert ask(signal()) == []


@pytest.mark.parametrize("pooling", ["soft_nearest", "centred_mean", "mean"])
def test_a_catalog_of_equal_items_says_nothing(make_index, pooling):
    rows = np.repeat(rows_of(1), 6, axis=0)
    index = make_index(rows)
    signal = TextSignal(index, rows.mean(axis=0), index.sample(6), pooling=pooling, sharpness=BETA)
    vector = rows[0]
    for query in [*ask(signal, [0]), *ask(signal, text_vector=vector), *ask(signal, [0], text_vector=vector)]:
        assert query.scale == float("inf")
        assert np.isfinite(query.terms(keys(0, 1))).all()
        index.search(query.searches)


@pytest.mark.parametrize("sample", [[], [3]])
def test_a_sample_that_is_all_history_still_answers(signal, sample):
    (query,) = ask(signal(sample=keys(*sample)), [3])
    assert query.scale > 0
    assert np.isfinite(query.terms(keys(0, 3))).all()
    assert query.offsets.shape == (1,)


def test_the_vector_of_an_item_is_the_mean_of_its_passages():
    passages = [
        np.array([[1, 0], [0, 1]], np.float32),
        np.array([[0.6, 0.8]], np.float32),
        np.array([[1, 0], [-1, 0]], np.float32),
    ]
    found = item_vectors(passages)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.5**0.5, 0.5**0.5], [0.6, 0.8], [0, 0]], atol=1e-6)


@st.composite
def histories(draw):
    history = draw(st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=8, unique=True))
    weights = [draw(st.sampled_from([-1.0, 0.5, 1.0, 3.0])) for _ in history]
    return history, weights


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(histories(), st.sampled_from(["soft_nearest", "centred_mean", "mean"]))
def test_the_terms_of_the_history_are_those_of_its_items_alone(signal, case, pooling):
    """The score is their sum: what each item says does not depend on the others."""
    history, weights = case
    opened = signal(pooling)
    everything = keys(*range(N_ITEMS))
    (query,) = ask(opened, history, weights)
    terms = query.terms(everything)
    total = 1.0 if pooling == "soft_nearest" else float(np.abs(weights).sum())
    alone = [
        ask(opened, [liked], [1.0])[0].terms(everything)[:, 0] * weight / total
        for liked, weight in zip(history, weights, strict=True)
    ]
    np.testing.assert_allclose(terms, np.stack(alone, axis=1), rtol=1e-3, atol=1e-5)
    assert query.scale > 0
    assert query.offsets.shape == (len(history),)
