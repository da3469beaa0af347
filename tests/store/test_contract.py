"""The contract of a store: every engine gives the same answers to the same calls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from samples import DIM, ODD_NAMES, VECTORS, build, ids, manifest, point, points, sparse, unit

from semrec.errors import StoreError
from semrec.ranking.conditions import meets
from semrec.store import Index, Point, Record, ScoreQuery, Search, SparseVector
from semrec.types import AnyOf, Either, Exists, Not, Range, item_keys

# The in-memory mode of qdrant-client scans everything and says so for every payload index.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

N = 30
ITEMS = points(N)
KEYS = ids(*range(N))


def text_scores(query, numbers=range(N)):
    return np.array([unit(ITEMS[n].vectors["text"]) @ unit(query) for n in numbers])


def idf(term: int) -> float:
    """Qdrant's IDF, over the items that have words at all."""
    documents = [item.vectors["bm25"].indices for item in ITEMS if len(item.vectors["bm25"].indices)]
    n, df = len(documents), sum(term in indices for indices in documents)
    return float(np.log((n - df + 0.5) / (df + 0.5) + 1))


def test_a_build_is_an_index(store):
    number, index = store.create(VECTORS)
    assert isinstance(index, Index)
    assert number == 1
    index.close()


def test_a_generation_appears_only_when_complete(store):
    assert store.generations() == []
    assert store.current() is None
    number, index = store.create(VECTORS)
    index.upsert(ITEMS)
    assert store.generations() == []
    with pytest.raises(StoreError, match=f"no complete generation {number}"):
        store.open(number)
    with pytest.raises(StoreError, match=f"no complete generation {number}"):
        store.make_current(number)
    store.complete(number, index, manifest(N))
    assert store.generations() == [number]
    assert store.current() is None
    store.make_current(number)
    assert store.current() == number


def test_the_manifest_comes_back_equal(store):
    number = build(store, ITEMS)
    assert store.manifest(number) == manifest(N)


def test_a_wrong_count_is_refused(store):
    number, index = store.create(VECTORS)
    index.upsert(ITEMS)
    with pytest.raises(StoreError, match=f"holds {N} items instead of {N + 1}"):
        store.complete(number, index, manifest(N + 1))
    assert store.generations() == []


def test_switching_and_dropping_generations(store):
    first, second = build(store, ITEMS), build(store, ITEMS[:3])
    assert (first, second) == (1, 2)
    assert store.current() == second
    with pytest.raises(StoreError, match="is current"):
        store.drop(second)
    store.make_current(first)
    store.drop(second)
    assert store.generations() == [first]
    with pytest.raises(StoreError, match="no generation 2"):
        store.drop(second)


def test_an_empty_generation_works(store):
    index = store.open(build(store, []))
    assert index.count() == 0
    assert index.search([Search("text", np.ones(DIM, np.float32), 5)])[0].keys.shape == (0,)
    assert index.sample(5).shape == (0,)
    assert list(index.scan()) == []
    assert index.vectors("text", ids()).shape == (0, DIM)
    assert index.scores([ScoreQuery("bm25", sparse({1: 1.0}))], ids()).shape == (1, 0)
    assert index.fetch(ids(1), ["text"]).vectors("text").shape == (0, DIM)
    index.close()


def test_a_closed_index_says_so(writable):
    writable.close()
    writable.close()
    with pytest.raises(StoreError, match="is closed"):
        writable.count()


def test_cosine_search(index):
    query = np.arange(DIM, dtype=np.float32)
    [hits] = index.search([Search("text", query, 10)])
    expected = np.argsort(-text_scores(query))[:10]
    assert hits.keys.tolist() == KEYS[expected].tolist()
    assert hits.keys.dtype == np.uint64
    assert hits.scores.dtype == np.float32
    np.testing.assert_allclose(hits.scores, text_scores(query)[expected], atol=1e-4)


