"""The `item_item` signal against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from asking import keys_of, parts_of, question_of, scores_of, terms_of
from event_data import random_events, unit
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_array, csr_array, vstack

from semrec.signals.catalog_matrix import ArrayCatalog, Histories
from semrec.signals.fitting import Fitted, TrainingData
from semrec.signals.item_item import (
    ITEM_ITEM,
    MAX_ENTRIES,
    ItemItemSignal,
    clashing,
    cold_columns_of,
    columns_of,
    weights_from,
)
from semrec.signals.popularity import POPULARITY, stored_popularity
from semrec.store import SparseRows
from semrec.store.protocol import VectorField

N_ITEMS = 16
KEYS = keys_of(range(N_ITEMS))
NONE = np.empty(0, np.uint64)
UNUSED = 6
"""An item without events: no weights from it, only to it."""


def model():
    """Return B, float32 (n_items, n_items): about a third of the weights, and nothing for item 5."""
    random = np.random.default_rng(1)
    weights = random.normal(size=(N_ITEMS, N_ITEMS)) * (random.random((N_ITEMS, N_ITEMS)) < 0.3)
    np.fill_diagonal(weights, 0)
    weights[:, 5] = weights[UNUSED] = 0
    return weights.astype(np.float32)


B = model()
COLD = (UNUSED, 11, 12)
"""Items whose columns are stored as those of items without events."""


def stored_columns():
    """Return B as it is stored, float32 (2·n_items, n_items)."""
    is_cold = np.isin(np.arange(N_ITEMS), COLD)
    return csc_array(vstack([csc_array(B * ~is_cold), csc_array(B * is_cold)]))


@pytest.fixture(scope="module")
def index(make_index):
    """Items 0, 1, …, each with its column of B and its number of events."""
    fitted = Fitted((), {ITEM_ITEM: stored_columns()}, {"left_out": NONE})
    stored = ItemItemSignal.point_vectors(fitted, KEYS)
    events = np.where(np.arange(N_ITEMS) == UNUSED, 0, 3).astype(np.float32)
    fields = [
        VectorField(ITEM_ITEM, "sparse", max_entries=MAX_ENTRIES),
        VectorField(POPULARITY, "dense", 1, "dot"),
    ]
    return make_index(fields, {**stored, POPULARITY: stored_popularity(events)})


def open_signal(index, sample=KEYS, left_out=NONE, decay=1.0):
    return ItemItemSignal(left_out, index.fetch(sample, (ITEM_ITEM,)), decay)


@pytest.fixture(scope="module")
def signal(index):
    return open_signal(index)


def ask(signal, index, history, weights, ages=None):
    question = question_of(index, KEYS[list(history)], weights, fields=signal.history_fields, ages=ages)
    (part,) = parts_of(signal, index, question)
    return part


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
    """Rows are filled up with index 0 and value 0; the index of an item may be 0 too."""
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
    assert cold_columns_of(keys[:1]).tolist() == [2**32 - 6]
    assert clashing(np.array([5, 2**32 - 6, 7], np.uint64)).tolist() == [2**32 - 6]
    assert clashing(keys[:2]).tolist() == []
    assert clashing(NONE).tolist() == []


@given(st.lists(st.integers(0, 2**64 - 1).map(lambda key: key & ~0xFFFFFFFC), unique=True, max_size=20))
def test_those_that_stand_have_an_index_of_their_own(keys):
    keys = np.array(sorted(keys), np.uint64)
    stands = keys[~np.isin(keys, clashing(keys))]
    both = np.concatenate([columns_of(stands), cold_columns_of(stands)])
    assert len(np.unique(both)) == len(both)
    assert set(columns_of(keys).tolist()) <= set(both.tolist())


def test_an_item_without_an_index_of_its_own_adds_nothing(index):
    signal = open_signal(index, left_out=KEYS[[2]])
    part = ask(signal, index, [2, 3], [1.0, 1.0])
    terms = terms_of(index, part, KEYS)
    assert not terms[:, 0].any()
    np.testing.assert_allclose(terms[:, 1], B[3], rtol=1e-6)
    np.testing.assert_allclose(scores_of(index, part, KEYS), B[3], rtol=1e-5)
    assert part.searches[0].query.indices.tolist() == [*columns_of(KEYS[[3]]), *cold_columns_of(KEYS[[3]])]
    alone = ask(signal, index, [2], [1.0])
    assert (alone.searches, alone.requests, alone.scale) == ((), (), float("inf"))
    assert not terms_of(index, alone, KEYS).any()
    assert not scores_of(index, alone, KEYS).any()


def test_an_item_without_an_index_of_its_own_is_not_stored():
    fitted = Fitted((), {ITEM_ITEM: stored_columns()}, {"left_out": KEYS[[2]]})
    stored = ItemItemSignal.point_vectors(fitted, KEYS)
    left_out = {*columns_of(KEYS[[2]]), *cold_columns_of(KEYS[[2]])}
    kept = [vector.indices.tolist() for vector in stored[ITEM_ITEM]]
    assert not any(left_out & set(indices) for indices in kept)
    assert sum(map(len, kept)) == np.count_nonzero(np.delete(B, 2, axis=0))


def test_an_item_without_events_adds_nothing(signal, index):
    """It stands in no sparse vector, but its index may be that of an item that does."""
    part = ask(signal, index, [UNUSED, 3], [1.0, 1.0])
    assert part.places.tolist() == [1]
    assert part.searches[0].query.indices.tolist() == [*columns_of(KEYS[[3]]), *cold_columns_of(KEYS[[3]])]
    assert not terms_of(index, part, KEYS)[:, 0].any()
    assert ask(signal, index, [UNUSED], [1.0]).searches == ()


# -- the signal ----------------------------------------------------------------------------------------


@st.composite
def histories(draw):
    history = draw(st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=6, unique=True))
    return history, [draw(st.sampled_from([-1.0, 0.5, 1.0, 3.0])) for _ in history]


@settings(deadline=None, max_examples=40)
@given(histories())
def test_terms_are_weights_of_the_model(signal, index, case):
    history, weights = case
    part = ask(signal, index, history, weights)
    terms = terms_of(index, part, KEYS)
    plain = np.array([[w * B[h, i] for h, w in zip(history, weights, strict=True)] for i in range(N_ITEMS)])
    assert (part.signal, part.origin, terms.dtype) == ("item_item", "history", np.float32)
    np.testing.assert_allclose(terms, plain, rtol=1e-6)
    np.testing.assert_allclose(scores_of(index, part, KEYS), plain.sum(axis=1), atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(histories(), st.sampled_from([2, 5, N_ITEMS]))
def test_the_sample_is_scored_like_everything_else(index, case, n_sample):
    history, weights = case
    part = ask(open_signal(index, sample=KEYS[:n_sample]), index, history, weights)
    others = terms_of(index, part, np.setdiff1d(KEYS[:n_sample], KEYS[history]))
    if len(others):
        np.testing.assert_allclose(part.offsets, others.mean(axis=0), atol=1e-6)
        spread = others.sum(axis=1).std()
        assert part.scale == (pytest.approx(spread, rel=1e-4) if spread > 1e-4 else float("inf"))


def test_a_sparse_search_finds_what_scores(index, signal):
    part = ask(signal, index, [0, 3, 8], [1.0, 2.0, 1.0])
    (hits,) = index.search(part.searches)
    np.testing.assert_allclose(scores_of(index, part, hits.keys), hits.scores, rtol=1e-5)
    scores = scores_of(index, part, KEYS)
    assert hits.keys[0] == KEYS[scores.argmax()]


def test_an_item_that_nothing_is_used_with_scores_0(signal, index):
    part = ask(signal, index, [0, 1, 2], [1.0, 1.0, 1.0])
    assert not terms_of(index, part, KEYS[[5]]).any()
    assert not scores_of(index, part, KEYS[[5]]).any()


def test_only_items_with_events_are_asked_with_the_decayed_history(index):
    signal = open_signal(index, decay=0.5)
    part = ask(signal, index, [8, 3, 0], [1.0, 2.0, 1.0], ages=[2, 1, 0])
    counted = np.where(np.isin(np.arange(N_ITEMS), COLD)[:, None], [1, 2, 1], [0.25, 1, 1])
    terms = terms_of(index, part, KEYS)
    np.testing.assert_allclose(terms, counted * B[[8, 3, 0]].T, rtol=1e-6)
    np.testing.assert_allclose(scores_of(index, part, KEYS), terms.sum(axis=1), atol=1e-5)
    others = np.setdiff1d(np.arange(N_ITEMS), [8, 3, 0])
    np.testing.assert_allclose(part.offsets, terms[others].mean(axis=0), atol=1e-6)


def test_a_reason_tells_what_is_taken_next_from_what_is_used_together(index):
    items = index.fetch(KEYS, (ITEM_ITEM,))
    part = ask(open_signal(index, decay=0.5), index, [3, 8, 0], [1.0] * 3)
    expected = ["used together with" if item in COLD else "taken next after" for item in range(N_ITEMS)]
    assert (B[[3, 8, 0]][:, list(COLD)] != 0).any(axis=0).all()
    assert part.relations(items) == expected
    assert set(ask(open_signal(index), index, [3], [1.0]).relations(items)) == {"used together with"}


def test_one_answer_and_all_answers_have_the_same_scores(index):
    signal = open_signal(index, decay=0.7)
    rows, weights, ages = [0, 3, 8], [1.0, -1.0, 2.0], [2, 0, 1]
    part = ask(signal, index, rows, weights, ages)
    histories = Histories(
        csr_array((np.array(weights, np.float32), rows, [0, 3]), shape=(1, N_ITEMS)), np.array(ages)
    )
    (scores,) = signal.score_catalog(ArrayCatalog({ITEM_ITEM: stored_columns()}), histories, slice(2, 14))
    np.testing.assert_allclose(scores, scores_of(index, part, KEYS[2:14]), atol=1e-5)


def test_the_order_of_a_history_counts(index):
    signal = open_signal(index, decay=0.5)
    one, other = (ask(signal, index, [0, 3, 8], [1.0] * 3, ages) for ages in ([2, 1, 0], [0, 1, 2]))
    assert np.abs(scores_of(index, one, KEYS) - scores_of(index, other, KEYS)).max() > 0.1


def test_no_history_no_answer(signal, index):
    assert signal.ask(question_of(index)) == []


def test_no_candidates_no_terms(signal, index):
    part = ask(signal, index, [0, 1], [1.0, 1.0])
    assert terms_of(index, part, NONE).shape == (0, 2)


def test_an_empty_sample_and_a_model_without_weights_answer(index):
    part = ask(open_signal(index, sample=NONE), index, [0], [1.0])
    assert (part.offsets.tolist(), part.scale) == ([0], 1.0)
    part = ask(open_signal(index, sample=KEYS[[5]]), index, [0], [1.0])  # item 5 has no weights
    assert part.scale == float("inf")


# -- what is fitted ------------------------------------------------------------------------------------


def test_of_items_that_share_an_index_only_the_first_stands_in_vectors():
    events = random_events(40, 4, 0, share=0.6)
    keys = np.array([9, 2**32 + 5, 5, 11], np.uint64)
    fitted = ItemItemSignal.fit(TrainingData(events, None, np.eye(4, dtype=np.float32), keys=keys), {}, 0)
    assert fitted.parameters["left_out"].tolist() == [5]
    assert ItemItemSignal.item_columns(fitted.parameters)[ITEM_ITEM].tolist() == [5]
    first = ItemItemSignal.point_vectors(fitted, keys)[ITEM_ITEM][0]
    assert first.indices.tolist() == [5, 11]
    np.testing.assert_array_equal(first.values, fitted.vectors[ITEM_ITEM].toarray()[[1, 3], 0])


def test_all_weights_that_training_keeps_are_stored():
    """An item with more companions than there is room for would lose some of its best."""
    n_items = MAX_ENTRIES + 20
    events = random_events(300, n_items, 0, share=0.3)
    text = unit(np.random.default_rng(0).normal(size=(n_items, 4)))
    keys = keys_of(range(n_items))
    fitted = ItemItemSignal.fit(TrainingData(events, None, text, keys=keys), {}, seed=0)
    trained = fitted.vectors[ITEM_ITEM]
    stored = ItemItemSignal.point_vectors(fitted, keys)[ITEM_ITEM]
    (field,) = fitted.fields
    assert [len(vector.values) for vector in stored] == np.diff(trained.indptr).tolist()
    assert max(len(vector.values) for vector in stored) == field.max_entries == 200
