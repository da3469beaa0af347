"""A faulty build is refused before it becomes current."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from samples import VECTORS, manifest, points

from semrec.errors import StoreError
from semrec.store.build import Build
from semrec.store.verify import verify

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

N = 40


class Hiding:
    """An index whose searches do not find some items."""

    def __init__(self, index, lost):
        self._index = index
        self._lost = lost

    def __getattr__(self, name):
        return getattr(self._index, name)

    def search(self, searches):
        return self._index.search([replace(search, exclude=self._lost) for search in searches])


def build_items(store, items, before=None, **changes):
    with Build(store, VECTORS, before=before) as building:
        building.index.upsert(items)
        building.complete(manifest(len(items), **changes))
    return building.generation


@pytest.mark.parametrize("store", ["edge", "memory"], indirect=True)
def test_a_good_build_becomes_current(store):
    build_items(store, points(N))
    before = store.open(1)
    assert build_items(store, points(N + 5)[3:], before) == 2
    assert store.current() == 2
    before.close()


@pytest.mark.parametrize("store", ["edge"], indirect=True)
def test_a_build_without_its_vectors_leaves_the_one_before(store):
    build_items(store, points(N))
    bare = [replace(point, vectors={"text": point.vectors["text"]}) for point in points(N)]
    with pytest.raises(
        StoreError, match=r"generation 2 was not made current: items have no vector 'collaborative'"
    ):
        build_items(store, bare)
    assert (store.current(), store.generations()) == (1, [1])


def test_a_good_index_has_no_faults(index):
    found = verify(index, manifest(30), before=index)
    assert found.faults == ()
    assert found.recall == {"text": 1.0, "collaborative": 1.0}
    assert (found.n_items, found.same, found.unchanged) == (30, 1.0, 1.0)


def test_a_wrong_count_is_a_fault(index):
    assert verify(index, manifest(31)).faults == ("it holds 30 items instead of 31",)


def test_a_graph_that_loses_items_is_a_fault(index):
    there = index.sample(30)
    found = verify(Hiding(index, there[np.arange(30) % 6 > 0]), manifest(30))
    assert found.recall["text"] < 0.4
    assert len(found.faults) == 2
    assert "searching 'text' finds" in found.faults[0]


def test_vectors_with_nan_are_a_fault(index):
    class Odd(Hiding):
        def vectors(self, name, keys):
            vectors = self._index.vectors(name, keys)
            return np.full_like(vectors, np.nan) if name == "collaborative" else vectors

    assert verify(Odd(index, index.sample(0)), manifest(30)).faults == (
        "vectors 'collaborative' hold NaN or infinity",
    )


def test_items_that_came_and_went_are_no_fault(index):
    """The index before knows half of the items, and another half of those it knows are gone."""
    gone = index.sample(10)

    class Before(Hiding):
        def contains(self, keys):
            return self._index.contains(keys) & ~np.isin(keys, gone)

    found = verify(index, manifest(30), Before(index, gone))
    assert (found.faults, found.same, found.unchanged) == ((), 1.0, pytest.approx(2 / 3))
    after = Hiding(index, gone)
    after.contains = lambda keys: index.contains(keys) & ~np.isin(keys, gone)
    after.sample = lambda n: index.sample(30)[10:]
    after.count = lambda: 20
    found = verify(after, manifest(20), index)
    assert (found.faults, found.same, found.unchanged) == ((), 1.0, 1.0)
