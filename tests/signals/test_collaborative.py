"""The `taste` signal against the fold-in done by hand, and as a sum over the history."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient

from semrec.signals import Question
from semrec.signals.collaborative import TASTE, FoldIn, TasteSignal, TextMap, taste_fields
from semrec.store import Point, Record
from semrec.store.server import ServerStore
from semrec.types import item_keys

N_ITEMS, RANK = 20, 3
FACTORS = np.random.default_rng(0).normal(size=(N_ITEMS, RANK)).astype(np.float32)


def keys(*rows):
    return item_keys(str(row) for row in rows)


@pytest.fixture(scope="module")
def make_index():
    """Return a function: factors (n, rank) -> an index of items 0, 1, …"""
    client = QdrantClient(":memory:")

    def make(factors):
        factors = np.asarray(factors, np.float32)
        _, index = ServerStore("shop", client=client).create(taste_fields(factors.shape[1]))
        index.upsert([Point(Record(str(row), ""), {TASTE: factor}) for row, factor in enumerate(factors)])
        return index

    yield make
    client.close()


def fold_in_of(factors, alpha=0.5, reg=0.1, nu=1.0):
    factors = np.asarray(factors, np.float32)
    return FoldIn(factors.T @ factors, alpha, reg, nu, len(factors))


@pytest.fixture(scope="module")
def signal(make_index):
    index = make_index(FACTORS)
    return TasteSignal(index, index.sample(N_ITEMS), fold_in_of(FACTORS))


def question(history, weights, limit=5):
    return Question(
        None, None, keys(*history), np.asarray(weights, np.float32), np.zeros(len(history), np.int64), limit
    )


def ask(signal, history, weights):
    (query,) = signal.ask(question(history, weights))
    return query


def plain_user(factors, history, weights, fold_in):
    """Return the user's factor by the formula, one event at a time."""
    rank = factors.shape[1]
    left = fold_in.alpha * fold_in.gram.astype(float)
    right = np.zeros(rank)
    for item, weight in zip(history, weights, strict=True):
        left = left + abs(weight) * np.outer(factors[item], factors[item]).astype(float)
        right += weight * factors[item].astype(float)
    evidence = sum(map(abs, weights))
    left += fold_in.reg * (evidence + fold_in.alpha * fold_in.n_items) ** fold_in.nu * np.eye(rank)
    return np.linalg.inv(left) @ right


def test_rank_1_by_hand(make_index):
    # Items 1 and 2; G = 5, so A = 0.5·5 + 3·1² + 0.1·(3 + 0.5·2) = 5.9 and u = 3·1 / 5.9.
    index = make_index([[1.0], [2.0]])
    query = ask(TasteSignal(index, keys(), fold_in_of([[1.0], [2.0]])), [0], [3.0])
    np.testing.assert_allclose(query.terms(keys(0, 1)), [[3 / 5.9], [6 / 5.9]], rtol=1e-5)
    np.testing.assert_allclose(query.searches[0].query, [3 / 5.9], rtol=1e-5)


def test_rank_2_by_hand(make_index):
    # Orthogonal items: A is diagonal. G = diag(1, 4), the ridge is 0.1·(1 + 2 + 0.5·2)² = 1.6.
    factors = np.array([[1.0, 0.0], [0.0, 2.0]])
    index = make_index(factors)
    query = ask(TasteSignal(index, keys(), fold_in_of(factors, nu=2.0)), [0, 1], [1.0, -2.0])
    first, second = 1 / (0.5 + 1 + 1.6), -2 * 2 / (0.5 * 4 + 2 * 4 + 1.6)
    np.testing.assert_allclose(query.terms(keys(0, 1)), [[first, 0], [0, 2 * second]], rtol=1e-5)
    np.testing.assert_allclose(query.searches[0].query, [first, second], rtol=1e-5)


@st.composite
def histories(draw):
    history = draw(st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=12, unique=True))
    return history, [draw(st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0])) for _ in history]


