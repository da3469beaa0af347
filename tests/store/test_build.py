"""A build leaves nothing behind when it fails, and becomes current when it is complete."""

from __future__ import annotations

import os

import pytest
from samples import VECTORS, build, manifest, points

from semrec.errors import StoreError, StoreLockedError
from semrec.store import server_lease
from semrec.store.build import Build, building

# The in-memory mode of qdrant-client scans everything and says so for every payload index.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")


class PowerCutError(BaseException):
    """An error that no handler on the way catches."""


def build_items(store, n_items, announced=None, fails_with=None):
    with Build(store, VECTORS) as building:
        building.index.upsert(points(n_items))
        if fails_with:
            raise fails_with
        building.complete(manifest(n_items if announced is None else announced))
    return building.generation


def count(store):
    index = store.open(store.current())
    n_items = index.count()
    index.close()
    return n_items


def test_a_complete_build_is_current(store):
    assert build_items(store, 3) == 1
    assert (store.current(), store.generations()) == (1, [1])
    assert count(store) == 3


def test_while_it_grows_the_previous_generation_answers(store):
    build_items(store, 3)
    with Build(store, VECTORS) as building:
        building.index.upsert(points(5))
        assert (store.current(), store.generations(), building.generation) == (1, [1], 2)
        assert count(store) == 3
        building.complete(manifest(5))
        assert store.current() == 2
    assert count(store) == 5


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, PowerCutError])
def test_a_build_that_fails_leaves_nothing(store, error):
    build_items(store, 3)
    with pytest.raises(error):
        build_items(store, 5, fails_with=error)
    assert (store.current(), store.generations()) == (1, [1])
    assert count(store) == 3
    # The folder or collection itself is gone too: its number is free again.
    assert build_items(store, 4) == 2


def test_a_build_that_is_not_completed_leaves_nothing(store):
    with Build(store, VECTORS) as building:
        building.index.upsert(points(5))
    assert (store.current(), store.generations()) == (None, [])
    assert build_items(store, 4) == 1


def test_a_wrong_count_leaves_nothing(store):
    build_items(store, 3)
    with pytest.raises(StoreError, match="holds 5 items instead of 6"):
        build_items(store, 5, announced=6)
    assert (store.current(), store.generations()) == (1, [1])
    assert build_items(store, 4) == 2


def test_a_build_that_cannot_be_made_current_leaves_nothing(store, monkeypatch):
    build_items(store, 3)

    def broken(_):
        raise StoreError("the disk is full")

    monkeypatch.setattr(store, "make_current", broken)
    with pytest.raises(StoreError, match="the disk is full"):
        build_items(store, 5)
    assert (store.current(), store.generations()) == (1, [1])
    assert count(store) == 3


def test_the_previous_generation_is_kept_and_older_ones_are_removed(store):
    for generation in range(1, 4):
        assert build_items(store, generation) == generation
        assert store.generations() == [*range(max(1, generation - 1), generation + 1)]


def test_several_old_generations_are_removed_at_once(store):
    for _ in range(3):
        build(store, points(2))
    build_items(store, 3)
    assert store.generations() == [3, 4]


@pytest.mark.parametrize("store", ["edge"], indirect=True)
def test_an_old_generation_that_is_read_stays_until_the_next_build(store):
    build_items(store, 1)
    reader = store.open(1)
    build_items(store, 2)
    build_items(store, 3)
    assert store.generations() == [1, 2, 3]
    assert reader.count() == 1
    reader.close()
    build_items(store, 4)
    assert store.generations() == [3, 4]


def test_one_builder_at_a_time_is_named(store, tmp_path):
    with building(store, tmp_path):
        refusal = rf"is being built by process {os.getpid()} \(.*since 20"
        with pytest.raises(StoreLockedError, match=refusal), building(store, tmp_path):
            pass
        build_items(store, 1)
    with building(store, tmp_path):
        assert store.generations() == [1]


@pytest.mark.parametrize("store", ["memory"], indirect=True)
def test_a_builder_on_another_machine_is_known_by_its_lease(store, tmp_path, monkeypatch):
    monkeypatch.setattr(server_lease.platform, "node", lambda: "elsewhere")
    store.create(VECTORS)
    monkeypatch.undo()
    refusal = r"\) on elsewhere, whose lease ends at \d\d:\d\d"
    with pytest.raises(StoreLockedError, match=refusal), building(store, tmp_path):
        pass


@pytest.mark.parametrize("store", ["memory"], indirect=True)
def test_a_dead_builder_on_this_machine_is_known_at_once(store, tmp_path, monkeypatch):
    store.create(VECTORS)
    monkeypatch.setattr(server_lease, "is_alive", lambda pid: False)
    with building(store, tmp_path):
        number, _ = store.create(VECTORS)
    assert number == 2
    with pytest.raises(StoreError, match="no generation 1"):
        store.drop(1)
