"""Exact scores and values of given items: every store equals brute force over what was written."""

from __future__ import annotations

import numpy as np
import pytest
from samples import DIM, FIELDS, ODD_NAMES, ids, manifest, point, points, sparse, unit

from semrec.errors import StoreError
from semrec.store import Point, Record, ScoreQuery, Search, VectorField
from semrec.store.reading import LARGE_PAGE
from semrec.types import AnyOf

# The in-memory mode of qdrant-client scans everything and says so for every payload index.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

N = 30
ITEMS = points(N)
KEYS = ids(*range(N))
SOME = (5, 29, 3, 5, 0)

MOST = 3
LEARNED = (
    VectorField("text", "dense", DIM),
    VectorField("item_item", "sparse", max_entries=MOST),
    VectorField("popularity", "dense", 1, "dot"),
)


def learned_point(number):
    """Item `number` with vectors that `fit` adds; every fourth has no neighbours, every fifth no number."""
    vectors = {"text": point(number).vectors["text"]}
    if number % 4:
        vectors["item_item"] = sparse({number % 7: -1.0, 65536 + number % 7: 0.5, 2**32 - 1 - number: 2.0})
    if number % 5:
        vectors["popularity"] = np.array([number / 2], np.float32)
    return Point(Record(f"item-{number}", ""), vectors)


@pytest.fixture
def learned(store):
    """A generation of 30 items with learned vectors; items 7 and 8 were deleted, item 9 was written twice."""
    number, index = store.create(LEARNED)
    index.upsert([learned_point(number) for number in range(N)])
    index.upsert([learned_point(9)])
    index.delete(ids(7, 8))
    store.complete(number, index, manifest(N - 2, vectors=LEARNED, fields={}))
    index = store.open(number)
    yield index
    index.close()


def dot(vector, query):
    """Return the dot product of two sparse vectors."""
    entries = dict(zip(vector.indices.tolist(), vector.values.tolist(), strict=True))
    pairs = zip(query.indices.tolist(), query.values.tolist(), strict=True)
    return sum(entries.get(index, 0.0) * value for index, value in pairs)


def test_scores_of_several_queries_equal_brute_force(index):
    text, other = np.arange(DIM, dtype=np.float32), -np.ones(DIM, np.float32)
    taste = np.array([1, -2, 0.5, 0], np.float32)
    neighbours = sparse({3: 2.0, 10: 1.0, 999: 5.0})
    queries = [
        ScoreQuery("text", text),
        ScoreQuery("item_item", neighbours),
        ScoreQuery("collaborative", taste),
        ScoreQuery("text", other),
    ]
    vectors = [ITEMS[n].vectors for n in SOME]
    expected = [
        [unit(v["text"]) @ unit(text) for v in vectors],
        [dot(v["item_item"], neighbours) for v in vectors],
        [v["collaborative"] @ taste for v in vectors],
        [unit(v["text"]) @ unit(other) for v in vectors],
    ]
    scores = index.scores(queries, ids(*SOME))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_scores_of_learned_vectors_equal_brute_force(learned):
    query = sparse({1: 2.0, 65536 + 1: 4.0, 65536 + 2: 1.0, 2**32 - 1 - 9: 1.0})
    numbers = (1, 9, 2, 4, 15)  # 4 has no neighbours, 15 no number
    expected = [dot(learned_point(n).vectors.get("item_item", sparse({})), query) for n in numbers]
    twice = np.array([2], np.float32)
    scores = learned.scores([ScoreQuery("item_item", query), ScoreQuery("popularity", twice)], ids(*numbers))
    np.testing.assert_allclose(scores, [expected, [1, 9, 2, 4, np.nan]], atol=1e-5)


def test_items_that_are_not_there_have_no_dense_score_and_no_sparse_match(learned):
    queries = [
        ScoreQuery("text", np.ones(DIM, np.float32)),
        ScoreQuery("item_item", sparse({1: 1.0})),
        ScoreQuery("popularity", np.ones(1, np.float32)),
    ]
    scores = learned.scores(queries, ids(7, 1, 999, 8))
    assert np.isnan(scores[[0, 2]]).tolist() == [[True, False, True, True]] * 2
    assert scores[1].tolist() == [0.0, -1.0, 0.0, 0.0]


def test_no_queries_or_no_items_are_an_empty_answer(index):
    query = ScoreQuery("text", np.ones(DIM, np.float32))
    assert index.scores([], KEYS).shape == (0, N)
    assert index.scores([query, query], ids()).shape == (2, 0)
    assert index.scores([], ids()).shape == (0, 0)


