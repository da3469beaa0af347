"""The `popularity` signal: what many used, and how much is known of an item."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import QdrantClient

from semrec.signals import Question
from semrec.signals.popularity import POPULARITY, POPULARITY_FIELDS, PopularitySignal, item_vectors
from semrec.store import Point, Record
from semrec.store.server import ServerStore
from semrec.types import item_keys

EVENTS = np.array([0, 1, 2, 50, 7, 1000], np.float32)
KEYS = item_keys(map(str, range(len(EVENTS))))


@pytest.fixture(scope="module")
def index():
    client = QdrantClient(":memory:")
    _, index = ServerStore("shop", client=client).create(POPULARITY_FIELDS)
    rows = item_vectors(EVENTS)
    index.upsert([Point(Record(str(item), ""), {POPULARITY: row}) for item, row in enumerate(rows)])
    yield index
    client.close()


@pytest.fixture(scope="module")
def signal(index):
    return PopularitySignal(index, KEYS)


def question(history=(), text=None):
    vector = None if text is None else np.ones(2, np.float32)
    n = len(history)
    return Question(text, vector, KEYS[list(history)], np.ones(n, np.float32), np.zeros(n, np.int64), 3)


def test_one_number_an_item():
    rows = item_vectors(EVENTS)
    assert (rows.shape, rows.dtype) == ((6, 1), np.float32)
    np.testing.assert_allclose(rows[:, 0], [np.log(1 + n) for n in EVENTS], rtol=1e-6)
    assert item_vectors(np.empty(0, np.float32)).shape == (0, 1)


@pytest.mark.parametrize("history", [(), (3, 4)])
def test_it_says_the_same_to_everybody(index, signal, history):
    (query,) = signal.ask(question(history))
    assert (query.signal, query.origin) == ("popularity", "catalog")
    np.testing.assert_allclose(query.terms(KEYS), item_vectors(EVENTS), rtol=1e-5)
    (hits,) = index.search(query.searches)
    assert hits.keys.tolist() == KEYS[[5, 3, 4]].tolist()
    np.testing.assert_allclose(hits.scores, np.log1p(EVENTS[[5, 3, 4]]), rtol=1e-5)


def test_standardised_by_the_catalog_without_the_history(signal):
    """As the other signals, and as the weights of the blend were learned."""
    (query,) = signal.ask(question((3, 5)))
    others = np.log1p(EVENTS[[0, 1, 2, 4]])
    np.testing.assert_allclose(query.offsets, [others.mean()], rtol=1e-5)
    assert query.scale == pytest.approx(others.std(), rel=1e-4)


@pytest.mark.parametrize("history", [(), (1,)])
def test_a_text_says_what_is_wanted(signal, history):
    assert signal.ask(question(history, text="red")) == []


def test_evidence_is_the_number_of_events(signal):
    assert signal.evidence(KEYS).tolist() == EVENTS.tolist()
    assert signal.evidence(KEYS[:0]).tolist() == []


@given(st.integers(0, 10**6))
def test_no_number_of_events_is_lost_in_the_logarithm(n):
    stored = item_vectors(np.array([n], np.float32))
    assert abs(float(np.rint(np.expm1(stored[0, 0]))) - n) <= 1e-5 * n


def test_items_that_are_all_as_popular_add_nothing(index):
    signal = PopularitySignal(index, KEYS[[2]])
    (query,) = signal.ask(question())
    assert query.scale == float("inf")


def test_an_empty_sample_answers(index):
    (query,) = PopularitySignal(index, KEYS[:0]).ask(question())
    assert (query.offsets.tolist(), query.scale) == ([0], 1.0)
