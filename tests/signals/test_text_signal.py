"""The `text` signal against plain, slow versions of its formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from asking import keys_of, parts_of, question_of, scores_of, terms_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from semrec.config import RankingSettings
from semrec.mathematics.rows import centre, unit_rows
from semrec.mathematics.soft_nearest import soft_nearest
from semrec.signals.catalog_matrix import ArrayCatalog, Histories
from semrec.signals.text import SHARPNESS, TextSignal, item_vectors
from semrec.store.protocol import TEXT

BETA = 5.0
N_ITEMS, DIMENSION = 24, 4
EVERYTHING = keys_of(range(N_ITEMS))


def rows_of(n=N_ITEMS, seed=0, dimension=DIMENSION):
    """Return unit vectors in a narrow cone, as encoders make them."""
    middle = np.zeros(dimension)
    middle[0] = 2
    return unit_rows(np.random.default_rng(seed).normal(middle, size=(n, dimension)).astype(np.float32))


class TextCatalog:
    """Items 0, 1, … with these text vectors, and the signal standardised by all of them or by a sample."""

    def __init__(self, index, rows, mean=None):
        self.index, self.rows = index, rows
        self.mean = rows.mean(axis=0) if mean is None else np.array(mean, np.float32)

    def signal(self, pooling="soft_nearest", sample=None):
        keys = keys_of(range(len(self.rows))) if sample is None else keys_of(sample)
        return TextSignal(self.mean, self.index.fetch(keys, (TEXT,)), pooling=pooling, sharpness=BETA)

    def ask(self, history=(), weights=None, *, pooling="soft_nearest", sample=None, **options):
        options["text"] = None if options.get("text_vector") is None else "words"
        question = question_of(self.index, keys_of(history), weights, mean=self.mean, **options)
        return parts_of(self.signal(pooling, sample), self.index, question)

    def scores(self, part, rows=None):
        return scores_of(self.index, part, keys_of(range(len(self.rows)) if rows is None else rows))

    def terms(self, part, rows=None):
        return terms_of(self.index, part, keys_of(range(len(self.rows)) if rows is None else rows))


@pytest.fixture(scope="module")
def open_catalog(make_text_index):
    return lambda rows, mean=None: TextCatalog(make_text_index(rows), rows, mean)


@pytest.fixture(scope="module")
def catalog(open_catalog):
    return open_catalog(rows_of())


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


# -- a history -----------------------------------------------------------------------------------------


def test_soft_nearest_is_the_formula(catalog):
    history, weights = [3, 7, 11], [1.0, 3.0, -1.0]
    (part,) = catalog.ask(history, weights)
    assert (part.signal, part.origin) == ("text", "history")
    terms, scores = catalog.terms(part), catalog.scores(part)
    expected = [plain_soft_nearest(rows_of(), history, weights, item) for item in range(N_ITEMS)]
    assert (terms.dtype, scores.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(terms, expected, rtol=1e-3)
    np.testing.assert_allclose(scores, np.sum(expected, axis=1), rtol=1e-3)


def test_scores_are_standardised_by_the_catalog_without_the_history(catalog):
    history, weights = [3, 7], [1.0, 1.0]
    (part,) = catalog.ask(history, weights)
    others = [
        plain_soft_nearest(rows_of(), history, weights, item)
        for item in range(N_ITEMS)
        if item not in history
    ]
    np.testing.assert_allclose(part.offsets, np.mean(others, axis=0), rtol=1e-3)
    assert part.scale == pytest.approx(np.std(np.sum(others, axis=1)), rel=1e-3)


def test_an_item_near_the_history_beats_one_near_its_middle(open_catalog):
    # Two interests left and right; the middle is near neither.
    catalog = open_catalog(
        unit_rows(np.array([[1, 5, 0], [1, -5, 0], [1, 5, 1], [1, 0, 0.2], [1, 0, 5]], np.float32))
    )
    near, middle = (
        {
            pooling: catalog.scores(catalog.ask([0, 1], pooling=pooling)[0], [item])[0]
            for pooling in ("soft_nearest", "mean")
        }
        for item in (2, 3)
    )
    assert near["soft_nearest"] > middle["soft_nearest"]
    assert near["mean"] < middle["mean"]


@pytest.mark.parametrize("pooling", ["mean", "centred_mean"])
def test_the_simpler_poolings_are_dot_products_with_a_mean(catalog, pooling):
    rows, history, weights = rows_of().astype(float), [3, 7, 11], [1.0, 3.0, -1.0]
    (part,) = catalog.ask(history, weights, pooling=pooling)
    members = rows[history] - (rows.mean(axis=0) if pooling == "centred_mean" else 0)
    pooled = (np.array(weights)[:, None] * members).sum(axis=0) / 5
    assert catalog.terms(part).shape == (N_ITEMS, 3)
    np.testing.assert_allclose(catalog.terms(part).sum(axis=1), rows @ pooled, atol=1e-4)
    np.testing.assert_allclose(catalog.scores(part), rows @ pooled, atol=1e-4)
    (search,) = part.searches
    np.testing.assert_allclose(unit_rows(search.query[None])[0], pooled / np.linalg.norm(pooled), atol=1e-4)


@pytest.mark.parametrize("pooling", ["soft_nearest", "centred_mean", "mean"])
@pytest.mark.parametrize("weights", [(1.0, 3.0, -1.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0)], ids=str)
def test_a_catalog_gets_the_scores_of_a_question_by_every_pooling(catalog, pooling, weights):
    history = [3, 7, 11]
    (part,) = catalog.ask(history, weights, pooling=pooling)
    histories = Histories(csr_array((np.array(weights, np.float32), ([0] * 3, history)), shape=(1, N_ITEMS)))
    in_memory = ArrayCatalog({TEXT: catalog.rows})
    (scores,) = catalog.signal(pooling).score_catalog(in_memory, histories, slice(0, N_ITEMS))
    np.testing.assert_allclose(scores, catalog.scores(part), rtol=1e-4, atol=1e-5)


def test_candidates_are_looked_for_around_the_whole_and_around_each_interest(catalog):
    (one,) = catalog.ask([3, 7])
    (two,) = catalog.ask([3, 7, 9], [2.0, 1.0, 1.0], interests=[0, 1, 1])
    assert len(one.searches) == 1
    centred = centre(rows_of(), rows_of().mean(axis=0))
    expected = [2 * centred[3] + centred[7] + centred[9], 2 * centred[3], centred[7] + centred[9]]
    np.testing.assert_allclose([search.query for search in two.searches], expected, atol=1e-5)
    # Together they look as far as four searches would; none looks less far than half a search.
    assert [search.limit for search in one.searches] == [4 * 5]
    assert {search.limit for search in two.searches} == {4 * 5 // 3}


def test_an_item_that_weighs_nothing_costs_no_request(catalog):
    (part,) = catalog.ask([3, 7], [1.0, 0.0])
    (alone,) = catalog.ask([3])
    assert len(part.requests) == len(alone.requests)
    np.testing.assert_allclose(catalog.scores(part), catalog.scores(alone), rtol=1e-5)
    np.testing.assert_array_equal(catalog.terms(part)[:, 1], 0)


@st.composite
def histories(draw):
    history = draw(st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=8, unique=True))
    weights = [draw(st.sampled_from([-1.0, 0.5, 1.0, 3.0])) for _ in history]
    return history, weights


@settings(deadline=None, max_examples=40)
@given(histories(), st.sampled_from(["soft_nearest", "centred_mean", "mean"]))
def test_the_terms_of_the_history_are_those_of_its_items_alone(catalog, case, pooling):
    """The score is their sum: the term of an item does not depend on the rest of the history."""
    history, weights = case
    (part,) = catalog.ask(history, weights, pooling=pooling)
    terms = catalog.terms(part)
    total = 1.0 if pooling == "soft_nearest" else float(np.abs(weights).sum())
    alone = [
        catalog.terms(catalog.ask([liked], pooling=pooling)[0])[:, 0] * weight / total
        for liked, weight in zip(history, weights, strict=True)
    ]
    np.testing.assert_allclose(terms, np.stack(alone, axis=1), rtol=1e-3, atol=1e-5)
    assert part.scale > 0
    assert part.offsets.shape == (len(history),)


# -- sharpness -----------------------------------------------------------------------------------------


def targets_at(*cosines):
    """Return vectors (n, 4) of unit length, each with its own cosine to each of three axes."""
    rows = np.array(cosines, float)
    return np.column_stack([rows, np.sqrt(1 - (rows**2).sum(axis=1))]).astype(np.float32)


@pytest.mark.parametrize(
    ("history", "one_is_near", "all_are_not_far", "is_better"),
    [(2, (0.65, 0.0, 0.0), (0.5, 0.5, 0.0), True), (3, (0.7, 0.0, 0.0), (0.5, 0.5, 0.5), False)],
    ids=["one near item beats two that are not far", "three items that are not far beat one that is near"],
)
def test_the_sharpness_follows_the_nearest_items_but_not_only_the_nearest(
    history, one_is_near, all_are_not_far, is_better
):
    own = np.eye(4, dtype=np.float32)[:history]
    weights = csr_array(np.ones((1, history), np.float32))
    targets = targets_at(one_is_near, all_are_not_far)
    ((near, not_far),) = soft_nearest(weights, lambda some: own[some] @ targets.T, 2, SHARPNESS)
    assert (near > not_far) == is_better


def test_the_sharpness_of_the_settings_is_the_one_of_the_signal():
    assert RankingSettings().sharpness == SHARPNESS


# -- the estimate --------------------------------------------------------------------------------------


def estimated(catalog, part, keys):
    return part.estimate(keys, catalog.index.search(part.searches))


def cone(n=N_ITEMS):
    """Return unit vectors that all lie as far from their mean."""
    angles = np.arange(n) * 2 * np.pi / n
    return np.column_stack([np.full(n, 0.8), 0.6 * np.cos(angles), 0.6 * np.sin(angles)]).astype(np.float32)


@pytest.fixture(scope="module")
def cone_catalog(open_catalog):
    return open_catalog(cone())


@pytest.mark.parametrize("weight", [2.0, -1.0])
@pytest.mark.parametrize("mean", [None, (0.5, 0, 0)], ids=["of the catalog", "of an older catalog"])
def test_the_estimate_of_one_item_is_exact_where_its_search_found_something(open_catalog, weight, mean):
    catalog = open_catalog(cone(), mean)
    (part,) = catalog.ask([5], [weight])
    (hits,) = catalog.index.search(part.searches)
    found = np.sort(hits.keys)
    assert 0 < len(found) < N_ITEMS
    np.testing.assert_allclose(
        estimated(catalog, part, found), scores_of(catalog.index, part, found), rtol=1e-3
    )


def test_the_estimate_of_several_interests_is_the_sum_of_their_own(cone_catalog):
    """What is disliked is left to the exact scores."""
    options = {"limit": N_ITEMS}
    (part,) = cone_catalog.ask([5, 11, 20], [1.0, 2.0, -3.0], interests=[0, 1, -1], **options)
    (liked,) = cone_catalog.ask([5, 11], [1.0, 2.0], interests=[0, 1], **options)
    keys = np.sort(EVERYTHING)
    np.testing.assert_allclose(
        estimated(cone_catalog, part, keys), scores_of(cone_catalog.index, liked, keys), rtol=1e-3
    )


def test_no_estimate_is_more_than_that_of_the_item_itself(open_catalog):
    """An item far from the mean seems nearer than it can be, as the estimate knows only the mean distance."""
    rows = np.vstack([cone(), [[-1, 0, 0]]]).astype(np.float32)
    catalog = open_catalog(rows)
    (part,) = catalog.ask([N_ITEMS])
    outlier = keys_of([N_ITEMS])
    np.testing.assert_allclose(estimated(catalog, part, outlier), [np.exp(BETA)], rtol=1e-3)


def test_what_a_search_did_not_find_is_estimated_as_its_last_hit(cone_catalog):
    (part,) = cone_catalog.ask([5])
    (hits,) = cone_catalog.index.search(part.searches)
    everything = np.sort(EVERYTHING)
    estimate = estimated(cone_catalog, part, everything)
    missed = ~np.isin(everything, hits.keys)
    last = estimate[everything == hits.keys[-1]]
    assert missed.any()
    np.testing.assert_array_equal(estimate[missed], np.repeat(last, missed.sum()))
    assert (estimate[missed] >= scores_of(cone_catalog.index, part, everything[missed])).all()


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=8, unique=True),
    st.data(),
)
def test_the_estimate_is_no_more_than_the_score_of_what_is_liked(cone_catalog, history, data):
    """Jensen's inequality, when every item was found by all searches."""
    weights = [data.draw(st.sampled_from([0.5, 1.0, 3.0])) for _ in history]
    labels = [data.draw(st.integers(0, 2)) for _ in history]
    interests = [sorted(set(labels)).index(label) for label in labels]
    (part,) = cone_catalog.ask(history, weights, interests=interests, limit=4 * N_ITEMS)
    keys = np.sort(EVERYTHING)
    estimate, exact = estimated(cone_catalog, part, keys), scores_of(cone_catalog.index, part, keys)
    assert estimate.dtype == np.float32
    assert (estimate <= exact * 1.001).all()


