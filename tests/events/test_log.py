"""The event log, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading

import polars as pl
import pytest

from semrec.errors import CatalogError, StoreError, StoreLockedError
from semrec.events.frame import SCHEMA
from semrec.events.log import AppendReport, EventLog
from semrec.types import Event


def frame(*rows):
    full = [(*row, *("view", None, None)[len(row) - 2 :]) for row in rows]
    return pl.DataFrame(full, schema=SCHEMA, orient="row")


def many(n, start=0):
    numbers = range(start, start + n)
    return pl.DataFrame(
        {
            "user_id": [f"u{number % 100}" for number in numbers],
            "item_id": [f"i{number}" for number in numbers],
            "kind": ["view"] * n,
            "value": pl.Series([None] * n, dtype=pl.Float64),
            "time": [1.6e9 + number for number in numbers],
        }
    )


def test_what_is_stored_comes_back(log):
    rows = frame(("u", "i", "rate", 4.5, 1.6e9), ("u", "日本", "buy", None, None), ("ü|3", "a b", "view"))
    assert log.append(rows) == AppendReport(added=3)
    assert sorted(row for part in log.frame() for row in part.rows()) == sorted(rows.rows())
    assert log.count() == 3
    assert log.n_users() == 2
    assert sorted(log.users()) == ["u", "ü|3"]


def test_loading_twice_changes_nothing(log):
    rows = frame(("u", "i"), ("u", "i", "view", None, 1.6e9), ("u", "i", "view", 0.0), ("u", "i", "buy"))
    assert log.append(rows) == AppendReport(added=4)
    assert log.append(rows) == AppendReport(repeated=4)
    assert log.append(pl.concat([rows, rows])) == AppendReport(repeated=8)
    assert log.count() == 4


def test_an_event_repeated_in_one_batch_is_one_event(log):
    assert log.append(frame(*[("u", "i", "view", 1.0, 2.0e9)] * 3)) == AppendReport(added=1, repeated=2)


def test_equal_numbers_are_equal_events(log):
    assert log.append(frame(("u", "i", "rate", 0.0), ("u", "i", "rate", -0.0))).added == 1


def test_ids_cannot_run_into_each_other(log):
    assert log.append(frame(("u", "1|a"), ("u|1", "a"), ("u", "a", "1|view"))).added == 3


def test_history_is_in_order_of_time_then_of_storing(log):
    log.append(frame(("u", "late", "view", None, 3e9), ("u", "second"), ("u", "first", "view", None, 1e9)))
    log.append(frame(("other", "x"), ("u", "also late", "view", None, 3e9), ("u", "a third")))
    expected = ["second", "a third", "first", "late", "also late"]
    assert [event.item_id for event in log.history("u")] == expected
    assert [event.item_id for event in log.history("u", limit=2)] == expected[-2:]
    assert log.history("nobody") == []


def test_histories_of_many_users_are_those_of_each(log):
    log.append(frame(("u", "late", "view", None, 3e9), ("u", "second"), ("v", "x", "rate", 2.5, 1.6e9)))
    log.append(
        frame(("other", "x"), ("u", "first", "view", None, 1e9), ("u", "also late", "view", None, 3e9))
    )
    for limit in (1, 3, 100):
        found = log.histories(["v", "u", "nobody"], limit=limit)
        assert found == {user: log.history(user, limit=limit) for user in ("v", "u", "nobody")}
    assert log.histories([], limit=1) == {}


def test_record_stores_a_history(log):
    history = [Event("a"), Event("b", "rate", 4.0, 1.6e9)]
    assert log.record("u", history).added == 2
    assert log.history("u") == history


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Event("a", "view", "much"), "\"value\" is not a number: 'much'"),
        (Event("a", "view", 1e20), '"value" is too large: the limit is 1,000,000'),
        (
            Event("a", "view", 1.0, "noon"),
            '"time" is neither a unix time nor a date in',
        ),
        (Event(["a"]), '"item_id" is a list, not text'),
    ],
)
def test_what_is_no_event_is_refused_by_its_place(log, event, words):
    with pytest.raises(CatalogError, match=r"of user 'u': events\[1\]: ") as refused:
        log.record("u", [Event("a"), event])
    assert words in str(refused.value)
    assert log.count() == 0


def test_rows_that_are_no_events_are_counted(log):
    nan = float("nan")
    report = log.append(
        frame(
            ("u", "good"),
            (None, "i"),
            ("", "i"),
            ("u", None),
            ("u", "i", None),
            ("u", "i\0"),
            ("u", "i", "rate", nan),
            ("u", "i", "rate", float("inf")),
            ("u", "i", "view", None, nan),
        )
    )
    assert report.added == 1
    assert report.total == 9
    assert report.to_dict()["rejected"] == {
        "no user id": 2,
        "no item id": 1,
        "no kind": 1,
        "a NUL character in an id": 1,
        "value is NaN or infinite": 2,
        "time is NaN or infinite": 1,
    }


def test_frames_need_users_and_items(log):
    with pytest.raises(CatalogError, match="missing: item_id"):
        log.append(pl.DataFrame({"user_id": ["u"]}))
    with pytest.raises(CatalogError, match="do not fit"):
        log.append(pl.DataFrame({"user_id": ["u"], "item_id": ["i"], "value": ["good"]}))
    assert log.append(pl.DataFrame({"user_id": [1], "item_id": [2]})).added == 1
    assert log.history("1") == [Event("2")]


def test_nothing_is_nothing(log):
    assert log.append([]) == log.append(frame()) == log.record("u", []) == AppendReport()
    assert list(log.frame()) == list(log.users()) == []
    assert (log.count(), log.n_users(), log.delete_user("u")) == (0, 0, 0)


def test_batches_are_acknowledged_one_by_one(log):
    reports = []
    total = log.append(many(50).iter_slices(7), on_batch=reports.append, batch_rows=30)
    assert total == AppendReport(added=50) == reports[-1]
    assert [report.added for report in reports] == [28, 50]


def test_frames_and_users_come_in_pages(log):
    log.append(many(250))
    sizes = [len(part) for part in log.frame(batch_rows=100)]
    assert sizes == [100, 100, 50]
    assert len(set(log.users())) == len(list(log.users())) == 100
    log.append(frame(("u", "i", "buy")))
    assert [part.rows() for part in log.frame(["buy"])] == [[("u", "i", "buy", None, None)]]
    assert list(log.frame([])) == []


def test_users_page_without_loss(log):
    log.append(many(250))
    assert sorted(log.users(page_rows=7)) == sorted(f"u{number}" for number in range(100))


def test_a_user_can_be_deleted(log):
    log.append(many(250))
    assert log.delete_user("u7") == 3
    assert log.history("u7") == []
    assert (log.count(), log.n_users()) == (247, 99)


def test_threads_share_a_log(log):
    threads = [threading.Thread(target=log.append, args=(many(200, 100 * place),)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.count() == 500


def test_reopening_keeps_and_create_is_not_needed(url):
    with pytest.raises(StoreError, match="there is no event log"):
        EventLog.open(url, create=False)
    with EventLog.open(url) as log:
        log.append(frame(("u", "i")))
    with EventLog.open(url, create=False) as log:
        assert log.count() == 1


CHILD = """
import sys
import polars as pl
from semrec.events.log import EventLog
def frames():
    number = 0
    while True:
        yield pl.DataFrame({"user_id": ["u"] * 500, "item_id": [f"i{number + k}" for k in range(500)]})
        number += 500
