"""Event logs for the tests, in SQLite and in PostgreSQL: a server that is named, or one started here."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from semrec.events.log import EventLog

VARIABLE = "SEMREC_TEST_POSTGRES_URL"
TABLES = (
    "semrec_events",
    "semrec_receipts",
    "semrec_preferences",
    "semrec_changes",
    "semrec_deleted_items",
)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of an empty database on loopback."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (the extra semrec[postgres])")
    named = os.environ.get(VARIABLE)
    if named:
        yield named
        return
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not folders:
        pytest.skip(f"no PostgreSQL: set {VARIABLE}, or install Debian's package postgresql")
    yield from _cluster(Path(folders[-1]))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/events.db"
    url = request.getfixturevalue("postgres_url")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP TABLE IF EXISTS {', '.join(TABLES)}"))
    engine.dispose()
    return url


@pytest.fixture
def log(url):
    with EventLog.open(url) as opened:
        yield opened


def _cluster(binaries: Path) -> Iterator[str]:
    home = Path(tempfile.mkdtemp(prefix="semrec-postgres-", dir="/tmp"))
    as_user = _unprivileged(home)
    data = home / "data"
    port = _free_port()
    options = f"-h 127.0.0.1 -p {port} -k {home} -c fsync=off"
    try:
        _run(*as_user, binaries / "initdb", "-D", data, "-U", "semrec", "-A", "trust", "-E", "UTF8")
        _run(*as_user, binaries / "pg_ctl", "-D", data, "-o", options, "-l", home / "log", "-w", "start")
        yield f"postgresql+psycopg://semrec:never-shown@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(
            [*as_user, binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"], capture_output=True
        )
        shutil.rmtree(home, ignore_errors=True)


def _unprivileged(home: Path) -> list[str]:
    """Return the command that gives up root, whom PostgreSQL does not serve."""
    if os.geteuid() != 0:
        return []
    shutil.chown(home, "postgres", "postgres")
    return ["runuser", "-u", "postgres", "--"]


def _run(*command: str | Path) -> None:
    # To a file, not a pipe: the server would keep the pipe open.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(list(map(str, command)), stdout=output, stderr=output, cwd="/")
        if done.returncode:
            output.seek(0)
            pytest.skip(f"PostgreSQL does not start: {output.read().decode(errors='replace')[-500:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
