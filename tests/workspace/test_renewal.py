"""Renewal: the folder of a shop that changes stays small, and no change is lost by it."""

from __future__ import annotations

import random

import pytest
from toy import ToyEncoder

from semrec import Item, Recommender, Settings
from semrec.errors import StoreError
from semrec.events.item_changes import ChangeJournal
from semrec.events.log import EventLog
from semrec.store.copying import allocated_bytes
from semrec.store.edge import EdgeStore
from semrec.workspace import renewal

WORDS = ["red", "green", "blue", "round", "square", *(f"word{n}" for n in range(50))]


class Shop:
    """A shop of `n_items`, and what it should hold."""

    def __init__(self, folder, n_items):
        self.folder = folder
        self._draw = random.Random(0)
        self.items = {f"i{n}": self.item(f"i{n}") for n in range(n_items)}
        self.recommender = open_shop(folder)
        self.recommender.index(self.items.values())

    def item(self, item_id):
        text = " ".join(self._draw.choices(WORDS, k=150))
        return Item(item_id, f"{item_id} {self._draw.random()}", text, {"size": self._draw.randrange(100)})

    def put(self, item_ids):
        changed = {item_id: self.item(item_id) for item_id in item_ids}
        self.recommender.put_items(changed.values())
        self.items |= changed

    def delete(self, item_ids):
        self.recommender.delete_items(item_ids)
        self.items = {item_id: item for item_id, item in self.items.items() if item_id not in item_ids}

    def reopen(self):
        self.recommender.close()
        self.recommender = open_shop(self.folder)

    def check(self):
        """Every item is stored as it was put, and the counts are right."""
        records = self.recommender.items([*self.items, "gone"])
        assert {record.item_id: record.title for record in records} == {
            item_id: item.title for item_id, item in self.items.items()
        }
        assert self.recommender.info()["items"] == len(self.items)

    def size(self):
        self.recommender.close()
        return allocated_bytes(self.folder)

    def fresh_size(self, folder):
        """Return the size of a new shop with the same items, one of which was put."""
        with open_shop(folder) as fresh:
            fresh.index(self.items.values())
            fresh.put_items([self.item("i0")])
        return allocated_bytes(folder)


def open_shop(folder):
    return Recommender(folder, Settings(encoder={"model": "toy"}), encoder=ToyEncoder(passage_tokens=64))


def change(shop, number, *, deletes):
    """Make one round of 100 changes: 50 new items that are deleted again, or 100 puts of known items."""
    if deletes:
        new = [f"new {number} {place}" for place in range(50)]
        shop.put(new)
        shop.delete(new)
    else:
        known = list(shop.items)
        for start in (0, 50):
            shop.put([known[(100 * number + start + place) % len(known)] for place in range(50)])


@pytest.mark.parametrize(
    ("n_rounds", "deletes"),
    [
        (3, True),
        pytest.param(300, True, marks=pytest.mark.slow),
        pytest.param(300, False, marks=pytest.mark.slow),
    ],
)
def test_the_folder_stays_within_1_5_of_its_live_size(tmp_path, n_rounds, deletes):
    shop = Shop(tmp_path / "shop", 300)
    for number in range(n_rounds):
        change(shop, number, deletes=deletes)
    shop.check()
    assert shop.size() < 1.5 * shop.fresh_size(tmp_path / "fresh")
    shop.reopen()
    shop.check()
    shop.recommender.close()


def renewed(shop):
    """Change more than 100 items of the shop; return the current generation before and after."""
    before = shop.recommender.info()["current"]
    for number in range(2):
        change(shop, number, deletes=False)
    shop.reopen()  # waits for the renewal
    shop.check()
    return before, shop.recommender.generation


def test_the_older_generation_is_kept_for_rollback_and_catches_up(tmp_path):
    shop = Shop(tmp_path / "shop", 50)
    shop.recommender.index(shop.items.values(), rebuild=True)
    assert renewed(shop) == (2, 3)
    assert [facts.number for facts in shop.recommender.generations()] == [1, 3]
    for number in range(2):
        change(shop, number, deletes=True)
    shop.delete(["i1"])
    shop.reopen()
    with EventLog.open(shop.folder) as log:
        changed = ChangeJournal(log).since(0)
    assert {item.item_id for item in changed.put} == set(shop.items)
    assert set(changed.deleted) <= {"i1", "new 1 49"}  # no generation has the others; the last one stays
    assert shop.recommender.rollback() == 1
    shop.check()
    shop.recommender.close()


def test_changes_during_a_renewal_are_in_the_new_generation(tmp_path, monkeypatch):
    shop = Shop(tmp_path / "shop", 50)
    copied = renewal._copied

    def copied_while_items_change(index):
        yield from copied(index)
        shop.put(["i1", "new"])
        shop.delete(["i2"])

    monkeypatch.setattr(renewal, "_copied", copied_while_items_change)
    assert renewed(shop) == (1, 2)
    assert "new" in shop.items
    shop.check()
    shop.recommender.close()


def test_an_index_waits_for_a_renewal(tmp_path):
    shop = Shop(tmp_path / "shop", 50)
    for number in range(3):
        change(shop, number, deletes=False)
        shop.recommender.index(shop.items.values())
    shop.check()
    shop.recommender.close()


def test_a_renewal_that_fails_is_a_warning(tmp_path, monkeypatch, caplog):
    shop = Shop(tmp_path / "shop", 50)

    def fail(*_, **__):
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(EdgeStore, "create", fail)
        assert renewed(shop) == (1, 1)
    assert "the index was not compacted, and goes on: the disk is full" in caplog.text
    assert renewed(shop) == (1, 2)
    shop.recommender.close()


def test_few_changes_renew_nothing(tmp_path):
    shop = Shop(tmp_path / "shop", 50)
    shop.put([f"i{n}" for n in range(50)])
    shop.delete([f"i{n}" for n in range(40)])
    shop.reopen()
    shop.check()
    assert shop.recommender.generation == 1
    shop.recommender.close()