EventLog.open(sys.argv[1]).append(
    frames(), on_batch=lambda report: print(report.added, flush=True), batch_rows=500
)
"""


def test_a_kill_loses_nothing_that_was_acknowledged(url):
    child = subprocess.Popen([sys.executable, "-c", CHILD, url], stdout=subprocess.PIPE, text=True)
    for _ in range(5):
        acknowledged = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read().split("\n")
    child.stdout.close()
    child.wait()
    acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
    with EventLog.open(url) as log:
        stored = {event.item_id for event in log.history("u")}
        assert len(stored) % 500 == 0
        assert stored >= {f"i{number}" for number in range(acknowledged)}
        again = frame(*(("u", f"i{number}") for number in range(acknowledged + 500)))
        assert log.append(again).repeated >= acknowledged


# SQLite alone --------------------------------------------------------------------------------------


def test_a_workspace_folder_is_enough(tmp_path):
    with EventLog.open(tmp_path / "shop") as log:
        log.append(frame(("u", "i")))
        assert "events.db" in repr(log)
    with EventLog.open(str(tmp_path / "shop"), create=False) as log:
        assert log.count() == 1
    with sqlite3.connect(tmp_path / "shop" / "events.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_opening_without_create_writes_nothing(tmp_path):
    with pytest.raises(StoreError, match="load events first"):
        EventLog.open(tmp_path / "shop", create=False)
    assert not (tmp_path / "shop").exists()


def test_a_locked_file_says_so(tmp_path):
    other = sqlite3.connect(tmp_path / "events.db")
    with EventLog.open(tmp_path, timeout_s=0.1) as log:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreLockedError, match="another process is writing"):
            log.append(frame(("u", "i")))
        assert log.count() == 0
        other.rollback()
        assert log.append(frame(("u", "i"))).added == 1
    other.close()


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "events.db").write_text("these are notes, not events " * 100)
    with pytest.raises(StoreError, match="is not a SQLite database"):
        EventLog.open(tmp_path)
    with pytest.raises(StoreError, match="is not a SQLite database"):
        EventLog.open(tmp_path, create=False)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make the file"):
        EventLog.open(tmp_path / "file" / "shop")
    (tmp_path / "events.db").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        EventLog.open(tmp_path)
