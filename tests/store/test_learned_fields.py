"""Vectors that `fit` stores: sparse ones with a bounded number of entries, and single numbers."""

from __future__ import annotations

import numpy as np
import pytest
from samples import manifest, sparse

from semrec.errors import StoreError
from semrec.store import Point, Record, ScoreQuery, Search, VectorField
from semrec.store.leaders import N_LEADERS
from semrec.types import AnyOf, item_keys

# The in-memory mode of qdrant-client scans everything and says so for every payload index.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

MOST = 4
FIELDS = (
    VectorField("item_item", "sparse", max_entries=MOST),
    VectorField("popularity", "dense", 1, "dot"),
)
QUIET_NAN, LOUD_NAN, INFINITY = 0x7FC00001, 0x7F800001, 0xFF800000  # as bits of floats
NEIGHBOURS = {
    "none": {},
    "one": {3: 1.5},
    "full": {0: -1.0, 3: 0.25, 2**31: 2.0, 2**32 - 1: -0.5},
    "not a number": {QUIET_NAN: 1.0, LOUD_NAN: 2.0, INFINITY: 3.0},
}
NUMBERS = {"none": 0.0, "one": 1.0, "full": 7.5, "not a number": 2.0}
KEYS = item_keys(NEIGHBOURS)


def point_of(name, entries, number=0.0):
    return Point(
        Record(name, ""), {"item_item": sparse(entries), "popularity": np.array([number], np.float32)}
    )


POINTS = [point_of(name, entries, NUMBERS[name]) for name, entries in NEIGHBOURS.items()]


@pytest.fixture
def building(store):
    """A build with these items in it."""
    _, index = store.create(FIELDS)
    index.upsert(POINTS)
    yield index
    index.close()


@pytest.fixture
def opened(store):
    """A complete generation of these items."""
    number, index = store.create(FIELDS)
    index.upsert(POINTS)
    store.complete(number, index, manifest(len(POINTS), vectors=FIELDS, fields={}))
    index = store.open(number)
    yield index
    index.close()


def entries_of(rows):
    """Return the entries of every row as a dictionary."""
    return [
        {int(index): float(value) for index, value in zip(indices, values, strict=True) if value != 0}
        for indices, values in zip(rows.indices, rows.values, strict=True)
    ]


def test_sparse_rows_come_back(opened):
    check_rows(opened)


def test_sparse_rows_come_back_while_building(building):
    check_rows(building)


def check_rows(index):
    rows = index.sparse_rows("item_item", KEYS)
    assert rows.indices.shape == rows.values.shape == (len(KEYS), MOST)
    assert entries_of(rows) == list(NEIGHBOURS.values())
    turned = index.sparse_rows("item_item", KEYS[[3, 1, 3]])
    assert entries_of(turned) == [NEIGHBOURS[name] for name in ("not a number", "one", "not a number")]
    assert index.sparse_rows("item_item", KEYS[:0]).values.shape == (0, MOST)


def test_sparse_rows_are_the_sparse_vectors(opened):
    vectors = opened.sparse_vectors("item_item", KEYS)
    found = [dict(zip(v.indices.tolist(), v.values.tolist(), strict=True)) for v in vectors]
    assert found == entries_of(opened.sparse_rows("item_item", KEYS))


def test_an_item_written_again_has_its_new_row(building):
    building.upsert([point_of("full", {9: 1.0}, 3.0), point_of("one", {})])
    rows = building.sparse_rows("item_item", item_keys(["full", "one", "not a number"]))
    assert entries_of(rows) == [{9: 1.0}, {}, NEIGHBOURS["not a number"]]
    building.delete(item_keys(["full"]))
    with pytest.raises(KeyError):
        building.sparse_rows("item_item", item_keys(["full"]))


def test_an_item_without_the_vector_has_an_empty_row(building):
    building.upsert([Point(Record("bare", ""), {"popularity": np.ones(1, np.float32)})])
    assert entries_of(building.sparse_rows("item_item", item_keys(["bare", "one"]))) == [{}, {3: 1.5}]


