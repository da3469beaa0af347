"""The database of a workspace's events: SQLite or PostgreSQL, opened by URL, with the errors of semrec."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from semrec.errors import (
    NoEventLogError,
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
)

_WRITER_LOCK = 0x73656D726563
"""Key of PostgreSQL's advisory lock for one writer at a time."""
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}

_PRAGMAS = (
    "auto_vacuum = INCREMENTAL",  # of a new file: its free pages can be given back, see `EventLog.shrink`
    "journal_mode = WAL",  # reads go on during a write
    "synchronous = FULL",
    "cache_size = -131072",  # KiB, for the index
    "wal_autocheckpoint = 16384",
    "secure_delete = ON",  # deleted rows are overwritten
)


class Database:
    """A database, for several threads; one writer at a time, also of several processes.

    Parameters
    ----------
    url : checked, see `database_url`; for SQLite, the folder of the file is made.
    create : whether the database may be new.
    timeout_s : longest wait for a connection, or for another writer.

    Attributes
    ----------
    name : the URL without user, password and options.
    path : the SQLite file; None on a server.

    Raises
    ------
    StoreError
        The driver is not installed, the file does not exist, or its folder cannot be made.
    """

    def __init__(self, url: sa.URL, *, create: bool, timeout_s: float) -> None:
        self.name = _shown(url)
        is_sqlite = url.get_backend_name() == "sqlite"
        self.path = Path(url.database) if is_sqlite and url.database else None
        if self.path:
            _prepare_file(self.path, self.name, create)
        self._engine = _engine(url, timeout_s)
        self._file_id: tuple[int, int] | None = None

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[sa.Connection]:
        """Open a transaction; its errors are errors of semrec.

        Parameters
        ----------
        write : wait for other writers.
        """
        self._check_file()
        try:
            with self._engine.begin() as connection:
                if write and self._engine.dialect.name == "postgresql":
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITER_LOCK)))
                yield connection
        except SQLAlchemyError as error:
            raise self._store_error(error) from error

    def damaged(self, reason: str) -> StoreDamagedError:
        """Return the error for a damaged database; for a SQLite file with commands that start a new one."""
        if self.path is None:
            return StoreDamagedError(f"event log {self.name}: {reason}; restore the database from a copy")
        file, folder = shlex.quote(str(self.path)), shlex.quote(str(self.path.parent))
        return StoreDamagedError(
            f"event log {self.path}: {reason}; restore the file from a copy, or put it aside and load the "
            f"events into a new one: `mkdir {folder}/damaged && mv {file}* {folder}/damaged && "
            f"semrec events EVENTS --workspace {folder}`"
        )

    def _check_file(self) -> None:
        """Check that the SQLite file is still there: writes to an open, deleted file would be lost.

        Raises
        ------
        StoreUnavailableError
            The file was deleted or moved.
        """
        if self.path is None:
            return
        try:
            found = self.path.stat()
        except OSError as error:
            if self._file_id is None:  # the first connection makes the file
                return
            self._engine.dispose()
            raise StoreUnavailableError(f"event log {self.name}: the file is gone; restore it") from error
        if self._file_id not in (None, (found.st_dev, found.st_ino)):
            self._engine.dispose()  # another file is there now
        self._file_id = found.st_dev, found.st_ino

    def _store_error(self, error: SQLAlchemyError) -> StoreError:
        """Return the error of semrec for a driver's error; its own text may hold secrets and is not shown."""
        text = str(getattr(error, "orig", None) or error).lower()
        for part, kind, advice in _CAUSES:
            if part in text:
                is_damage = kind is StoreDamagedError
                return self.damaged(advice) if is_damage else kind(f"event log {self.name}: {advice}")
        return StoreError(f"event log {self.name}: the database failed ({type(error).__name__})")