def test_dot_search(index):
    query = np.array([1, -2, 0.5, 0], dtype=np.float32)
    [hits] = index.search([Search("collaborative", query, 5)])
    scores = np.array([item.vectors["collaborative"] @ query for item in ITEMS])
    expected = np.argsort(-scores)[:5]
    assert hits.keys.tolist() == KEYS[expected].tolist()
    np.testing.assert_allclose(hits.scores, scores[expected], atol=1e-4)


def test_sparse_search_weighs_by_idf(index):
    [hits] = index.search([Search("bm25", sparse({1: 1.0, 7: 1.0}), N)])
    scores = {
        key: sum(
            idf(int(i)) * value
            for i, value in zip(item.vectors["bm25"].indices, item.vectors["bm25"].values, strict=True)
            if i in (1, 7)
        )
        for key, item in zip(KEYS.tolist(), ITEMS, strict=True)
    }
    assert set(hits.keys.tolist()) == {key for key, score in scores.items() if score > 0}
    assert (np.diff(hits.scores) <= 1e-6).all()
    np.testing.assert_allclose(hits.scores, [scores[key] for key in hits.keys.tolist()], atol=1e-4)


def test_sparse_dot_products_may_be_negative(index):
    query = ScoreQuery("item_item", sparse({3: 2.0, 10: 1.0}))
    scores = index.scores([query], ids(3, 10, 0, 1))
    np.testing.assert_allclose(scores, [[-2 + 0.25, -2, 0.25, 0]], atol=1e-5)


def test_a_batch_answers_in_order(index):
    a, b = np.eye(DIM, dtype=np.float32)[:2]
    searches = [
        Search("text", a, 3),
        Search("bm25", sparse({7: 1.0}), 2),
        Search("text", b, 0),
        Search("text", b, 4),
    ]
    batch = index.search(searches)
    assert [len(hits.keys) for hits in batch] == [3, 2, 0, 4]
    alone = [index.search([search])[0] for search in searches]
    for together, single in zip(batch, alone, strict=True):
        np.testing.assert_allclose(together.scores, single.scores, atol=1e-6)
    assert batch[3].keys.tolist() == KEYS[np.argsort(-text_scores(b))[:4]].tolist()
    assert index.search([]) == []


def numbers_where(index, *where, exclude=None):
    """Items found by a search with these conditions; `count` must agree."""
    search = Search("text", np.ones(DIM, np.float32), N, where, ids() if exclude is None else exclude)
    [hits] = index.search([search])
    if exclude is None:
        assert index.count(where) == len(hits.keys)
    by_key = {key: number for number, key in enumerate(KEYS.tolist())}
    return sorted(by_key[key] for key in hits.keys.tolist())


