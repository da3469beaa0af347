"""The change journal: the latest change of each item, and numbers that grow."""

from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy as sa

from semrec.errors import StoreDamagedError
from semrec.events.item_changes import ChangeJournal
from semrec.events.log import EventLog
from semrec.types import Item, ItemPatch

ITEMS = [
    Item("r", "red thing", "red red", {"size": 1}),
    Item("g", "green thing", "green green", {"size": 2}),
    Item("b", "blue thing", "blue round", {"size": 3}),
]


@pytest.fixture
def journal(log):
    return ChangeJournal(log)


def test_an_empty_journal_has_no_changes(journal):
    assert journal.last() == 0
    assert journal.since(0).until == 0
    assert journal.forget(10**18) == 0


def test_the_last_change_of_an_item_counts(journal):
    first = journal.put(ITEMS)
    journal.delete(["r", "x"])
    changed = Item("g", "new", "", {"tags": ("a", "b"), "ok": True, "price": 0.5})
    last = journal.put([changed])
    said = journal.since(0)
    assert (said.put, set(said.deleted), said.until) == ((changed, ITEMS[2]), {"r", "x"}, last)
    assert journal.last() == last
    assert journal.since(first).put == (changed,)
    assert journal.since(last).until == last
    assert journal.forget(first) == 3
    assert journal.since(0).put == (changed,)


def test_a_patch_changes_a_part_of_what_was_put(journal):
    journal.put(ITEMS)
    journal.patch([ItemPatch("r", {"size": 9, "new": True}), ItemPatch("g", {"size": None})])
    last = journal.patch([ItemPatch("r", {"new": None, "price": 0.5}), ItemPatch("before", {"size": 4})])
    now = journal.since(0)
    assert {item.item_id: item.metadata for item in now.put} == {
        "r": {"size": 9, "price": 0.5},
        "g": {},
        "b": {"size": 3},
    }
    assert now.patched == (ItemPatch("before", {"size": 4}),)
    assert now.until == last


def test_patches_of_an_older_item_are_merged(journal):
    put = journal.put(ITEMS)
    journal.patch([ItemPatch("r", {"size": 9, "old": 1})])
    journal.patch([ItemPatch("r", {"old": None}), ItemPatch("g", {"size": 5})])
    merged = (ItemPatch("r", {"size": 9, "old": None}), ItemPatch("g", {"size": 5}))
    assert journal.since(put).patched == merged


def test_patches_are_kept_by_compaction(journal):
    put = journal.put(ITEMS)
    journal.patch([ItemPatch("r", {"size": 9})])
    journal.patch([ItemPatch("r", {"price": 0.5}), ItemPatch("before", {"size": 4})])
    journal.delete(["b"])
    journal.patch([ItemPatch("before", {"size": 5})])
    before = journal.since(0)
    assert journal.compact() == 4  # two of r, one of b, one of before
    after = journal.since(0)
    assert sorted(after.put, key=str) == sorted(before.put, key=str)
    assert (after.patched, after.deleted, after.until) == (before.patched, before.deleted, before.until)
    assert journal.compact() == 0
    reader = journal.since(put)  # a generation that has the item gets it again, with all its values
    assert {item.item_id: item.metadata for item in reader.put} == {"r": {"size": 9, "price": 0.5}}


def test_only_the_last_change_of_each_item_is_kept(journal):
    journal.put(ITEMS)
    journal.delete(["r", "x"])
    journal.put([Item("r", "again"), Item("x", "again")])
    journal.delete(["b", "x"])
    before = journal.since(0)
    assert journal.compact() == 5
    after = journal.since(0)
    assert {item.item_id: item.title for item in after.put} == {"g": "green thing", "r": "again"}
    assert sorted(after.put, key=str) == sorted(before.put, key=str)
    assert set(after.deleted) == set(before.deleted) == {"b", "x"}
    assert journal.last() == after.until == before.until
    assert journal.compact() == 0


def test_deletions_can_be_removed(journal):
    journal.put([Item("again", "thing"), *ITEMS])
    early = journal.delete([*(f"x{n}" for n in range(1200)), "again", "b"])
    journal.put([Item("again", "thing")])
    late = journal.delete(["r"])
    deleted = journal.deleted(early)
    assert list(deleted) == [*(f"x{n}" for n in range(1200)), "b"]
    assert journal.deleted(late) == {**deleted, "r": late}
    journal.remove([number for item_id, number in journal.deleted(late).items() if item_id != "b"])
    assert journal.deleted(late) == {"b": deleted["b"], "r": late}  # the last change stays
    assert {item.item_id for item in journal.since(0).put} == {"again", "g"}


def test_the_file_of_a_compacted_journal_is_small_again(tmp_path):
    with EventLog.open(tmp_path) as log:
        journal = ChangeJournal(log)

        def size():
            return sum(file.stat().st_size for file in tmp_path.iterdir() if not file.name.endswith("-shm"))

        journal.put(ITEMS)
        journal.compact()
        before = size()
        for number in range(200):
            journal.put([Item(f"{place}", "red thing", f"{number} " * 1000) for place in range(10)])
        assert size() > 20 * before
        journal.compact()
        journal.forget(journal.last())
        journal.compact()
        assert size() < 3 * before


def test_numbers_grow_even_in_a_new_database(tmp_path):
    with EventLog.open(tmp_path / "one") as log:
        before = ChangeJournal(log).put(ITEMS)
    with EventLog.open(tmp_path / "two") as log:
        journal = ChangeJournal(log)
        assert journal.put(ITEMS) > before
        assert journal.delete([str(n) for n in range(1000)]) < journal.delete(["a"])


def test_one_caller_at_a_time_makes_changes(journal):
    order = []

    def change():
        with journal.applying():
            order.append("in")
            time.sleep(0.05)
            order.append("out")

    threads = [threading.Thread(target=change) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order == ["in", "out"] * 3


@pytest.mark.parametrize("stored", ['{"item_id": "x"', "[1]", '{"title": 3}', None])
def test_a_change_that_was_altered_is_damage(journal, log, stored):
    journal.put([Item("x", "a thing", "red")])
    with log.transaction(write=True) as connection:
        [[text]] = connection.execute(sa.text("SELECT item FROM semrec_changes")).all()
        changed = text.replace("red", "rod") if stored is None else stored
        connection.execute(sa.text("UPDATE semrec_changes SET item = :changed"), {"changed": changed})
    with pytest.raises(StoreDamagedError, match="the journal's change of item 'x' cannot be read"):
        journal.since(0)


def test_a_change_of_an_older_version_has_no_digest(journal, log):
    journal.put([Item("x", "a thing")])
    with log.transaction(write=True) as connection:
        connection.execute(sa.text("""UPDATE semrec_changes SET item = '{"item_id": "x", "title": "old"}'"""))
    assert journal.since(0).put == (Item("x", "old"),)
