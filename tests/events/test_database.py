"""Opening a database by URL: wrong URLs are reported, and passwords are never shown."""

from __future__ import annotations

import stat
import sys

import pytest
import sqlalchemy as sa

from semrec.errors import StoreError, StoreUnavailableError
from semrec.events.frame import frame_of
from semrec.events.log import EventLog
from semrec.types import Event


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense://", "not in nonsense"),
        ("://", "cannot be read"),
        ("mysql://u:secret@host/db", "not in mysql"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://u:se@secret@host/db", "%40"),
        ("postgresql+nothing://u:secret@host/db", "not installed"),
        ("postgresql://u:secret@host:port/db", "cannot be read"),
        ("postgresql://u:secret@127.0.0.1:1/db", "does not answer"),
        ("postgresql://u:secret@127.0.0.1:1/db?password=secret&nothing=secret", "event log"),
    ],
)
def test_a_wrong_url_is_reported_without_its_password(url, message):
    with pytest.raises(StoreError, match=message) as caught:
        EventLog.open(url, timeout_s=2)
    assert "secret" not in str(caught.value)


def test_only_the_owner_can_read_the_file(tmp_path):
    """Also the files that SQLite puts beside it."""
    with EventLog.open(tmp_path / "shop") as log:
        log.append(frame_of("u", [Event("a", "view", None, 1.0)]))
        files = list((tmp_path / "shop").iterdir())
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_missing_driver_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'semrec\[postgres\]'"):
        EventLog.open("postgresql://u:secret@localhost/db")


def test_an_unknown_database_is_reported(postgres_url):
    wrong = sa.make_url(postgres_url).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(StoreUnavailableError, match="does not know the database"):
        EventLog.open(wrong)