@pytest.mark.parametrize(
    ("where", "keep"),
    [
        ([AnyOf("kind", ("even",))], lambda n: n % 2 == 0),
        ([AnyOf("kind", ("even", "odd"))], lambda n: True),
        ([AnyOf("kind", ())], lambda n: False),
        ([AnyOf("kind", ("nothing",))], lambda n: False),
        ([AnyOf("tags", ("t1",))], lambda n: n % 3 == 2),
        ([AnyOf("tags", ("t0", "t1"))], lambda n: n % 3 > 0),
        ([AnyOf("year", (2003, 2004, 1))], lambda n: n in (3, 4)),
        ([AnyOf("year", (2003.0,))], lambda n: n == 3),
        ([AnyOf("year", (2**60,))], lambda n: False),
        ([AnyOf("price", (1, 1.25))], lambda n: n in (4, 5)),
        ([AnyOf("new", (True,))], lambda n: n % 2 == 0),
        ([AnyOf("new", (False,))], lambda n: n % 2 == 1),
        ([AnyOf("new", (True, False))], lambda n: True),
        ([Range("year", gte=2005, lt=2008)], lambda n: 5 <= n < 8),
        ([Range("price", gt=1.0, lte=2.0)], lambda n: 4 < n <= 8),
        ([Range("year", gte=2010), AnyOf("kind", ("odd",))], lambda n: n >= 10 and n % 2 == 1),
        ([AnyOf("no such field", ("x",))], lambda n: False),
        ([AnyOf("tags", ("t0",)), AnyOf("tags", ("t1",))], lambda n: n % 3 == 2),
        ([Not(AnyOf("kind", ("even",)))], lambda n: n % 2 == 1),
        ([Not(AnyOf("tags", ("t1",)))], lambda n: n % 3 < 2),
        ([Not(AnyOf("no such field", ("x",)))], lambda n: True),
        ([Not(Range("year", gte=2005))], lambda n: n < 5),
        ([Not(AnyOf("new", (True,)))], lambda n: n % 2 == 1),
        ([Exists("tags")], lambda n: n % 3 > 0),
        ([Not(Exists("tags"))], lambda n: n % 3 == 0),
        ([Exists("no such field")], lambda n: False),
        ([Exists("price"), Exists("new"), Not(Exists("none"))], lambda n: True),
        ([Either(())], lambda n: False),
        (
            [Either(((AnyOf("kind", ("odd",)), Range("year", lt=2005)), (AnyOf("year", (2010,)),)))],
            lambda n: n in (1, 3, 10),
        ),
        (
            [Not(Either(((AnyOf("kind", ("odd",)),), (Range("year", lt=2010),))))],
            lambda n: n >= 10 and n % 2 == 0,
        ),
        *[([AnyOf(name, (f"{name}-1",))], lambda n: n % 2 == 1) for name in ODD_NAMES],
    ],
    ids=lambda value: "keep" if callable(value) else str(value),  # the same in every process
)
def test_conditions(index, where, keep):
    kept = [n for n in range(N) if keep(n)]
    assert numbers_where(index, *where) == kept
    assert [n for n, record in enumerate(index.records(KEYS)) if meets(record.metadata, where)] == kept


def test_the_texts_of_a_field_are_counted(index):
    assert dict(index.text_values("tags").counts) == {"t0": 20, "t1": 10}
    assert list(index.text_values("kind").counts) == ["even", "odd"]
    assert index.text_values("kind").like("EVEN ") == ("even",)
    assert dict(index.text_values("100%").counts) == {"100%-0": 15, "100%-1": 15}  # without an index
    assert index.text_values("year").counts == {}
    assert index.text_values("no such field").counts == {}


def test_texts_are_counted_again_when_items_change(writable):
    writable.add_fields({"kind": "keyword"})
    assert dict(writable.text_values("kind").counts) == {"even": 15, "odd": 15}
    record = writable.records(ids(0))[0]
    writable.update_records([replace(record, metadata={"kind": "Even"})])
    assert set(writable.text_values("kind").like("even")) == {"even", "Even"}
    writable.delete(ids(0))
    assert writable.text_values("kind").like("even") == ("even",)


def test_exclude(index):
    found = numbers_where(index, AnyOf("kind", ("even",)), exclude=ids(0, 2, 999))
    assert found == [n for n in range(4, N) if n % 2 == 0]


@pytest.mark.parametrize("name", ["text", "collaborative"])
def test_dense_scores_are_those_of_a_search(index, name):
    query = np.linspace(-1, 2, DIM if name == "text" else 4).astype(np.float32)
    [hits] = index.search([Search(name, query, N)])
    [scores] = index.scores([ScoreQuery(name, query)], hits.keys)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, hits.scores, atol=1e-4)


def test_sparse_scores_are_those_of_a_search_and_zero_elsewhere(index):
    query = sparse({1: 1.0, 7: 2.0})
    [hits] = index.search([Search("bm25", query, N)])
    expected = dict(zip(hits.keys.tolist(), hits.scores.tolist(), strict=True))
    [scores] = index.scores([ScoreQuery("bm25", query)], KEYS)
    np.testing.assert_allclose(scores, [expected.get(key, 0.0) for key in KEYS.tolist()], atol=1e-4)
    assert (scores == 0).any()


def test_vectors_come_back_row_by_row(index):
    order = ids(5, 3, 5, 29)
    expected = [ITEMS[n].vectors["text"] for n in (5, 3, 5, 29)]
    vectors = index.vectors("text", order)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, unit(np.array(expected)), atol=1e-6)
    taste = index.vectors("collaborative", order)
    np.testing.assert_allclose(taste[1], ITEMS[3].vectors["collaborative"], atol=1e-6)


