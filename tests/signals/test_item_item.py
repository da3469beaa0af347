"""The `neighbours` signal against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient

from semrec.signals import Question
from semrec.signals.item_item import (
    NEIGHBOURS,
    NEIGHBOURS_FIELDS,
    NeighboursSignal,
    clashing,
    columns_of,
    weights_from,
)
from semrec.store import Point, Record, SparseRows, SparseVector
from semrec.store.server import ServerStore
from semrec.types import item_keys

N_ITEMS = 16
KEYS = item_keys(map(str, range(N_ITEMS)))
NONE = np.empty(0, np.uint64)


def model():
    """Return B, float32 (n_items, n_items): about a third of the weights, and nothing for item 5."""
    random = np.random.default_rng(1)
    weights = random.normal(size=(N_ITEMS, N_ITEMS)) * (random.random((N_ITEMS, N_ITEMS)) < 0.3)
    np.fill_diagonal(weights, 0)
    weights[:, 5] = 0
    return weights.astype(np.float32)


B = model()


@pytest.fixture(scope="module")
def index():
    """Items 0, 1, …, each with its column of B."""
    client = QdrantClient(":memory:")
    _, index = ServerStore("shop", client=client).create(NEIGHBOURS_FIELDS)
    columns = columns_of(KEYS)
    index.upsert(
        [
            Point(
                Record(str(item), ""),
                {NEIGHBOURS: SparseVector(columns[np.flatnonzero(column)], column[np.flatnonzero(column)])},
            )
            for item, column in enumerate(B.T)
        ]
    )
    yield index
    client.close()


@pytest.fixture(scope="module")
def signal(index):
    return NeighboursSignal(index, index.sample(N_ITEMS), NONE)


def question(history, weights):
    keys, labels = KEYS[list(history)], np.zeros(len(history), np.int64)
    return Question(None, None, keys, np.asarray(weights, np.float32), labels, 5)


def ask(signal, history, weights):
    (query,) = signal.ask(question(history, weights))
    return query


# -- entries of sparse vectors -------------------------------------------------------------------------


def plain_weights(rows, columns):
    found = np.zeros((len(rows.values), len(columns)), np.float32)
    for item in range(len(rows.values)):
        for index, value in zip(rows.indices[item], rows.values[item], strict=True):
            for place, column in enumerate(columns):
                if index == column and value != 0:
                    found[item, place] = value
    return found


few_columns = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 2**16, 2**16 + 3, 2**31 + 3])  # some share their low bits


@st.composite
def sparse_rows(draw):
    """Rows with unique indices where there is a value; index 0 fills up the rest."""
    n, most = draw(st.integers(0, 5)), draw(st.integers(0, 4))
    indices, values = np.zeros((n, most), np.uint32), np.zeros((n, most), np.float32)
    for item in range(n):
        used = draw(st.lists(few_columns, max_size=most, unique=True))
        indices[item, : len(used)] = used
        values[item, : len(used)] = [draw(st.sampled_from([-1.5, 0.25, 2.0])) for _ in used]
    return SparseRows(indices, values)


@settings(deadline=None, max_examples=200)
@given(sparse_rows(), st.lists(few_columns, max_size=5, unique=True))
def test_entries_are_those_of_a_plain_loop(rows, columns):
    columns = np.array(columns, np.uint32)
    found = weights_from(rows, columns)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, plain_weights(rows, columns))


def test_the_filling_of_a_row_is_no_entry():
    """Rows are filled up with index 0 and value 0; an item whose index is 0 is somebody all the same."""
    rows = SparseRows(
        np.array([[0, 0, 0], [0, 3, 0]], np.uint32), np.array([[0, 0, 0], [2, 1, 0]], np.float32)
    )
    assert weights_from(rows, np.array([3, 0], np.uint32)).tolist() == [[0, 0], [1, 2]]


# -- items that share an index -------------------------------------------------------------------------


def test_the_index_of_an_item_is_the_low_half_of_its_key():
    keys = np.array([5, 2**32 + 7, 2**64 - 1], np.uint64)
    assert columns_of(keys).tolist() == [5, 7, 2**32 - 1]
    assert columns_of(keys).dtype == np.uint32


def test_of_items_with_one_index_the_first_stands():
    keys = np.array([5, 9, 2**32 + 5, 2**33 + 5, 2**32 + 9, 11], np.uint64)
    assert clashing(keys).tolist() == [2**32 + 5, 2**33 + 5, 2**32 + 9]
    assert clashing(keys[:2]).tolist() == []
    assert clashing(NONE).tolist() == []


@given(st.lists(st.integers(0, 2**64 - 1).map(lambda key: key & ~0xFFFFFFFC), unique=True, max_size=20))
def test_those_that_stand_have_an_index_of_their_own(keys):
    keys = np.array(sorted(keys), np.uint64)
    stands = keys[~np.isin(keys, clashing(keys))]
    assert len(np.unique(columns_of(stands))) == len(stands)
    assert set(columns_of(stands).tolist()) == set(columns_of(keys).tolist())


def test_an_item_without_an_index_of_its_own_says_nothing(index):
    signal = NeighboursSignal(index, index.sample(N_ITEMS), KEYS[[2]])
    query = ask(signal, [2, 3], [1.0, 1.0])
    terms = query.terms(KEYS)
    assert not terms[:, 0].any()
    np.testing.assert_allclose(terms[:, 1], B[3], rtol=1e-6)
    assert query.searches[0].query.indices.tolist() == columns_of(KEYS[[3]]).tolist()
    alone = ask(signal, [2], [1.0])
    assert (alone.searches, alone.scale) == ((), float("inf"))
    assert not alone.terms(KEYS).any()


# -- the signal ----------------------------------------------------------------------------------------


@st.composite
def histories(draw):
    history = draw(st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=6, unique=True))
    return history, [draw(st.sampled_from([-1.0, 0.5, 1.0, 3.0])) for _ in history]


@settings(deadline=None, max_examples=40)
@given(histories())
def test_terms_are_weights_of_the_model(signal, case):
    history, weights = case
    query = ask(signal, history, weights)
    terms = query.terms(KEYS)
    plain = [[w * B[h, i] for h, w in zip(history, weights, strict=True)] for i in range(N_ITEMS)]
    assert (query.signal, query.origin, terms.dtype) == ("item_item", "history", np.float32)
    np.testing.assert_allclose(terms, plain, rtol=1e-6)


@settings(deadline=None, max_examples=40)
@given(histories())
def test_the_sample_is_scored_like_everything_else(signal, case):
    history, weights = case
    query = ask(signal, history, weights)
    others = query.terms(np.delete(KEYS, history))
    np.testing.assert_allclose(query.offsets, others.mean(axis=0), atol=1e-6)
    spread = others.sum(axis=1).std()
    assert query.scale == (pytest.approx(spread, rel=1e-4) if spread > 1e-4 else float("inf"))


def test_a_sparse_search_finds_what_scores(index, signal):
    query = ask(signal, [0, 3, 8], [1.0, 2.0, 1.0])
    (hits,) = index.search(query.searches)
    np.testing.assert_allclose(query.terms(hits.keys).sum(axis=1), hits.scores, rtol=1e-5)
    scores = query.terms(KEYS).sum(axis=1)
    assert hits.keys[0] == KEYS[scores.argmax()]


def test_an_item_without_neighbours_scores_0(signal):
    assert not ask(signal, [0, 1, 2], [1.0, 1.0, 1.0]).terms(KEYS[[5]]).any()


def test_no_history_no_answer(signal):
    assert signal.ask(question([], [])) == []


def test_no_candidates_no_terms(signal):
    assert ask(signal, [0, 1], [1.0, 1.0]).terms(NONE).shape == (0, 2)


def test_an_empty_sample_and_a_model_without_weights_answer(index):
    query = ask(NeighboursSignal(index, NONE, NONE), [0], [1.0])
    assert (query.offsets.tolist(), query.scale) == ([0], 1.0)
    nobody = NeighboursSignal(index, KEYS[[5]], NONE)  # item 5 has no weights
    query = ask(nobody, [0], [1.0])
    assert query.scale == float("inf")