def test_a_history_is_a_sparse_query(opened):
    query = sparse({3: 2.0, LOUD_NAN: 1.0, 2**32 - 1: 1.0})
    (hits,) = opened.search([Search("item_item", query, 10)])
    scores = dict(zip(hits.keys.tolist(), hits.scores.tolist(), strict=True))
    names = dict(zip(KEYS.tolist(), NEIGHBOURS, strict=True))
    found = {names[key]: pytest.approx(score) for key, score in scores.items()}
    assert found["one"] == 3.0
    assert found["not a number"] == 2.0
    assert opened.scores([ScoreQuery("item_item", query)], KEYS).tolist() == [[0.0, 3.0, 0.0, 2.0]]


def test_more_entries_than_there_is_room_for_are_refused(building):
    entries = dict.fromkeys(range(MOST + 1), 1.0)
    with pytest.raises(
        StoreError, match=f"'big' was not stored: .* has {MOST + 1} entries; .* room for {MOST}"
    ):
        building.upsert([point_of("small", {1: 1.0}), point_of("big", entries)])
    assert not building.contains(item_keys(["big", "small"])).any()
    building.upsert([point_of("big", dict.fromkeys(range(MOST), 1.0))])


def test_a_query_longer_than_the_rows_is_answered(opened):
    """A history may have more items than an item has neighbours."""
    query = sparse(dict.fromkeys([*range(10), 2**31], 1.0))
    (hits,) = opened.search([Search("item_item", query, 10)])
    assert dict(zip(hits.keys.tolist(), hits.scores.tolist(), strict=True))[KEYS[2]] == pytest.approx(1.25)


def test_the_scan_gives_learned_vectors_back(opened):
    found = {point.record.item_id: point.vectors for points in opened.scan(2) for point in points}
    for point in POINTS:
        vectors = found[point.record.item_id]
        assert vectors["item_item"].indices.tolist() == sorted(NEIGHBOURS[point.record.item_id])
        np.testing.assert_array_equal(vectors["popularity"], point.vectors["popularity"])


def test_one_number_is_a_vector(opened):
    np.testing.assert_array_equal(
        opened.vectors("popularity", KEYS), np.array([*NUMBERS.values()], np.float32)[:, None]
    )
    (hits,) = opened.search([Search("popularity", np.ones(1, np.float32), 3)])
    assert hits.keys.tolist() == KEYS[[2, 3, 1]].tolist()
    assert hits.scores.tolist() == [7.5, 2.0, 1.0]
    twice = ScoreQuery("popularity", np.array([2.0], np.float32))
    assert opened.scores([twice], KEYS).tolist() == [[0, 2, 15, 4]]


def test_the_largest_numbers_are_found_under_any_conditions(store):
    """Among the leaders and beyond them, without excluded items, and after every change."""
    n_items = N_LEADERS + 52
    numbers = {f"item {n}": float(n * 7 % 2111) for n in range(n_items)}
    kinds = {name: "odd" if int(name[5:]) % 2 else "even" for name in numbers}

    def written(name):
        return Point(
            Record(name, "", metadata={"kind": kinds[name]}),
            {"popularity": np.array([numbers[name]], np.float32)},
        )

    def check(index, limits=(8,)):
        for limit in limits:
            for kind in (None, "odd", "none of them"):
                for excluded in ([], ["item 13", "item 22", "item 4"], list(numbers)):
                    expected = sorted(
                        (number for name, number in numbers.items() if name not in excluded
                         and kind in (None, kinds[name])),
                        reverse=True,
                    )  # fmt: skip
                    where = (AnyOf("kind", (kind,)),) if kind else ()
                    asked = Search("popularity", np.ones(1, np.float32), limit, where, item_keys(excluded))
                    assert index.search([asked])[0].scores.tolist() == expected[:limit]

    _, index = store.create(FIELDS)
    index.upsert([written(name) for name in numbers])
    check(index, (0, 1, 8, N_LEADERS + 2))
    index.delete(item_keys(["item 13"]))
    del numbers["item 13"]
    check(index)
    numbers["item 2"] = 99.0
    index.upsert([written("item 2")])
    check(index)
    least = Search("popularity", -np.ones(1, np.float32), 3)
    assert index.search([least])[0].scores.tolist() == [0.0, -1.0, -2.0]
    index.close()
