"""The `collaborative` signal against the fold-in done by hand, and as a sum over the history."""

from __future__ import annotations

import numpy as np
import pytest
from asking import keys_of, new_items, parts_of, question_of, scores_of, terms_of
from event_data import checkerboard
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from semrec.config import Settings
from semrec.signals import SignalContext
from semrec.signals.blend import BlendWeights
from semrec.signals.collaborative import COLLABORATIVE, CollaborativeSignal
from semrec.signals.fitting import TrainingData
from semrec.signals.learned import LearnedSettings
from semrec.signals.models.fold_in import FoldIn
from semrec.signals.models.text_map import TextMap
from semrec.store import Manifest
from semrec.store.manifests import dump_manifest, load_manifest
from semrec.store.protocol import VectorField

N_ITEMS, RANK = 20, 3
FACTORS = np.random.default_rng(0).normal(size=(N_ITEMS, RANK)).astype(np.float32)
EVERYTHING = keys_of(range(N_ITEMS))


def fold_in_of(factors, alpha=0.5, reg=0.1, nu=1.0):
    factors = np.asarray(factors, np.float32)
    return FoldIn(factors.T @ factors, alpha, reg, nu, len(factors))


@pytest.fixture(scope="module")
def index_of(make_index):
    """Return a function: factors (n, rank) -> an index of items 0, 1, …"""

    def make(factors):
        factors = np.asarray(factors, np.float32)
        field = VectorField(COLLABORATIVE, "dense", factors.shape[1], "dot")
        return make_index([field], {COLLABORATIVE: factors})

    return make


@pytest.fixture(scope="module")
def index(index_of):
    return index_of(FACTORS)


def open_signal(index, fold_in, *, text_map=None, sample=range(N_ITEMS)):
    return CollaborativeSignal(fold_in, text_map, index.fetch(keys_of(sample), (COLLABORATIVE,)))


@pytest.fixture(scope="module")
def signal(index):
    return open_signal(index, fold_in_of(FACTORS))


def ask(signal, index, history, weights, **options):
    question = question_of(index, keys_of(history), weights, fields=signal.history_fields, **options)
    return parts_of(signal, index, question)


def by_history(signal, index, history, weights):
    (part,) = ask(signal, index, history, weights)
    return part


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


def test_rank_1_by_hand(index_of):
    # Items 1 and 2; G = 5, so A = 0.5·5 + 3·1² + 0.1·(3 + 0.5·2) = 5.9 and u = 3·1 / 5.9.
    index = index_of([[1.0], [2.0]])
    part = by_history(open_signal(index, fold_in_of([[1.0], [2.0]]), sample=[]), index, [0], [3.0])
    np.testing.assert_allclose(terms_of(index, part, keys_of([0, 1])), [[3 / 5.9], [6 / 5.9]], rtol=1e-5)
    np.testing.assert_allclose(scores_of(index, part, keys_of([0, 1])), [3 / 5.9, 6 / 5.9], rtol=1e-5)
    np.testing.assert_allclose(part.searches[0].query, [3 / 5.9], rtol=1e-5)


def test_rank_2_by_hand(index_of):
    # Orthogonal items: A is diagonal. G = diag(1, 4), the ridge is 0.1·(1 + 2 + 0.5·2)² = 1.6.
    factors = np.array([[1.0, 0.0], [0.0, 2.0]])
    index = index_of(factors)
    signal = open_signal(index, fold_in_of(factors, nu=2.0), sample=[])
    part = by_history(signal, index, [0, 1], [1.0, -2.0])
    first, second = 1 / (0.5 + 1 + 1.6), -2 * 2 / (0.5 * 4 + 2 * 4 + 1.6)
    np.testing.assert_allclose(
        terms_of(index, part, keys_of([0, 1])), [[first, 0], [0, 2 * second]], rtol=1e-5
    )
    np.testing.assert_allclose(part.searches[0].query, [first, second], rtol=1e-5)


@st.composite
def histories(draw):
    history = draw(st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=12, unique=True))
    return history, [draw(st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0])) for _ in history]


@settings(deadline=None, max_examples=50)
@given(histories())
def test_the_terms_add_up_to_the_fold_in(signal, index, case):
    history, weights = case
    part = by_history(signal, index, history, weights)
    terms = terms_of(index, part, EVERYTHING)
    assert (part.signal, part.origin, terms.dtype) == ("collaborative", "history", np.float32)
    assert terms.shape == (N_ITEMS, len(history))
    user = plain_user(FACTORS, history, weights, fold_in_of(FACTORS))
    np.testing.assert_allclose(terms.sum(axis=1), FACTORS @ user, atol=1e-5)
    np.testing.assert_allclose(scores_of(index, part, EVERYTHING), FACTORS @ user, atol=1e-5)
    np.testing.assert_allclose(part.searches[0].query, user, atol=1e-5)


