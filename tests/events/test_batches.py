"""Posts of events: stored together, each with its own report, once under each receipt."""

from __future__ import annotations

import pytest

from semrec.errors import StoreError, StoreLockedError, StoreUnavailableError
from semrec.events.batches import EventPosts, Post, Posted
from semrec.events.log import AppendReport, EventLog


def row(user, item, time=1.6e9, kind="view", value=None):
    return user, item, kind, value, time


def test_each_post_has_its_own_report(log):
    posts = EventPosts(log)
    assert posts.store(
        [Post([row("u", "a"), row("u", "b")]), Post([row("u", "b"), row("v", "a")]), Post([])]
    ) == [
        Posted(AppendReport(added=2)),
        Posted(AppendReport(added=1, repeated=1)),
        Posted(AppendReport()),
    ]
    assert log.count() == 3


def test_what_is_no_event_is_rejected_and_the_rest_stored(log):
    (posted,) = EventPosts(log).store(
        [Post([row("u", "a"), row("u\0", "b"), row("u", "c", time=float("nan"))])]
    )
    assert posted.report == AppendReport(1, 0, {"a NUL character in an id": 1, "time is NaN or infinite": 1})


def test_a_post_is_stored_once_under_its_receipt(log):
    post = Post([row("u", "a")], "first", "content")
    assert EventPosts(log).store([post]) == [Posted(AppendReport(added=1))]
    log.delete_user("u")
    assert EventPosts(log).store([post]) == [Posted(AppendReport(added=1), again=True)]
    assert log.count() == 0


def test_twins_in_one_transaction_are_stored_once(log):
    post = Post([row("u", "a")], "first", "content")
    other = Post([row("u", "b")], "first", "other")
    report = AppendReport(added=1)
    assert EventPosts(log).store([post, post, other]) == [
        Posted(report),
        Posted(report, True),
        Posted(None, True),
    ]
    assert EventPosts(log).store([other]) == [Posted(None, again=True)]
    assert log.count() == 1


def test_a_log_whose_file_is_gone_takes_nothing(tmp_path):
    with EventLog.open(tmp_path) as opened:
        EventPosts(opened).store([Post([row("u", "a")])])
        (tmp_path / "events.db").rename(tmp_path / "away")
        with pytest.raises(StoreUnavailableError, match="the file is gone"):
            EventPosts(opened).store([Post([row("u", "b")])])
        (tmp_path / "away").rename(tmp_path / "events.db")
        EventPosts(opened).store([Post([row("u", "b")])])
        assert opened.count() == 2


def test_a_locked_log_says_so_and_stores_nothing(tmp_path):
    with EventLog.open(tmp_path, timeout_s=0.1) as opened, EventLog.open(tmp_path) as other:
        with other.transaction(write=True) as connection:
            connection.exec_driver_sql("DELETE FROM semrec_events")
            with pytest.raises(StoreLockedError):
                EventPosts(opened).store([Post([row("u", "a")])])
        EventPosts(opened).store([Post([row("u", "a")])])
        assert opened.count() == 1


def test_a_file_that_is_no_database_is_an_error(tmp_path):
    (tmp_path / "events.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match="is not a SQLite database"):
        EventLog.open(tmp_path)


def test_what_was_deleted_cannot_be_read_from_the_files(tmp_path):
    with EventLog.open(tmp_path) as opened:
        opened.record("a-secret-name", [])
        EventPosts(opened).store([Post([row("a-secret-name", "a")]), Post([row("other", "a")])])
        assert opened.delete_user("a-secret-name") == 1
        opened.wipe()
        left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"a-secret-name" not in left
    assert b"other" in left
