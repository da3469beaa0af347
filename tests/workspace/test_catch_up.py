"""Catching up with the journal: no change is lost by a switch, a rollback, or a kill."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import threading
from collections import namedtuple
from dataclasses import replace

import pytest
import sqlalchemy as sa
from toy import WORDS, ToyEncoder

from semrec import Item, Recommender, Settings
from semrec.errors import StoreDamagedError, StoreError
from semrec.events.item_changes import ChangeJournal
from semrec.events.log import EventLog
from semrec.indexer.upsert import UNCOUNTED
from semrec.store.edge import EdgeStore
from semrec.store.edge_index import EdgeIndex

ITEMS = [
    Item("r", "red thing", "red red", {"size": 1}),
    Item("g", "green thing", "green green", {"size": 2}),
    Item("b", "blue thing", "blue round", {"size": 3}),
]


@pytest.fixture
def shop(tmp_path):
    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as recommender:
        recommender.index(ITEMS)
        yield recommender


def found(shop, *item_ids):
    return {record.item_id: record.title for record in shop.items(item_ids)}


def metadata_of(shop, *item_ids):
    return {record.item_id: record.metadata for record in shop.items(item_ids)}


def test_patches_reach_the_generations_that_missed_them(shop):
    shop.index([*ITEMS, Item("y", "yellow")], rebuild=True)
    shop.patch_items([{"id": "r", "metadata": {"size": 9}}, {"id": "y", "metadata": {"new": True}}])
    shop.patch_items([{"id": "g", "metadata": {"size": None}}])
    now = {"r": {"size": 9}, "g": {}, "b": {"size": 3}}
    assert metadata_of(shop, "r", "g", "b") == now
    shop.rollback()
    assert metadata_of(shop, "r", "g", "b", "y") == now  # y is not in the older generation
    shop.index([*ITEMS[1:], Item("n", "new")])  # a catalog wins over the patches before it
    assert metadata_of(shop, "r", "g", "b") == {"r": {"size": 9}, "g": {"size": 2}, "b": {"size": 3}}


def test_a_patch_during_a_build_is_made_in_the_new_index(shop, tmp_path):
    def catalog():
        yield from ITEMS
        shop.patch_items([{"id": "r", "metadata": {"size": 9, "new": True}}])
        yield Item("y", "yellow")

    assert len(found(shop, "r")) == 1
    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as builder:
        builder.index(catalog())
    shop.follow()
    assert metadata_of(shop, "r", "y") == {"r": {"size": 9, "new": True}, "y": {}}


def test_changes_during_a_build_are_made_in_the_new_index(shop, tmp_path):
    """As when another process builds: this one changes items in the old index, then finds a new one."""
    assert len(found(shop, "r", "g", "b")) == 3

    def catalog():
        yield from ITEMS
        shop.put_items([Item("new", "square thing", "square"), Item("r", "other", "red square")])
        shop.delete_items(["g"])
        yield Item("y", "yellow")

    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as builder:
        builder.index(catalog())
    assert found(shop, "new", "r", "g", "b") == {"new": "square thing", "r": "other", "b": "blue thing"}
    shop.follow()
    names = {"new": "square thing", "r": "other", "b": "blue thing", "y": "yellow"}
    assert found(shop, "new", "r", "g", "b", "y") == names
    assert next(iter(shop.recommend(text="square"))).item_id == "new"
    shop.close()
    assert found(shop, "new", "r", "g", "b", "y") == names
    store = EdgeStore(tmp_path / "shop")
    assert (store.manifest(2).journal, store.manifest(2).n_items) == (store.manifest(1).journal, 4)


def test_passages_are_counted_again_after_an_index_in_place_was_killed(shop, tmp_path):
    """The manifest that is stored while a catalog is written has no count; the journal is there then."""
    shop.event_log()
    shop.close()
    store = EdgeStore(tmp_path / "shop")
    counted = store.manifest(1)
    store.rewrite_manifest(1, replace(counted, n_passages=UNCOUNTED))
    assert shop.info()["passages"] is None
    assert shop.recommend(text="red")[0].item_id == "r"
    assert shop.info()["passages"] == counted.n_passages == 3
    assert store.manifest(1) == counted


def fit_with_a_pause(folder, begun, go):
    """Learn in a process of its own, and wait for `go` in the middle."""

    def pause(step):
        begun.set()
        assert go.wait(60), step

    with Recommender(folder, Settings(), encoder=ToyEncoder()) as recommender:
        recommender.fit(progress=pause)


def test_changes_while_another_process_learns_are_made_in_its_generation(tmp_path):
    catalog = [Item(f"i{n}", f"{WORDS[n % 5]} {n}", WORDS[n % 5]) for n in range(20)]
    events = [
        {"user_id": f"u{user}", "item_id": f"i{(user + 5 * n) % 20}", "time": 1.7e9 + 100 * user + n}
        for user in range(20)
        for n in range(4)
    ]
    processes = multiprocessing.get_context("spawn")
    begun, go = processes.Event(), processes.Event()
    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as shop:
        shop.index(catalog)
        shop.add_events(events)
        assert found(shop, "i0") == {"i0": "red 0"}  # this process owns the generation now
        learner = processes.Process(target=fit_with_a_pause, args=(tmp_path / "shop", begun, go))
        learner.start()
        assert begun.wait(60)
        shop.put_items([Item("new", "square thing", "square"), Item("i1", "other", "red square")])
        shop.delete_items(["i2"])
        go.set()
        learner.join(120)
        assert learner.exitcode == 0
        shop.follow()
        assert shop.generation == 2
        assert found(shop, "new", "i1", "i2") == {"new": "square thing", "i1": "other"}
        assert "collaborative" in shop.info()["signals"]
        assert "new" in {item.item_id for item in shop.recommend(text="square")}


def test_a_catalog_wins_over_earlier_changes(shop):
    shop.put_items([Item("r", "put", "blue")])
    shop.index(ITEMS)
    assert found(shop, "r") == {"r": "red thing"}


def test_a_change_that_is_only_in_the_journal_is_made_when_the_index_is_opened(shop, tmp_path):
    assert len(found(shop, "r")) == 1
    with EventLog.open(tmp_path / "shop") as log:
        ChangeJournal(log).put([Item("new", "square thing", "square")])
    assert found(shop, "new") == {}
    shop.close()
    assert found(shop, "new") == {"new": "square thing"}


def test_a_change_that_does_not_fit_the_index_is_left_out_with_a_warning(shop, tmp_path, caplog):
    with EventLog.open(tmp_path / "shop") as log:
        journal = ChangeJournal(log)
        journal.put([Item("odd"), Item("new", "new", "red", {"size": 4})])
    shop.close()
    assert found(shop, "odd", "new") == {"new": "new"}
    assert "'odd'" in caplog.text


OLD_JOURNAL = {
    "nul": {"item_id": "nul\0", "title": "red"},
    "large": {"item_id": "large", "title": "red", "metadata": {"x": "x" * 1_000_001}},
    "no name": {"item_id": "no name", "title": "red", "metadata": {"title": "x"}},
    "long": {"item_id": "long", "title": "red", "text": "x" * 1_000_001},
    "nothing": {"item_id": "nothing", "metadata": {"size": 1}},
    "surrogate": {"item_id": "surrogate", "title": "\ud800"},
}
"""Items that a database can hold and no index."""


def test_an_item_of_the_journal_that_can_never_fit_is_set_aside(shop, tmp_path, caplog):
    with EventLog.open(tmp_path / "shop") as log:
        journal = ChangeJournal(log)
        journal.put([Item("before", "before", "red")])
        for item_id, item in OLD_JOURNAL.items():
            row = {"seq": journal.last() + 1, "item_id": item_id, "item": json.dumps(item)}
            with log.transaction(write=True) as connection:
                connection.execute(sa.text("INSERT INTO semrec_changes VALUES (:seq, :item_id, :item)"), row)
        journal.put([Item("after", "after", "red")])
    shop.close()
    assert found(shop, "before", "after") == {"before": "before", "after": "after"}
    facts = shop.info()
    assert facts["items_set_aside"] == len(OLD_JOURNAL) == len(facts["set_aside"])
    for item_id in OLD_JOURNAL:
        assert f"item '{item_id}' of the journal is set aside" in caplog.text or item_id == "nul"
    caplog.clear()
    shop.put_items([Item("large", "large", "red"), Item("new", "new", "red")])
    shop.delete_items(["long", "r"])
    assert found(shop, "large", "new", "r") == {"large": "large", "new": "new"}
    assert shop.info()["items_set_aside"] == len(OLD_JOURNAL) - 2
    shop.index([*ITEMS, Item("nothing", "now", "red")])
    assert shop.info()["items_set_aside"] == len(OLD_JOURNAL) - 3
    assert caplog.text == ""
    shop.close()
    assert found(shop, "nothing", "after") == {"nothing": "now", "after": "after"}
    before = shop.generation
    shop.index([*ITEMS, *(Item(f"n{n}", "red", "red") for n in range(2000))])
    assert shop.generation == before + 1
    assert shop.info()["items_set_aside"] == len(OLD_JOURNAL) - 3
    shop.index(ITEMS, rebuild=True)
    assert shop.info()["items_set_aside"] == 0


def refuse(monkeypatch, *item_ids):
    """Let the engine refuse to write these items, as it would for a value that no check knows."""
    upsert = EdgeIndex.upsert

    def refuse_some(index, points):
        if any(point.record.item_id in item_ids for point in points):
            raise StoreError("the embedded index failed: it does not like this item")
        upsert(index, points)

    monkeypatch.setattr(EdgeIndex, "upsert", refuse_some)


def test_an_item_that_only_the_engine_refuses_is_set_aside(shop, tmp_path, monkeypatch):
    with EventLog.open(tmp_path / "shop") as log:
        ChangeJournal(log).put([Item(f"i{n}", f"item {n}", "red", {"n": n}) for n in range(20)])
    shop.close()
    refuse(monkeypatch, "i7", "i13")
    assert len(found(shop, *(f"i{n}" for n in range(20)))) == 18
    assert shop.info()["items_set_aside"] == 2
    assert shop.put_items([Item("new", "new", "red")]).added == ("new",)


def test_no_item_is_set_aside_while_the_store_takes_no_write(shop, tmp_path, monkeypatch):
    with EventLog.open(tmp_path / "shop") as log:
        ChangeJournal(log).put([Item("new", "new", "red")])
    shop.close()
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: namedtuple("usage", "total used free")(2**40, 2**40, 0))
        with pytest.raises(StoreError, match="is full"):
            shop.put_items([Item("other", "other", "red")])
    assert found(shop, "new") == {"new": "new"}
    assert shop.info()["items_set_aside"] == 0


def test_answers_never_see_a_change_half_done(shop):
    stop, faults = threading.Event(), []

    def ask():
        while not stop.is_set():
            try:
                assert len(shop.recommend(text="red green blue", k=5)) >= 3
                shop.similar("b")
            except Exception as error:
                faults.append(error)

    readers = [threading.Thread(target=ask) for _ in range(3)]
    for reader in readers:
        reader.start()
    for n in range(6):
        shop.put_items([Item("n", f"red {n}", "red green"), Item(f"n{n}", "green", "green")])
        shop.delete_items(["n", f"n{n - 1}"])
    stop.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert found(shop, "n", "n4", "n5") == {"n5": "green"}


@pytest.mark.parametrize("n_unapplied", [0, 2])
def test_missing_points_are_damage_that_catching_up_does_not_hide(tmp_path, n_unapplied):
    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as shop:
        shop.index(ITEMS)
    with EventLog.open(tmp_path / "shop") as log:
        ChangeJournal(log).put([Item(f"new {n}", "square") for n in range(n_unapplied)])
    for segment in (tmp_path / "shop" / "generations" / "1" / "edge" / "segments").iterdir():
        shutil.rmtree(segment)
    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as shop:
        for ask in (lambda: shop.recommend(text="red"), lambda: shop.put_items(ITEMS), shop.fit):
            with pytest.raises(StoreDamagedError, match="holds 0 items instead of 3; `semrec index CATALOG"):
                ask()
        assert shop.index(ITEMS, rebuild=True).n_items == 3
        assert found(shop, "r") == {"r": "red thing"}


def test_with_a_damaged_journal_answers_go_on_and_changes_are_refused(shop, tmp_path, caplog):
    shop.put_items([Item("new", "square")])
    shop.close()
    for file in (tmp_path / "shop").glob("events.db*"):
        file.unlink()
    (tmp_path / "shop" / "events.db").write_bytes(b"garbage" * 1000)
    assert found(shop, "new") == {"new": "square"}
    assert "changes by other processes are not known: event log" in caplog.text
    with pytest.raises(StoreDamagedError, match=r"`mkdir .* && mv .* && semrec events EVENTS --workspace"):
        shop.put_items(ITEMS)
