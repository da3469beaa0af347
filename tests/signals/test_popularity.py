"""The `popularity` signal: what many used, and how much is known of an item."""

from __future__ import annotations

import numpy as np
import pytest
from asking import keys_of, new_items, parts_of, question_of, scores_of, terms_of
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from semrec.signals.fitting import TrainingData
from semrec.signals.popularity import NEW_ITEM, POPULARITY, PopularitySignal, events_of, stored_popularity
from semrec.store.protocol import VectorField

EVENTS = np.array([0, 1, 2, 50, 7, 1000], np.float32)
ROWS = range(len(EVENTS))
KEYS = keys_of(ROWS)


@pytest.fixture(scope="module")
def index(make_index):
    return make_index([VectorField(POPULARITY, "dense", 1, "dot")], {POPULARITY: stored_popularity(EVENTS)})


@pytest.fixture(scope="module")
def ask(index):
    """Return a function: rows of a history -> the parts of the question."""

    def ask(history=(), text=None, sample=ROWS):
        signal = PopularitySignal(index.fetch(keys_of(sample), (POPULARITY,)))
        vector = None if text is None else np.ones(2, np.float32)
        question = question_of(index, keys_of(history), text=text, text_vector=vector, limit=3)
        return parts_of(signal, index, question)

    return ask


def test_one_number_an_item():
    rows = stored_popularity(EVENTS)
    assert (rows.shape, rows.dtype) == ((6, 1), np.float32)
    np.testing.assert_allclose(rows[:, 0], [np.log(1 + n) for n in EVENTS], rtol=1e-6)
    assert stored_popularity(np.empty(0, np.float32)).shape == (0, 1)


def test_events_are_counted_once_for_each_user():
    user_items = csr_array(np.array([[3, 0, 0.5], [1, 0, 0]], np.float32))
    fitted = PopularitySignal.fit(TrainingData(user_items, None, np.eye(3, dtype=np.float32)), {}, 0)
    np.testing.assert_allclose(fitted.vectors[POPULARITY][:, 0], np.log1p([2, 0, 1]), rtol=1e-6)
    assert [field.name for field in fitted.fields] == [POPULARITY]


def test_the_events_of_a_new_item_are_not_known():
    found = np.array(PopularitySignal.new_item_vectors({}, new_items(np.ones((2, 4))))[POPULARITY])
    assert events_of(found[:, 0]).tolist() == [NEW_ITEM, NEW_ITEM]
    assert (found < stored_popularity(np.zeros(1, np.float32))).all()


@pytest.mark.parametrize("history", [(), (3, 4)])
def test_every_asker_gets_the_same_scores(index, ask, history):
    (part,) = ask(history)
    assert (part.signal, part.origin) == ("popularity", "catalog")
    np.testing.assert_allclose(terms_of(index, part, KEYS), stored_popularity(EVENTS), rtol=1e-5)
    (hits,) = index.search(part.searches)
    assert hits.keys.tolist() == KEYS[[5, 3, 4]].tolist()
    np.testing.assert_allclose(hits.scores, np.log1p(EVENTS[[5, 3, 4]]), rtol=1e-5)


def test_standardised_by_the_catalog_without_the_history(ask):
    """As every signal, and as the weights of the blend were learned."""
    (part,) = ask((3, 5))
    others = np.log1p(EVENTS[[0, 1, 2, 4]])
    np.testing.assert_allclose(part.offsets, [others.mean()], rtol=1e-5)
    assert part.scale == pytest.approx(others.std(), rel=1e-4)


@pytest.mark.parametrize("history", [(), (1,)])
def test_a_text_gets_no_popularity(ask, history):
    assert ask(history, text="red") == []


def test_evidence_is_the_number_of_events(index):
    signal = PopularitySignal()
    (raw,) = index.scores([signal.evidence_request], KEYS)
    assert signal.evidence(raw).tolist() == EVENTS.tolist()
    assert signal.evidence(raw[:0]).tolist() == []


@given(st.integers(0, 10**6))
def test_no_number_of_events_is_lost_in_the_logarithm(n):
    stored = stored_popularity(np.array([n], np.float32))
    assert abs(float(events_of(stored[:, 0])[0]) - n) <= 1e-5 * n


def test_items_that_are_all_as_popular_add_nothing(ask):
    (part,) = ask(sample=[2])
    assert part.scale == float("inf")


def test_an_empty_sample_answers(index, ask):
    (part,) = ask(sample=[])
    assert (part.offsets.tolist(), part.scale) == ([0], 1.0)
    np.testing.assert_allclose(scores_of(index, part, KEYS), np.log1p(EVENTS), rtol=1e-5)