@settings(deadline=None, max_examples=50)
@given(histories())
def test_the_terms_add_up_to_the_fold_in(signal, case):
    history, weights = case
    query = ask(signal, history, weights)
    terms = query.terms(keys(*range(N_ITEMS)))
    assert (query.signal, query.origin, terms.dtype) == ("collaborative", "history", np.float32)
    assert terms.shape == (N_ITEMS, len(history))
    user = plain_user(FACTORS, history, weights, fold_in_of(FACTORS))
    np.testing.assert_allclose(terms.sum(axis=1), FACTORS @ user, atol=1e-5)
    np.testing.assert_allclose(query.searches[0].query, user, atol=1e-5)


def test_the_fold_in_of_learning_is_the_same():
    """What is trained with one and served with the other must not differ."""
    from scipy.sparse import csr_array
    from semrec.learning.ials import fold_in

    own = fold_in_of(FACTORS, alpha=0.2, reg=0.05, nu=0.7)
    rows = np.zeros((2, N_ITEMS), np.float32)
    rows[0, [3, 7]], rows[1, [1, 2, 5, 11]] = [1, 2], [1, 0.5, 1, -1]
    folded = fold_in(csr_array(rows), FACTORS, own.gram, own.alpha, own.reg, own.nu)
    for row, user in zip(rows, folded, strict=True):
        history = np.flatnonzero(row)
        np.testing.assert_allclose(plain_user(FACTORS, history, row[history], own), user, atol=1e-5)


def test_scores_are_standardised_by_the_catalog_without_the_history(signal):
    query = ask(signal, [3, 7], [1.0, 2.0])
    others = query.terms(keys(*(item for item in range(N_ITEMS) if item not in (3, 7))))
    np.testing.assert_allclose(query.offsets, others.mean(axis=0), atol=1e-6)
    assert query.scale == pytest.approx(others.sum(axis=1).std(), rel=1e-4)


def test_the_search_finds_what_scores(signal):
    query = ask(signal, [3, 7], [1.0, 2.0])
    (hits,) = signal._index.search(query.searches)
    scores = query.terms(keys(*range(N_ITEMS))).sum(axis=1)
    assert hits.keys.tolist() == keys(*np.argsort(-scores)[:5]).tolist()
    np.testing.assert_allclose(query.terms(hits.keys).sum(axis=1), hits.scores, atol=1e-5)


def test_a_disliked_item_counts_against_itself_and_what_is_like_it(signal):
    liked, disliked = ask(signal, [4], [1.0]), ask(signal, [4], [-1.0])
    everything = keys(*range(N_ITEMS))
    np.testing.assert_allclose(disliked.terms(everything), -liked.terms(everything), atol=1e-6)
    assert disliked.terms(keys(4))[0, 0] < 0
    both = ask(signal, [4, 9], [1.0, -1.0]).terms(keys(9))
    assert both[0, 1] < 0


def test_a_dislike_takes_away_no_evidence(signal):
    """A is made of |c|, so it stays positive definite and every history has a finite answer."""
    query = ask(signal, list(range(N_ITEMS)), [-50.0] * N_ITEMS)
    assert np.isfinite(query.terms(keys(*range(N_ITEMS)))).all()


def test_no_history_no_answer(signal):
    assert signal.ask(question([], [])) == []


def test_a_history_of_items_without_a_factor_says_nothing(make_index):
    index = make_index(np.zeros((4, 2)))
    query = ask(TasteSignal(index, index.sample(4), fold_in_of(np.zeros((4, 2)))), [1], [1.0])
    assert query.searches == ()
    assert query.scale == float("inf")
    assert query.terms(keys(0, 1)).tolist() == [[0], [0]]


@pytest.mark.parametrize("sample", [[], [3]])
def test_a_sample_that_is_all_history_still_answers(make_index, sample):
    signal = TasteSignal(make_index(FACTORS), keys(*sample), fold_in_of(FACTORS))
    query = ask(signal, [3], [1.0])
    assert query.scale > 0
    assert query.offsets.tolist() == [0]


