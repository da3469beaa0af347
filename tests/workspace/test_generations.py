"""Generations: listing them, rollback, and which ones a build keeps."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from toy import ToyEncoder
from typer.testing import CliRunner
from workspace_copies import copy_workspace

from semrec import Item, Recommender, Settings
from semrec.cli.commands import app
from semrec.errors import StoreError, WorkspaceError
from semrec.events.item_changes import ChangeJournal
from semrec.store import VectorField
from semrec.store.edge import EdgeStore

ITEMS = [Item("r", "red thing", "red red"), Item("g", "green thing", "green"), Item("b", "blue", "blue")]


def open_shop(folder, **settings):
    return Recommender(folder, Settings(encoder={"model": "toy"}, **settings), encoder=ToyEncoder())


@pytest.fixture
def folder(tmp_path):
    """A workspace with two builds: of one item, and of three."""
    with open_shop(tmp_path / "shop") as shop:
        shop.index(ITEMS[:1])
        shop.index(ITEMS, rebuild=True)
    return tmp_path / "shop"


def semrec(command, folder, *arguments):
    result = CliRunner().invoke(app, [command, *map(str, arguments), "--workspace", str(folder)])
    return result.exit_code, result.stdout, result.stderr


def names(shop):
    return sorted(found.item_id for found in shop.recommend(text="red"))


def test_generations_are_listed(folder):
    with open_shop(folder) as shop:
        assert names(shop) == ["b", "g", "r"]
        status, out, _ = semrec("generations", folder, "--json")
        one, two = json.loads(out)["generations"]
        assert status == 0
        assert f"process {os.getpid()} " in two.pop("owner")
        assert one.pop("built_at") < two.pop("built_at")
        assert one.pop("n_bytes") > 0 < two.pop("n_bytes")
        facts = {"encoder": "toy", "has_models": False, "is_complete": True}
        assert one == {"number": 1, "n_items": 1, "is_current": False, "owner": None, **facts}
        assert two == {"number": 2, "n_items": 3, "is_current": True, **facts}
    status, out, _ = semrec("generations", folder)
    assert (status, "2 (current)" in out, "toy" in out) == (0, True, True)


def leave_a_dead_build(folder):
    """Leave what a build leaves that was killed."""
    left = folder / "generations" / "7"
    copy_workspace(folder / "generations" / "2", left)
    (left / "manifest.json").unlink()
    return left


def test_dead_and_running_builds_are_listed(folder):
    leave_a_dead_build(folder)
    number, index = EdgeStore(folder).create([VectorField("text", "dense", 2)])
    leave_a_dead_build(folder)
    with open_shop(folder) as shop:
        dead, running = shop.generations()[2:]
        assert (dead.number, dead.is_complete, dead.is_dead, dead.owner) == (7, False, True, None)
        assert dead.n_bytes > 0
        assert (running.number, running.is_complete, running.is_dead) == (number, False, False)
        assert f"process {os.getpid()} " in running.owner
    status, out, err = semrec("generations", folder)
    assert (status, "7 (dead)" in out, f"{number} (not" in out) == (0, True, True)
    assert "The next build removes or continues it" in err
    index.close()


@pytest.mark.parametrize("change", ["put", "delete", "index"])
def test_the_first_change_of_a_process_removes_dead_builds(folder, change):
    left = leave_a_dead_build(folder)
    with open_shop(folder) as shop:
        assert names(shop) == ["b", "g", "r"]
        assert left.exists()
        if change == "put":
            shop.put_items([Item("new", "red")])
        elif change == "delete":
            shop.delete_items(["nowhere"])
        else:
            shop.index(ITEMS)
        assert not left.exists()
        assert [facts.number for facts in shop.generations()] == [1, 2]


def test_a_running_process_follows_a_rollback_there_and_back(folder):
    with open_shop(folder) as shop:
        assert names(shop) == ["b", "g", "r"]
        status, _, err = semrec("rollback", folder)
        assert (status, err) == (0, "generation 1 is current now.\n")
        assert shop.follow()
        assert names(shop) == ["r"]
        assert json.loads(semrec("rollback", folder, 2, "--json")[1]) == {"current": 2}
        assert shop.follow()
        assert names(shop) == ["b", "g", "r"]


def test_items_changed_since_are_also_changed_in_the_older_generation(folder):
    with open_shop(folder) as shop:
        shop.put_items([Item("n", "new", "red round")])
        assert shop.rollback() == 1
        assert names(shop) == ["n", "r"]


def test_without_an_older_generation_nothing_changes(folder):
    with open_shop(folder) as shop:
        with pytest.raises(StoreError, match="no generation 7 to go back to; complete ones: 1, 2"):
            shop.rollback(7)
        shop.rollback()
        with pytest.raises(
            StoreError, match=r"no generation before the current one \(1\); complete ones: 1, 2"
        ):
            shop.rollback()
        assert names(shop) == ["r"]
    status, out, err = semrec("rollback", folder, 7)
    assert (status, out) == (1, "")
    assert "no generation 7" in err


def test_a_damaged_current_file_names_the_command(folder):
    (folder / "current").write_text("what?")
    with open_shop(folder) as shop:
        with pytest.raises(WorkspaceError, match=r"current is damaged .*`semrec rollback 2 --workspace"):
            shop.recommend(text="red")
        assert [facts.is_current for facts in shop.generations()] == [False, False]
        shop.rollback(2)
        assert names(shop) == ["b", "g", "r"]


def test_without_a_complete_generation_the_command_is_to_build(folder):
    for manifest in folder.glob("generations/*/manifest.json"):
        manifest.unlink()
    with open_shop(folder) as shop:
        with pytest.raises(WorkspaceError, match="semrec index CATALOG --rebuild"):
            shop.index(ITEMS)
        shop.index(ITEMS, rebuild=True)
        assert names(shop) == ["b", "g", "r"]


def test_a_build_keeps_the_previous_current_one_and_as_many_as_the_settings_say(folder):
    store = EdgeStore(folder)
    with open_shop(folder) as shop:
        shop.rollback()
        shop.index(ITEMS[:2], rebuild=True)
    assert (store.current(), store.generations()) == (3, [1, 3])
    with open_shop(folder, store={"keep_generations": 3}) as shop:
        shop.index(ITEMS, rebuild=True)
    assert store.generations() == [1, 3, 4]


def test_the_journal_is_trimmed_to_changes_that_a_generation_lacks(folder):
    with open_shop(folder) as shop:
        journal = ChangeJournal(shop.event_log())
        for n in range(4):
            shop.put_items([Item(f"n{n}", "new", "red")])
        shop.index(ITEMS, rebuild=True)
        assert len(journal.since(0).put) == 1  # the last one stays, so that numbers grow
        last = shop.put_items([Item("m", "new", "red")]) and journal.last()
        shop.rollback()
        assert names(shop) == sorted(["b", "g", "r", "m", "n0", "n1", "n2", "n3"])
        shop.index(ITEMS, rebuild=True)
        assert journal.last() == last


def test_an_index_of_an_older_version_names_the_command_and_can_be_built_again(folder):
    store = EdgeStore(folder)
    for number in store.generations():
        store.rewrite_manifest(number, replace(store.manifest(number), version=1, models={"learned": {}}))
    with open_shop(folder) as shop:
        shop.add_events([{"user_id": "u", "item_id": "r"}])
        for use in (
            lambda: shop.recommend(text="red"),
            lambda: shop.index(ITEMS),
            lambda: shop.put_items(ITEMS),
            lambda: shop.fit(),
            lambda: shop.rollback(),
        ):
            with pytest.raises(
                StoreError, match="older semrec; build it again: semrec index CATALOG --rebuild"
            ):
                use()
        assert [facts.number for facts in shop.generations()] == [1, 2]
        assert shop.info()["signals"] == []
        shop.index(ITEMS, rebuild=True)
        assert names(shop) == ["b", "g", "r"]
        assert shop.info()["signals"] == ["text", "bm25", "central"]
        assert [event.item_id for event in shop.event_log().history("u")] == ["r"]