def test_scores_are_standardised_by_the_catalog_without_the_history(signal, index):
    part = by_history(signal, index, [3, 7], [1.0, 2.0])
    others = terms_of(index, part, keys_of(item for item in range(N_ITEMS) if item not in (3, 7)))
    np.testing.assert_allclose(part.offsets, others.mean(axis=0), atol=1e-6)
    assert part.scale == pytest.approx(others.sum(axis=1).std(), rel=1e-4)


def test_the_search_finds_what_scores(signal, index):
    part = by_history(signal, index, [3, 7], [1.0, 2.0])
    (hits,) = index.search(part.searches)
    scores = scores_of(index, part, EVERYTHING)
    assert hits.keys.tolist() == keys_of(np.argsort(-scores)[:5]).tolist()
    np.testing.assert_allclose(scores_of(index, part, hits.keys), hits.scores, atol=1e-5)


def test_a_disliked_item_counts_against_itself_and_what_is_like_it(signal, index):
    liked = terms_of(index, by_history(signal, index, [4], [1.0]), EVERYTHING)
    disliked = terms_of(index, by_history(signal, index, [4], [-1.0]), EVERYTHING)
    np.testing.assert_allclose(disliked, -liked, atol=1e-6)
    assert disliked[4, 0] < 0
    both = terms_of(index, by_history(signal, index, [4, 9], [1.0, -1.0]), keys_of([9]))
    assert both[0, 1] < 0


def test_a_dislike_takes_away_no_evidence(signal, index):
    """A is made of |c|, so it stays positive definite and every history has a finite answer."""
    part = by_history(signal, index, range(N_ITEMS), [-50.0] * N_ITEMS)
    assert np.isfinite(scores_of(index, part, EVERYTHING)).all()


def test_no_history_no_answer(signal, index):
    assert ask(signal, index, [], []) == []


def test_a_history_of_items_without_a_factor_scores_nothing(index_of):
    index = index_of(np.zeros((4, 2)))
    signal = open_signal(index, fold_in_of(np.zeros((4, 2))), sample=range(4))
    part = by_history(signal, index, [1], [1.0])
    assert (part.searches, part.requests) == ((), ())
    assert part.scale == float("inf")
    assert terms_of(index, part, keys_of([0, 1])).tolist() == [[0], [0]]
    assert scores_of(index, part, keys_of([0, 1])).tolist() == [0, 0]


@pytest.mark.parametrize("sample", [[], [3]])
def test_a_sample_that_is_all_history_still_answers(index, sample):
    part = by_history(open_signal(index, fold_in_of(FACTORS), sample=sample), index, [3], [1.0])
    assert part.scale > 0
    assert part.offsets.tolist() == [0]


# -- a text --------------------------------------------------------------------------------------------


def text_map(seed=1, dim=4, rank=RANK):
    rng = np.random.default_rng(seed)
    centre, weights = rng.normal(size=dim), rng.normal(size=(dim + 1, rank))
    return TextMap(centre.astype(np.float32), weights.astype(np.float32))


def vector_of(seed=2, dim=4):
    vector = np.random.default_rng(seed).normal(size=dim).astype(np.float32)
    return vector / np.linalg.norm(vector)


def test_a_text_asks_as_the_user_of_one_item_that_reads_like_it(index_of):
    predictor, vector = text_map(), vector_of()
    like_it = predictor.factors(vector[None])
    index = index_of(np.vstack([FACTORS, like_it]))
    signal = open_signal(index, fold_in_of(FACTORS), text_map=predictor)
    (by_text,) = ask(signal, index, [], [], text="some words", text_vector=vector)
    as_user = by_history(signal, index, [N_ITEMS], [1.0])
    assert (by_text.signal, by_text.origin) == (COLLABORATIVE, "text")
    terms = terms_of(index, by_text, EVERYTHING)
    assert terms.shape == (N_ITEMS, 1)
    np.testing.assert_allclose(terms, terms_of(index, as_user, EVERYTHING), rtol=1e-5)
    np.testing.assert_allclose(by_text.searches[0].query, as_user.searches[0].query, rtol=1e-5)