def test_sparse_vectors_come_back(index):
    with_words, without = index.sparse_vectors("bm25", ids(4, 3))
    assert with_words.indices.tolist() == ITEMS[4].vectors["bm25"].indices.tolist()
    assert with_words.values.tolist() == ITEMS[4].vectors["bm25"].values.tolist()
    assert without.indices.tolist() == without.values.tolist() == []


def test_passage_vectors_come_back(index):
    none, one, two = index.passage_vectors(ids(5, 1, 4))
    assert (none.shape, one.shape, two.shape) == ((0, DIM), (1, DIM), (2, DIM))
    np.testing.assert_allclose(two, unit(ITEMS[4].vectors["passages"]), atol=1e-6)


def test_a_searched_multi_vector_scores_by_its_best_row(index):
    query = np.linspace(-1, 2, DIM).astype(np.float32)
    long = [n for n in range(N) if len(ITEMS[n].vectors["long"])]
    best = {n: float((unit(ITEMS[n].vectors["long"]) @ unit(query)).max()) for n in long}
    [hits] = index.search([Search("long", query, N)])
    assert set(hits.keys.tolist()) == set(ids(*long).tolist())
    [scores] = index.scores([ScoreQuery("long", query)], KEYS)
    np.testing.assert_allclose(scores[long], [best[n] for n in long], atol=1e-4)
    assert np.isnan(np.delete(scores, long)).all()
    np.testing.assert_allclose(np.sort(hits.scores)[::-1], hits.scores, atol=1e-6)
    assert hits.keys[0] == ids(max(best, key=best.__getitem__))[0]


def test_records_come_back_equal(index):
    assert index.records(ids(7, 0, 7)) == [ITEMS[7].record, ITEMS[0].record, ITEMS[7].record]


def test_contains(index):
    assert index.contains(ids(999, 3, 3)).tolist() == [False, True, True]
    assert index.contains(ids()).shape == (0,)


@pytest.mark.parametrize(
    "read",
    [
        lambda index, keys: index.vectors("text", keys),
        lambda index, keys: index.sparse_vectors("bm25", keys),
        lambda index, keys: index.passage_vectors(keys),
        lambda index, keys: index.records(keys),
    ],
)
def test_an_unknown_key_is_a_key_error(index, read):
    with pytest.raises(KeyError) as raised:
        read(index, ids(1, 999))
    assert raised.value.args == (int(ids(999)[0]),)


def test_sample_is_the_smallest_keys(index):
    assert index.sample(7).tolist() == np.sort(KEYS)[:7].tolist()
    assert index.sample(N + 1).tolist() == np.sort(KEYS).tolist()
    assert index.sample(0).tolist() == []


@pytest.mark.parametrize("batch_items", [7, N, 100])
def test_scan_gives_everything_back(index, batch_items):
    batches = list(index.scan(batch_items))
    assert max(map(len, batches)) <= batch_items
    found = [found for batch in batches for found in batch]
    assert item_keys(f.record.item_id for f in found).tolist() == np.sort(KEYS).tolist()
    by_id = {item.record.item_id: item for item in ITEMS}
    for each in found:
        stored = by_id[each.record.item_id]
        assert each.record == stored.record
        assert set(each.vectors) == set(stored.vectors)
        np.testing.assert_allclose(each.vectors["text"], unit(stored.vectors["text"]), atol=1e-6)
        np.testing.assert_allclose(each.vectors["collaborative"], stored.vectors["collaborative"], atol=1e-6)
        assert each.vectors["passages"].shape == stored.vectors["passages"].shape
        assert each.vectors["bm25"].indices.tolist() == stored.vectors["bm25"].indices.tolist()


def test_a_scan_can_be_written_to_the_next_generation(store):
    index = store.open(build(store, ITEMS))
    number, copy = store.create(VECTORS)
    for batch in index.scan():
        copy.upsert(batch)
    store.complete(number, copy, manifest(N))
    index.close()
    again = store.open(number)
    assert again.records(KEYS) == [item.record for item in ITEMS]
    again.close()