def database_url(where: str | Path, file_name: str) -> sa.URL:
    """Return the URL of a database.

    Parameters
    ----------
    where : a folder, or a URL sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE.
    file_name : of the SQLite file in a folder.

    Raises
    ------
    StoreError
        The URL cannot be used. No message shows a password.
    """
    if isinstance(where, Path) or "://" not in where:
        return sa.URL.create("sqlite", database=str(Path(where) / file_name))
    try:
        url = sa.make_url(where)
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            "the URL of the event log cannot be read; "
            "write sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
        ) from error
    backend = url.get_backend_name()
    if backend not in _DRIVERS:
        raise StoreError(f"an event log is kept in sqlite or postgresql, not in {backend}")
    if "@" in (url.host or ""):
        raise StoreError("the password in the URL of the event log holds an @; write it as %40")
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise StoreError("the URL of the event log names no file; write sqlite:///FILE")
    return url.set(drivername=_DRIVERS[backend]) if "+" not in url.drivername else url


def _shown(url: sa.URL) -> str:
    """Return a URL for people: without user, password and options."""
    return sa.URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database
    ).render_as_string()


def missing_log(path: Path | None, name: str) -> NoEventLogError:
    """Return the error for a database without an event log, with the command that makes one."""
    workspace = f" --workspace {shlex.quote(str(path.parent))}" if path else ""
    return NoEventLogError(
        f"there is no event log at {path or name}; load events first: `semrec events EVENTS{workspace}`"
    )


def _prepare_file(path: Path, name: str, create: bool) -> None:
    """Make a SQLite file that only its owner can read, and its folder; or raise if it should exist."""
    if not create and not path.exists():
        raise missing_log(path, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if create and not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except IsADirectoryError:
        return  # opening it says so
    except OSError as error:
        raise StoreError(f"cannot make the file of the event log {name}: {error.strerror}") from error


def _engine(url: sa.URL, timeout_s: float) -> sa.Engine:
    is_sqlite = url.get_backend_name() == "sqlite"
    read_only = _read_only_url(Path(url.database)) if is_sqlite and url.database else None
    wait = {"timeout": timeout_s} if is_sqlite else {"connect_timeout": max(1, round(timeout_s))}
    try:
        engine = sa.create_engine(
            read_only or url, connect_args=wait, hide_parameters=True, pool_pre_ping=not is_sqlite
        )
    except (ImportError, NoSuchModuleError) as error:
        raise StoreError(
            f"the driver of {_shown(url)} is not installed; for PostgreSQL: pip install 'semrec[postgres]'"
        ) from error
    except (SQLAlchemyError, TypeError, ValueError) as error:
        raise StoreError(f"the URL of the event log {_shown(url)} has wrong options") from error
    if is_sqlite and not read_only:
        sa.event.listen(engine, "connect", _set_pragmas)
    return engine


def _read_only_url(path: Path) -> sa.URL | None:
    """Return the URL by which SQLite reads a file on a read-only disk; None where it can be written.

    SQLite writes into the folder also when it reads, unless it knows that nothing changes. A file that was
    not closed properly has changes beside it, which such a reader would not see.
    """
    changes = path.with_name(f"{path.name}-wal")
    if not path.exists() or os.access(path, os.W_OK) or (changes.exists() and changes.stat().st_size):
        return None
    query = {"mode": "ro", "immutable": "1", "uri": "true"}
    return sa.URL.create("sqlite", database=path.absolute().as_uri(), query=query)


def _set_pragmas(connection: Any, _: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


_CAUSES: tuple[tuple[str, type[StoreError], str], ...] = (
    ("lock timeout", StoreLockedError, "another process is changing items; try again later"),
    ("locked", StoreLockedError, "another process is writing to it; try again later"),
    ("not a database", StoreDamagedError, "the file is damaged, or is not a SQLite database"),
    ("readonly", StoreError, "it cannot be written; check the rights of the file and its folder"),
    ("unable to open", StoreError, "the file cannot be opened; check its folder and its rights"),
    ("disk i/o error", StoreUnavailableError, "the disk is full, or it fails; free some space"),
    ("full", StoreError, "the disk is full; all stored events are safe"),
    ("malformed", StoreDamagedError, "the file is damaged"),
    ("decode", StoreDamagedError, "the file is damaged: a text in it is not UTF-8"),
    ("password", StoreUnavailableError, "the server refuses the user or the password"),
    ("does not exist", StoreUnavailableError, "the server does not know the database, user or table"),
    ("connect", StoreUnavailableError, "the server does not answer; check that it runs, host and port"),
)
"""Part of a driver's message, error of semrec, advice; the first that fits counts."""