@pytest.mark.parametrize("n_interests", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_best_50_by_the_estimate_hold_the_best_10(open_catalog, seed, n_interests):
    """So scoring only some candidates exactly loses little."""
    rows = rows_of(200, seed=seed, dimension=16)
    catalog = open_catalog(rows)
    centred = centre(rows, catalog.mean)
    random = np.random.default_rng(seed)
    middles = random.choice(200, n_interests, replace=False)
    near = np.argsort(-centred[middles] @ centred.T, axis=1)[:, :4]  # an interest: items that read alike
    history, first = np.unique(near, return_index=True)
    interests = np.repeat(np.arange(n_interests), 4)[first]
    weights = random.choice([0.5, 1.0, 2.0], len(history))
    (part,) = catalog.ask(history, weights, interests=interests, limit=40)
    keys = np.sort(np.setdiff1d(keys_of(range(200)), keys_of(history)))
    kept = np.argsort(-estimated(catalog, part, keys))[:50]
    best = np.argsort(-scores_of(catalog.index, part, keys))[:10]
    assert np.isin(best, kept).mean() >= 0.9


def test_other_parts_are_scored_exactly_at_once(catalog):
    vector = rows_of()[0]
    for part in [*catalog.ask(text_vector=vector), *catalog.ask([3], pooling="mean")]:
        assert part.estimate(EVERYTHING, []) is None


# -- a text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1.0, 3.0])
def test_a_text_is_a_cosine_times_the_length_of_its_vector(catalog, length):
    vector = length * unit_rows(np.array([[1, 2, 0, -1]], np.float32))[0]
    (part,) = catalog.ask(text_vector=vector)
    cosines = rows_of() @ vector
    assert (part.origin, len(part.searches)) == ("text", 1)
    np.testing.assert_allclose(catalog.scores(part), cosines, atol=1e-5)
    np.testing.assert_allclose(catalog.terms(part)[:, 0], cosines, atol=1e-5)
    np.testing.assert_allclose(part.offsets, [cosines.mean()], atol=1e-5)
    assert part.scale == pytest.approx(cosines.std(), rel=1e-3)


def test_text_and_history_are_two_parts_and_a_search_between_them(catalog):
    vector = unit_rows(np.array([[1, 2, 0, -1]], np.float32))[0]
    by_text, by_history = catalog.ask([3, 7], text_vector=vector)
    assert (by_text.origin, by_history.origin) == ("text", "history")
    assert catalog.terms(by_history, [5]).shape == (1, 2)
    # The tail of soft nearest would outweigh any text, so both sides are cosines.
    rows = rows_of()
    pooled = (rows[[3, 7]] - rows.mean(axis=0)).mean(axis=0)
    np.testing.assert_allclose(catalog.scores(by_history), rows @ pooled, atol=1e-4)
    between = by_text.searches[-1].query
    np.testing.assert_allclose(
        unit_rows(between[None])[0],
        unit_rows((vector / by_text.scale + pooled / by_history.scale)[None])[0],
        atol=1e-3,
    )


def test_nothing_asked_nothing_answered(catalog):
    assert catalog.ask() == []


# -- odd catalogs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["soft_nearest", "centred_mean", "mean"])
def test_a_catalog_of_equal_items_has_no_order(open_catalog, pooling):
    catalog = open_catalog(np.repeat(rows_of(1), 6, axis=0))
    vector = catalog.rows[0]
    for part in [
        *catalog.ask([0], pooling=pooling),
        *catalog.ask(text_vector=vector, pooling=pooling),
        *catalog.ask([0], text_vector=vector, pooling=pooling),
    ]:
        assert part.scale == float("inf")
        assert np.isfinite(catalog.terms(part)).all()
        assert np.isfinite(catalog.scores(part)).all()
        catalog.index.search(part.searches)


@pytest.mark.parametrize("sample", [[], [3]])
def test_a_sample_that_is_all_history_still_answers(catalog, sample):
    (part,) = catalog.ask([3], sample=sample)
    assert part.scale > 0
    assert np.isfinite(catalog.scores(part)).all()
    assert part.offsets.shape == (1,)


def test_the_vector_of_an_item_is_the_mean_of_its_passages():
    passages = [
        np.array([[1, 0], [0, 1]], np.float32),
        np.array([[0.6, 0.8]], np.float32),
        np.array([[1, 0], [-1, 0]], np.float32),
    ]
    found = item_vectors(passages)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.5**0.5, 0.5**0.5], [0.6, 0.8], [0, 0]], atol=1e-6)