def test_upsert_replaces_the_whole_item(writable):
    changed = point(2, seed=1)
    short = Point(replace(changed.record, metadata={}, passages=()), {"text": changed.vectors["text"]})
    writable.upsert([short])
    assert writable.count() == N
    assert writable.records(ids(2)) == [short.record]
    np.testing.assert_allclose(
        writable.vectors("text", ids(2, 3)),
        unit(np.array([changed.vectors["text"], ITEMS[3].vectors["text"]])),
        atol=1e-6,
    )
    assert writable.sparse_vectors("item_item", ids(2))[0].indices.tolist() == []
    with pytest.raises(KeyError):
        writable.vectors("collaborative", ids(2))


def test_the_last_of_equal_ids_in_a_batch_holds(writable):
    writable.upsert([point(50, seed=1), point(50, seed=2)])
    assert writable.count() == N + 1
    assert writable.records(ids(50))[0].content_hash == "hash-50-2"
    expected = unit(point(50, seed=2).vectors["text"])
    np.testing.assert_allclose(writable.vectors("text", ids(50))[0], expected, atol=1e-6)


def test_delete(writable):
    writable.delete(ids(3, 999))
    assert writable.count() == N - 1
    assert writable.contains(ids(3, 4)).tolist() == [False, True]
    with pytest.raises(KeyError):
        writable.vectors("text", ids(3))
    writable.delete(ids())
    writable.upsert([ITEMS[3]])
    np.testing.assert_allclose(writable.vectors("text", ids(3))[0], unit(ITEMS[3].vectors["text"]), atol=1e-6)


def test_a_zero_vector_is_stored_and_scores_zero(writable):
    writable.upsert([Point(Record("zero", ""), {"text": np.zeros(DIM, np.float32)})])
    zero = item_keys(["zero"])
    assert writable.vectors("text", zero).tolist() == [[0.0] * DIM]
    assert writable.scores([ScoreQuery("text", np.ones(DIM, np.float32))], zero).tolist() == [[0.0]]


BAD_VECTORS = {
    "NaN": ("text", np.full(DIM, np.nan, np.float32), "NaN"),
    "infinity": ("collaborative", np.array([1, 2, np.inf, 0], np.float32), "infinity"),
    "too short": ("text", np.ones(DIM - 1, np.float32), "shape"),
    "two axes": ("text", np.ones((1, DIM), np.float32), "shape"),
    "unknown vector": ("colour", np.ones(DIM, np.float32), "no vector 'colour'"),
    "sparse for dense": ("text", sparse({1: 1.0}), "not sparse"),
    "dense for sparse": ("bm25", np.ones(DIM, np.float32), "not dense"),
    "NaN in sparse": ("bm25", sparse({1: np.nan}), "NaN"),
    "index twice": ("bm25", SparseVector(np.array([1, 1]), np.ones(2, np.float32)), "twice"),
    "lengths differ": ("bm25", SparseVector(np.array([1, 2]), np.ones(1, np.float32)), "indices"),
}


@pytest.mark.parametrize(("name", "vector", "reason"), BAD_VECTORS.values(), ids=BAD_VECTORS)
def test_bad_vectors_are_refused_before_anything_is_written(index, name, vector, reason):
    bad = Point(Record("bad", ""), {name: vector})
    with pytest.raises(StoreError, match=reason) as raised:
        index.upsert([point(100), bad])
    assert "'bad'" in str(raised.value)
    assert index.count() == N
    with pytest.raises(StoreError, match=reason):
        index.search([Search(name, vector, 3)])
    with pytest.raises(StoreError, match=reason):
        index.scores([ScoreQuery(name, vector)], KEYS[:2])