def test_a_large_number_of_items_is_scored_in_pages(index):
    unknown = ids(*range(1_000_000, 1_000_000 + LARGE_PAGE))
    queries = [ScoreQuery("text", np.ones(DIM, np.float32)), ScoreQuery("item_item", sparse({3: 2.0}))]
    scores = index.scores(queries, np.concatenate([unknown[::2], KEYS, unknown[1::2]]))
    assert np.isnan(scores[0, : len(unknown[::2])]).all()
    scores = scores[:, len(unknown[::2]) :][:, : len(KEYS)]
    np.testing.assert_allclose(
        scores[0], [unit(i.vectors["text"]).sum() / DIM**0.5 for i in ITEMS], atol=1e-5
    )
    np.testing.assert_allclose(scores[1], [dot(i.vectors["item_item"], sparse({3: 2.0})) for i in ITEMS])


def test_hits_bring_their_vectors(index):
    text, words = np.arange(DIM, dtype=np.float32), sparse({1: 1.0, 7: 1.0})
    even = (AnyOf("kind", ("even",)),)
    dense, sparse_hits, without, empty = index.search(
        [
            Search("text", text, 4, where=even, with_vector=True),
            Search("bm25", words, 3, with_vector=True),
            Search("text", text, 3),
            Search("text", text, 0, with_vector=True),
        ]
    )
    assert len(dense.vectors) == 4
    np.testing.assert_allclose(np.array(dense.vectors), index.vectors("text", dense.keys), atol=1e-6)
    stored = index.sparse_vectors("bm25", sparse_hits.keys)
    for vector, expected in zip(sparse_hits.vectors, stored, strict=True):
        np.testing.assert_array_equal(vector.indices, expected.indices)
        np.testing.assert_array_equal(vector.values, expected.values)
    assert without.vectors is None
    assert empty.vectors == ()


def test_hits_by_one_number_bring_it(learned):
    [hits] = learned.search([Search("popularity", np.ones(1, np.float32), 2, with_vector=True)])
    assert [vector.tolist() for vector in hits.vectors] == [[14.5], [14.0]]


def test_fetched_items_are_those_that_exist_in_the_given_order(index):
    items = index.fetch(ids(5, 999, 3, 5, 29), ["text", "collaborative", "bm25", "passages"], records=True)
    numbers = (5, 3, 5, 29)
    assert items.keys.tolist() == ids(*numbers).tolist()
    assert items.keys.dtype == np.uint64
    text = items.vectors("text")
    assert text.dtype == np.float32
    np.testing.assert_allclose(text, unit(np.array([ITEMS[n].vectors["text"] for n in numbers])), atol=1e-6)
    np.testing.assert_allclose(
        items.vectors("collaborative")[1], ITEMS[3].vectors["collaborative"], atol=1e-6
    )
    found = [vector.values.tolist() for vector in items.sparse_vectors("bm25")]
    assert found == [ITEMS[n].vectors["bm25"].values.tolist() for n in numbers]
    assert items.records() == [ITEMS[n].record for n in numbers]
    assert items.records([2, 1]) == [ITEMS[5].record, ITEMS[3].record]
    assert items.records([]) == []
    assert [rows.shape for rows in items.passage_vectors([3, 0])] == [(1, DIM), (0, DIM)]
    expected = unit(ITEMS[29].vectors["passages"])
    np.testing.assert_allclose(items.passage_vectors([3])[0], expected, atol=1e-6)


def test_fetched_rows_are_those_of_the_index(learned):
    items = learned.fetch(ids(9, 7, 4, 1), ["item_item", "popularity"])
    assert items.keys.tolist() == ids(9, 4, 1).tolist()
    rows, expected = items.sparse_rows("item_item"), learned.sparse_rows("item_item", ids(9, 4, 1))
    np.testing.assert_array_equal(rows.indices, expected.indices)
    np.testing.assert_array_equal(rows.values, expected.values)
    assert items.vectors("popularity").tolist() == [[4.5], [2.0], [0.5]]
    with pytest.raises(KeyError):
        learned.fetch(ids(5), ["popularity"]).vectors("popularity")


def test_only_what_was_fetched_can_be_read(index):
    items = index.fetch(ids(1), ["text"])
    with pytest.raises(StoreError, match="'collaborative' were not fetched; fetched: text"):
        items.vectors("collaborative")
    with pytest.raises(StoreError, match="'bm25' were not fetched"):
        items.sparse_vectors("bm25")
    with pytest.raises(StoreError, match="'passages' were not fetched"):
        items.passage_vectors([0])
    with pytest.raises(StoreError, match="records were not fetched"):
        items.records()


def test_fetching_nothing_is_empty(index):
    items = index.fetch(ids(), ["text", "passages"], records=True)
    assert items.keys.shape == (0,)
    assert items.vectors("text").shape == (0, DIM)
    assert (items.records(), items.passage_vectors([])) == ([], [])


@pytest.mark.parametrize("field", [*FIELDS, *ODD_NAMES, "no such field"])
def test_metadata_values_are_those_of_the_records(index, field):
    numbers = (4, 5, 4, 0)
    expected = [ITEMS[n].record.metadata.get(field) for n in numbers]
    keys = ids(4, 999, 5, 4, 0)
    assert index.metadata_values(field, keys) == [expected[0], None, *expected[1:]]
    assert index.metadata_values(field, ids()) == []