def test_without_a_map_a_text_has_no_part(signal, index):
    assert ask(signal, index, [], [], text="some words", text_vector=vector_of()) == []


@settings(deadline=None, max_examples=50)
@given(histories(), st.integers(0, 100))
def test_text_and_history_are_two_parts_that_both_add_up(signal, index, case, seed):
    history, weights = case
    predictor, vector = text_map(), vector_of(seed)
    with_map = open_signal(index, fold_in_of(FACTORS), text_map=predictor)
    by_text, history_part = ask(with_map, index, history, weights, text="some words", text_vector=vector)
    assert [by_text.origin, history_part.origin] == ["text", "history"]
    alone = by_history(signal, index, history, weights)
    np.testing.assert_array_equal(
        terms_of(index, history_part, EVERYTHING), terms_of(index, alone, EVERYTHING)
    )
    user = plain_user(predictor.factors(vector[None]), [0], [1.0], fold_in_of(FACTORS))
    np.testing.assert_allclose(terms_of(index, by_text, EVERYTHING)[:, 0], FACTORS @ user, atol=1e-5)
    np.testing.assert_allclose(scores_of(index, by_text, EVERYTHING), FACTORS @ user, atol=1e-5)


# -- what is fitted ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    data, _ = checkerboard(60, 16)
    return CollaborativeSignal.fit(data, {"rank": 4, "epochs": 3}, seed=0)


def through_a_manifest(parameters):
    """Return the parameters as the next process reads them."""
    weights = BlendWeights((COLLABORATIVE,), (0,), (0,), (((1.0,),),))
    learned = LearnedSettings(weights, None, None, {COLLABORATIVE: parameters})
    empty = Manifest("toy", "", 4, "", "", "", (), {})
    text, arrays = dump_manifest(learned.stored_in(empty))
    read = LearnedSettings.of(load_manifest(text, lambda digest: arrays, "here"))
    return read.parameters[COLLABORATIVE]


def test_a_fold_in_and_a_map_survive_the_manifest(index_of, fitted):
    index = index_of(fitted.vectors[COLLABORATIVE])
    parts = []
    for parameters in (fitted.parameters, through_a_manifest(fitted.parameters)):
        sample = index.fetch(keys_of(range(16)), (COLLABORATIVE,))
        context = SignalContext(Settings(), np.zeros(4, np.float32), 16, {}, parameters, sample)
        opened = CollaborativeSignal.open(context)
        parts.append(ask(opened, index, [1, 2], [1.0, -1.0], text="words", text_vector=vector_of()))
    assert [part.origin for part in parts[0]] == ["text", "history"]
    for before, after in zip(*parts, strict=True):
        np.testing.assert_array_equal(before.directions, after.directions)
        assert before.scale == after.scale


def test_an_item_without_events_gets_the_factor_of_items_that_read_alike():
    data, _ = checkerboard(60, 16)  # users of even items use no odd ones, and the texts of both kinds differ
    events = data.user_items.toarray()
    events[:, :2] = 0
    data = TrainingData(csr_array(events), None, data.text_vectors)
    factors = CollaborativeSignal.fit(data, {"rank": 4, "epochs": 5}, seed=0).vectors[COLLABORATIVE]
    unseen, seen = factors[:2], factors[2:]
    alike = (unseen @ seen.T).reshape(2, -1, 2).mean(axis=1)  # by kind of the unseen and of the seen
    assert alike[0, 0] > alike[0, 1]
    assert alike[1, 1] > alike[1, 0]


def test_a_new_item_gets_the_factor_predicted_from_its_text(fitted):
    predictor = TextMap(fitted.parameters["text_centre"], fitted.parameters["text_weights"])
    vectors = np.stack([vector_of(1), vector_of(2)])
    found = CollaborativeSignal.new_item_vectors(fitted.parameters, new_items(vectors))[COLLABORATIVE]
    np.testing.assert_allclose(found, predictor.factors(vectors), rtol=1e-6)


def test_another_encoder_loses_the_map_and_new_items_their_taste(fitted):
    kept, note = CollaborativeSignal.without_text(fitted.parameters)
    assert "semrec fit" in note
    found = CollaborativeSignal.new_item_vectors(kept, new_items(np.ones((2, 9))))[COLLABORATIVE]
    assert np.array(found).tolist() == [[0.0] * 4] * 2
    assert set(fitted.parameters) - set(kept) == {"text_centre", "text_weights"}
