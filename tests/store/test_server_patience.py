"""A cluster that answers late, and a server that is away: a build completes, or its error keeps it."""

from __future__ import annotations

import numpy as np
import pytest
from samples import DIM, VECTORS, build, ids, manifest, point, points

from semrec.errors import StoreError, StoreUnavailableError
from semrec.store import ScoreQuery, Search
from semrec.store.build import Build
from semrec.store.patience import answering
from semrec.store.server import ServerStore

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")


@pytest.fixture
def store(unreliable, clock):
    return ServerStore("shop", client=unreliable, clock=clock)


def build_items(store, n_items, key="", announced=None):
    with Build(store, VECTORS, key=key) as building:
        building.index.upsert(points(n_items))
        building.complete(manifest(n_items if announced is None else announced))
    return building.generation


@pytest.mark.parametrize("stale_s", [0.05, 3, 25])
def test_changes_are_waited_for_until_they_can_be_read(store, unreliable, clock, stale_s):
    unreliable.stale_s = stale_s
    assert build_items(store, 3) == 1
    assert (store.current(), store.generations()) == (1, [1])
    assert build_items(store, 4) == 2
    store.rewrite_manifest(2, manifest(4, n_changes=7))
    assert store.manifest(2).n_changes == 7
    store.make_current(1)
    assert store.current() == 1
    store.drop(2)
    assert store.generations() == [1]
    store.open(1).add_fields({"colour": "keyword"})
    assert "metadata.colour" in unreliable.get_collection("shop@1").payload_schema
    n_changes = 15
    assert clock.slept < n_changes * (2 * stale_s + 0.1)


def test_a_server_that_answers_at_once_is_not_waited_for(store, clock):
    build_items(store, 3)
    assert clock.slept == 0


def test_a_change_that_cannot_be_read_is_an_error_that_keeps_the_build(store, unreliable):
    build_items(store, 2)
    unreliable.stale_s = 1000
    with pytest.raises(StoreUnavailableError) as raised, Build(store, VECTORS, key="same") as building:
        building.index.upsert(points(3))
    assert "still answers with what was there before" in str(raised.value)


METHODS = [
    "get_collections",
    "create_collection",
    "upsert",
    "create_payload_index",
    "get_collection",
    "count",
]
METHODS += ["update_collection", "get_aliases", "update_collection_aliases", "scroll", "query_batch_points"]


@pytest.mark.parametrize("loses_answer", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_a_build_survives_a_server_that_is_away_for_ten_seconds(
    store, unreliable, clock, method, loses_answer
):
    build_items(store, 2)
    unreliable.leave(method, seconds=10, loses_answer=loses_answer)
    assert build_items(store, 4) == 2
    assert (store.current(), store.generations(), store.open(2).count()) == (2, [1, 2], 4)
    assert 10 <= clock.slept < 14


@pytest.mark.parametrize("method", [name for name in METHODS if name != "create_collection"])
def test_after_a_minute_the_build_is_kept_and_goes_on(store, unreliable, clock, method):
    build_items(store, 2)
    refusal = pytest.raises(StoreUnavailableError, match=r"does not answer.*run the same command again")
    with refusal, Build(store, VECTORS, key="same") as building:
        building.index.upsert(points(3))
        unreliable.leave(method, seconds=60)
        building.index.upsert(points(4))
        building.complete(manifest(4))
    clock.sleep(60)
    assert (store.current(), store.manifest(1).n_items) == (1, 2)
    with Build(store, VECTORS, key="same") as building:
        assert building.index.count() == (3 if method == "upsert" else 4)
        building.index.upsert(points(4))
        building.complete(manifest(4))
    assert (store.current(), store.generations()) == (2, [1, 2])
    with Build(store, VECTORS, key="same") as building:
        assert building.generation == 3


def test_a_kept_build_of_another_key_is_removed(store, unreliable, clock):
    unreliable.leave("count", seconds=60)
    with pytest.raises(StoreUnavailableError, match="run the same command again"):
        build_items(store, 4, key="one")
    clock.sleep(60)
    with Build(store, VECTORS, key="other") as building:
        assert building.index.count() == 0
        names = [collection.name for collection in unreliable.get_collections().collections]
        assert names == [building.index.name]


def test_other_errors_still_remove_the_build(store, unreliable):
    with pytest.raises(StoreError, match="holds 4 items instead of 5"):
        build_items(store, 4, key="same", announced=5)
    assert unreliable.get_collections().collections == []


def test_changes_of_items_are_repeated(store, unreliable, clock):
    index = store.open(build(store, points(5)))
    changes = {
        "upsert": lambda: index.upsert([point(7)]),
        "delete": lambda: index.delete(ids(1)),
        "batch_update_points": lambda: index.update_records([point(2, seed=1).record]),
        "retrieve": lambda: index.records(ids(2, 7)),
    }
    for method, change in changes.items():
        before = clock.slept
        unreliable.leave(method, seconds=10, loses_answer=True)
        change()
        assert 10 <= clock.slept - before < 14
    assert index.count() == 5
    assert index.records(ids(2))[0].content_hash == "hash-2-1"


def test_an_answer_is_repeated_for_two_seconds_only(store, unreliable, clock):
    index = store.open(build(store, points(5)))
    search = [Search("text", np.ones(DIM, np.float32), 3)]
    with answering():
        unreliable.leave("query_batch_points", seconds=1)
        assert len(index.search(search)[0].keys) == 3
        before = clock.slept
        unreliable.leave("query_batch_points", seconds=10)
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            index.scores([ScoreQuery("text", np.ones(DIM, np.float32))], ids(1))
        assert clock.slept - before < 4
    assert len(index.search(search)[0].keys) == 3


def test_a_wrong_key_is_not_repeated(store, unreliable, clock, monkeypatch):
    from qdrant_client.http.exceptions import UnexpectedResponse

    def refuse(*_, **__):
        raise UnexpectedResponse(401, "Unauthorized", b"", None)

    monkeypatch.setattr(unreliable.memory, "get_aliases", refuse)
    monkeypatch.setattr(unreliable, "_answer", refuse)
    with pytest.raises(StoreUnavailableError, match="refuses the API key"):
        store.current()
    assert clock.slept == 0


@pytest.mark.parametrize("status", [412, 500, 503])
def test_a_cluster_that_waits_for_a_node_is_waited_for(store, unreliable, clock, status):
    unreliable.leave("upsert", seconds=10, status=status)
    assert build_items(store, 3) == 1
    assert 10 <= clock.slept < 14


def test_a_long_wait_is_announced_once(store, unreliable, caplog):
    build_items(store, 2)
    unreliable.leave("upsert", seconds=1)
    build_items(store, 3)
    assert caplog.text == ""
    unreliable.leave("upsert", seconds=20)
    build_items(store, 3)
    assert caplog.text.count("trying again for up to 30 s") == 1
