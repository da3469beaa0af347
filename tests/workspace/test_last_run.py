"""The same files are not read again, and every difference is noticed."""

from __future__ import annotations

import os

import polars as pl
import pytest
from toy import ToyEncoder

from semrec import Recommender, Settings
from semrec.events.item_changes import ChangeJournal
from semrec.events.log import EventLog
from semrec.types import Item

CATALOG = "id,title,size\nr,red thing,1\ng,green thing,2\nb,blue thing,3\n"


@pytest.fixture
def catalog(tmp_path):
    file = tmp_path / "catalog.csv"
    file.write_text(CATALOG)
    return file


def open_shop(tmp_path, **settings):
    return Recommender(tmp_path / "shop", Settings(**settings), encoder=ToyEncoder())


def was_read(report):
    return not any("byte for byte" in note for note in report.notes)


def test_the_same_file_is_not_read_again(tmp_path, catalog):
    opened = []
    with open_shop(tmp_path) as shop:
        first = shop.index(catalog, announce=opened.append)
        again = shop.index(str(catalog), announce=opened.append)
    with open_shop(tmp_path) as shop:  # another process
        once_more = shop.index([catalog], announce=opened.append)
        assert {item.item_id for item in shop.recommend(text="red")} == {"r", "g", "b"}
    assert len(opened) == 1
    assert (first.n_added, was_read(first)) == (3, True)
    for report in (again, once_more):
        assert not was_read(report)
        assert (report.n_unchanged, report.n_items, report.n_passages) == (3, 3, first.n_passages)
        assert (report.generation, report.n_encoded, report.n_cached) == (1, 0, 0)


def test_another_byte_is_noticed_at_the_same_time_of_change(tmp_path, catalog):
    with open_shop(tmp_path) as shop:
        shop.index(catalog)
        stat = catalog.stat()
        catalog.write_text(CATALOG.replace("blue", "grey"))
        os.utime(catalog, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert shop.index(catalog).n_changed == 1
        assert not was_read(shop.index(catalog))


@pytest.mark.parametrize(
    "change",
    [
        lambda shop: shop.delete_items(["g"]),
        lambda shop: shop.put_items([Item("g", "other", "", {"size": 2})]),
        lambda shop: shop.index([Item("g", "other", "", {"size": 2})]),
    ],
)
def test_items_changed_since_are_written_again(tmp_path, catalog, change):
    with open_shop(tmp_path) as shop:
        shop.index(catalog)
        change(shop)
        report = shop.index(catalog)
        assert report.n_added + report.n_changed == 1
        assert [record.title for record in shop.items(["g"])] == ["green thing"]
        assert not was_read(shop.index(catalog))


def test_a_change_that_is_only_in_the_journal_is_noticed(tmp_path, catalog):
    """As after a kill: the change is made when the index is opened, and the catalog then replaces it."""
    with open_shop(tmp_path) as shop:
        shop.index(catalog)
        with EventLog.open(tmp_path / "shop") as log:
            ChangeJournal(log).delete(["g"])
        assert was_read(shop.index(catalog))
        assert [record.title for record in shop.items(["g"])] == ["green thing"]


def test_a_change_during_the_run_makes_the_next_run_read_the_file(tmp_path, catalog):
    """The change wins over the catalog that is being read; the next run of the same file replaces it."""
    with open_shop(tmp_path) as shop:
        shop.index([Item("g", "other", "", {"size": 2})])
        shop.index(catalog, announce=lambda _: shop.delete_items(["g"]))
        assert shop.items(["g"]) == []
        report = shop.index(catalog)
        assert was_read(report)
        assert report.n_added == 1


def test_a_file_that_changes_or_goes_after_it_was_read_leaves_no_receipt(tmp_path, catalog):
    with open_shop(tmp_path) as shop:
        for change_file in (
            lambda _: catalog.write_text(CATALOG + "y,yellow,4\n"),
            lambda _: catalog.unlink(missing_ok=True),
        ):
            shop.index(catalog, progress=change_file)
            assert not (tmp_path / "shop" / "last-index.json").exists()


def test_an_older_generation_is_another_index(tmp_path, catalog):
    with open_shop(tmp_path) as shop:
        shop.index([Item("old", "old thing")])
        shop.index(catalog, rebuild=True)
        shop.rollback()
        assert shop.index(catalog).n_added == 3


def test_other_options_are_other_runs(tmp_path, catalog):
    with open_shop(tmp_path) as shop:
        shop.index(catalog)
        assert was_read(shop.index(catalog, sync=True))
        assert was_read(shop.index(catalog, rebuild=True))
    with open_shop(tmp_path, index={"max_text_bytes": 100}) as shop:
        assert was_read(shop.index(catalog))
        assert not was_read(shop.index(f"{tmp_path}/*.csv"))
        assert was_read(shop.index([catalog, catalog]))


def test_rejected_rows_are_reported_again(tmp_path, catalog):
    catalog.write_text(CATALOG + ",without an id,4\n")
    with open_shop(tmp_path) as shop:
        first = shop.index(catalog)
        again = shop.index(catalog)
        assert not was_read(again)
        assert (again.rejected, again.rejects) == (first.rejected, first.rejects)
        assert again.n_rejected == 1
        first.rejects.unlink()
        assert shop.index(catalog).rejects.exists()


def test_a_run_in_between_that_changed_nothing_is_the_last_one(tmp_path, catalog):
    """The file of rejects belongs to that run, so the catalog is read again for its own rejects."""
    catalog.write_text(CATALOG + ",without an id,4\n")
    with open_shop(tmp_path) as shop:
        shop.index(catalog)
        shop.index([{"id": "r", "title": "red thing", "size": 1}, {"id": "", "title": "another one"}])
        report = shop.index(catalog)
        assert was_read(report)
        assert "catalog.csv" in report.rejects.read_text()


def test_a_damaged_receipt_is_ignored(tmp_path, catalog):
    with open_shop(tmp_path) as shop:
        shop.index(catalog)
        for damaged in ("", "[]", '{"asked": 1}', "\x00"):
            (tmp_path / "shop" / "last-index.json").write_text(damaged)
            assert was_read(shop.index(catalog))
            assert not was_read(shop.index(catalog))


def test_frames_and_iterables_are_always_read(tmp_path, catalog):
    with open_shop(tmp_path) as shop:
        for source in (pl.read_csv(catalog), iter([catalog]), [{"id": "r", "title": "red thing"}]):
            shop.index(source)
            assert not (tmp_path / "shop" / "last-index.json").exists()


def test_another_process_than_the_one_that_answers_does_not_read_either(tmp_path, catalog):
    with open_shop(tmp_path) as shop:
        shop.index(catalog)
        assert len(shop.recommend(text="red")) == 3
        with open_shop(tmp_path) as builder:
            assert not was_read(builder.index(catalog))
        assert len(shop.recommend(text="red")) == 3