@pytest.mark.parametrize(
    "record",
    [
        Record("x", "", metadata={"price": float("nan")}),
        Record("x", "", metadata={"year": 2**63}),
        Record("x", "\ud800"),
        Record("\udfff", ""),
        Record("x", "", metadata={"kind": "\ud800"}),
    ],
    ids=["NaN", "big integer", "title", "id", "field"],
)
def test_bad_records_are_refused_before_anything_is_written(index, record):
    with pytest.raises(StoreError, match="was not stored"):
        index.upsert([point(100), Point(record, {})])
    assert index.count() == N


def test_multi_vectors_are_not_searched(index):
    with pytest.raises(StoreError, match="read but not searched"):
        index.search([Search("passages", np.ones(DIM, np.float32), 3)])


def test_strange_ids_and_texts(writable):
    strange = ["", " ", "0", "a\0b", "日本", "x" * 5000, "\n", '"', "é"]
    writable.upsert(
        [Point(Record(name, name, (name,)), {"text": np.ones(DIM, np.float32)}) for name in strange]
    )
    assert [record.item_id for record in writable.records(item_keys(strange))] == strange


def test_points_come_back_whole(index):
    for found, written in zip(index.points(ids(7, 3)), (ITEMS[7], ITEMS[3]), strict=True):
        assert found.record == written.record
        np.testing.assert_allclose(found.vectors["text"], unit(written.vectors["text"]), atol=1e-6)
        np.testing.assert_array_equal(found.vectors["collaborative"], written.vectors["collaborative"])
    with pytest.raises(KeyError):
        index.points(ids(N))


def test_a_record_can_be_replaced_alone(store):
    index = store.open(build(store, ITEMS))
    before = index.points(ids(4))[0].vectors
    new = replace(ITEMS[4].record, title="New", metadata={"kind": "special", "year": 1})
    index.update_records([new])
    after = index.points(ids(4))[0]
    assert after.record == new
    assert index.count((AnyOf("kind", ("special",)),)) == 1
    assert index.count((AnyOf("year", (2004,)),)) == 0
    for name, vector in before.items():
        if isinstance(vector, SparseVector):
            np.testing.assert_array_equal(after.vectors[name].values, vector.values)
        else:
            np.testing.assert_array_equal(after.vectors[name], vector)
    assert index.records(ids(5)) == [ITEMS[5].record]
    index.close()


def test_a_record_that_does_not_fit_is_refused(store):
    index = store.open(build(store, ITEMS))
    with pytest.raises(StoreError, match=r"item 'item-1' was not stored: field 'year' holds NaN"):
        index.update_records([ITEMS[2].record, replace(ITEMS[1].record, metadata={"year": float("nan")})])
    assert index.records(ids(1, 2)) == [ITEMS[1].record, ITEMS[2].record]
    index.close()


def test_a_field_can_be_added_and_filtered_by(store):
    index = store.open(build(store, ITEMS))
    index.add_fields({"colour": "keyword", "year": "integer"})
    index.update_records([replace(ITEMS[4].record, metadata={"colour": "red"})])
    index.upsert([Point(replace(point(N).record, metadata={"colour": "red"}), point(N).vectors)])
    assert index.count((AnyOf("colour", ("red",)),)) == 2
    index.close()


def test_a_field_can_have_a_wider_type(store):
    index = store.open(build(store, ITEMS))
    index.retype_fields({"year": "float"})
    index.update_records([replace(ITEMS[4].record, metadata={"year": 1999.5})])
    assert index.count((Range("year", lt=2000),)) == 1
    assert index.count((Range("year", gte=2001, lte=2003),)) == 3
    assert index.count((AnyOf("year", (2002,)),)) == 1
    index.update_records([replace(ITEMS[4].record, metadata={"year": "XL"})])
    index.retype_fields({"year": "keyword"})
    assert index.count((AnyOf("year", ("XL",)),)) == 1
    index.close()


def test_the_manifest_can_be_rewritten(store):
    number = build(store, ITEMS)
    changed = replace(manifest(N), fields={"colour": "keyword"}, n_changes=3)
    store.rewrite_manifest(number, changed)
    assert store.manifest(number) == changed
    assert store.current() == number
    with pytest.raises(StoreError, match="no complete generation"):
        store.rewrite_manifest(number + 1, changed)
