"""Catching up with the journal: no change is lost by a switch, a rollback, or a kill."""

from __future__ import annotations

import multiprocessing
import shutil
import threading

import pytest
from toy import WORDS, ToyEncoder

from semrec import Item, Recommender, Settings
from semrec.errors import StoreDamagedError
from semrec.events.item_changes import ChangeJournal
from semrec.events.log import EventLog
from semrec.store.edge import EdgeStore

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
        journal.put([Item("odd", "odd", "red", {"size": "large"}), Item("new", "new", "red", {"size": 4})])
    shop.close()
    assert found(shop, "odd", "new") == {"new": "new"}
    assert "'odd'" in caplog.text


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
    for n in range(15):
        shop.put_items([Item("n", f"red {n}", "red green"), Item(f"n{n}", "green", "green")])
        shop.delete_items(["n", f"n{n - 1}"])
    stop.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert found(shop, "n", "n13", "n14") == {"n14": "green"}


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