@settings(deadline=None)
@given(st.integers(0, 8), st.integers(0, 2**32 - 1), st.floats(1e-6, 1e3), st.floats(0, 2))
def test_a_fold_in_survives_json(rank, seed, alpha, nu):
    gram = np.random.default_rng(seed).normal(size=(rank, rank)).astype(np.float32)
    before = FoldIn(gram, alpha, 0.003, nu, 7)
    after = FoldIn.from_dict(json.loads(json.dumps(before.to_dict())))
    assert after.gram.shape == gram.shape
    assert after.gram.tobytes() == gram.tobytes()
    assert (after.alpha, after.reg, after.nu, after.n_items) == (alpha, 0.003, nu, 7)


# -- taste from text -----------------------------------------------------------------------------------


def text_map(seed=1, dim=4, rank=RANK):
    rng = np.random.default_rng(seed)
    centre, weights = rng.normal(size=dim), rng.normal(size=(dim + 1, rank))
    return TextMap(centre.astype(np.float32), weights.astype(np.float32))


def text_question(history=(), weights=(), dim=4, seed=2):
    vector = np.random.default_rng(seed).normal(size=dim).astype(np.float32)
    given = question(history, weights)
    return replace(given, text="some words", text_vector=vector / np.linalg.norm(vector))


def test_taste_from_text_by_hand():
    # (3, 4) - (0, 0), unit: (0.6, 0.8); times (1, 2) plus the constant 10.
    told = TextMap(np.zeros(2, np.float32), np.array([[1], [2], [10]], np.float32))
    vectors = np.array([[3, 4], [0, 0]], np.float32)
    np.testing.assert_allclose(told.predicted_taste(vectors), [[12.2], [10]], rtol=1e-6)


def test_a_text_asks_as_the_user_of_one_item_that_reads_like_it(make_index):
    told, asked = text_map(), text_question()
    like_it = told.predicted_taste(asked.text_vector[None])
    factors = np.vstack([FACTORS, like_it])
    index = make_index(factors)
    everything = keys(*range(N_ITEMS))
    signal = TasteSignal(index, index.sample(N_ITEMS), fold_in_of(FACTORS), told)
    (by_text,) = signal.ask(asked)
    by_history = ask(signal, [N_ITEMS], [1.0])
    assert (by_text.signal, by_text.origin) == (TASTE, "text")
    assert by_text.terms(everything).shape == (N_ITEMS, 1)
    np.testing.assert_allclose(by_text.terms(everything), by_history.terms(everything), rtol=1e-5)
    np.testing.assert_allclose(by_text.searches[0].query, by_history.searches[0].query, rtol=1e-5)


def test_without_a_map_a_text_says_nothing(signal):
    assert signal.ask(text_question()) == []


@settings(deadline=None, max_examples=50)
@given(histories(), st.integers(0, 100))
def test_text_and_history_are_two_parts_that_both_add_up(signal, case, seed):
    history, weights = case
    told, asked = text_map(), text_question(history, weights, seed=seed)
    with_map = TasteSignal(signal._index, signal._sample_keys, signal._fold_in, told)
    by_text, by_history = with_map.ask(asked)
    assert [by_text.origin, by_history.origin] == ["text", "history"]
    alone = ask(signal, history, weights)
    everything = keys(*range(N_ITEMS))
    np.testing.assert_array_equal(by_history.terms(everything), alone.terms(everything))
    factor = told.predicted_taste(asked.text_vector[None])
    user = plain_user(factor, [0], [1.0], fold_in_of(FACTORS))
    np.testing.assert_allclose(by_text.terms(everything)[:, 0], FACTORS @ user, atol=1e-5)


def test_a_map_survives_json():
    before = text_map()
    after = TextMap.from_dict(json.loads(json.dumps(before.to_dict())))
    np.testing.assert_array_equal(after.centre, before.centre)
    np.testing.assert_array_equal(after.weights, before.weights)
