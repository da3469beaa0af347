"""The event log: what users did, kept in SQLite or PostgreSQL. The only home of SQLAlchemy.

The log only grows, except that one user can be deleted. An event is known by two keys, one of its user
and one of all that it says, so the same event is stored once, however often its file is loaded.

One index holds both keys, the user's first: it finds repeated events and whole histories. A second index,
or one without the users in order, takes half of the speed of a bulk load.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from semrec.errors import StoreError, StoreLockedError, StoreUnavailableError
from semrec.events import FILE_NAME
from semrec.events.frame import (
    ITEM,
    KIND,
    SCHEMA,
    TIME,
    USER,
    VALUE,
    as_event_frames,
    fault_of_row,
    frame_of,
)
from semrec.types import Event, Plain, item_keys

APPEND_ROWS = 200_000
"""Events in one transaction: each touches pages all over the index, so more at once are cheaper."""
FRAME_ROWS = 50_000
"""Events in one frame that is read."""

_WRITER_LOCK = 0x73656D726563
"""Key of the advisory lock that lets one writer at a time into PostgreSQL."""
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}

_metadata = sa.MetaData()
_events = sa.Table(
    "semrec_events",
    _metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), primary_key=True),
    sa.Column(USER, sa.Text, nullable=False),
    sa.Column(ITEM, sa.Text, nullable=False),
    sa.Column(KIND, sa.Text, nullable=False),
    sa.Column(VALUE, sa.Double),
    sa.Column(TIME, sa.Double),
    sa.Column("user_key", sa.BigInteger, nullable=False),
    sa.Column("event_key", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("user_key", "event_key"),
)
_COLUMNS = [_events.c[name] for name in SCHEMA]

_INTO = "INTO semrec_events (user_id, item_id, kind, value, time, user_key, event_key)"
_INSERT = {
    "sqlite": f"INSERT OR IGNORE {_INTO} VALUES (?, ?, ?, ?, ?, ?, ?)",
    "postgresql": f"INSERT {_INTO} SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::float8[],"
    " %s::float8[], %s::int8[], %s::int8[]) ON CONFLICT DO NOTHING",
}


@dataclass(frozen=True, slots=True)
class AppendReport(Plain):
    """What became of the events that were given to the log.

    Parameters
    ----------
    added : events that are new and now stored.
    repeated : events that the log held already.
    rejected : number of rows that are no event, by reason.
    """

    added: int = 0
    repeated: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All rows given."""
        return self.added + self.repeated + sum(self.rejected.values())

    def __add__(self, other: AppendReport) -> AppendReport:
        rejected = Counter(self.rejected) + Counter(other.rejected)
        return AppendReport(self.added + other.added, self.repeated + other.repeated, dict(rejected))


class EventLog:
    """An append-only log of events in one table; open it with `EventLog.open`.

    Safe for several threads and processes. Every call is its own transaction.
    """

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine
        self.name = name
        database = engine.url.database if engine.dialect.name == "sqlite" else None
        self._path = Path(database) if database else None
        self._file: tuple[int, int] | None = None

    @property
    def path(self) -> Path | None:
        """The SQLite file; None on a server."""
        return self._path

    @classmethod
    def open(cls, where: str | Path, *, create: bool = True, timeout_s: float = 30.0) -> EventLog:
        """Open the log of a workspace folder, or the one at a database URL.

        Parameters
        ----------
        where : a folder (its events.db is used), or sqlite:///FILE, or postgresql+psycopg://….
        create : make the table, and for SQLite the file, when there is none.
        timeout_s : longest wait for a connection, or for another writer.

        Raises
        ------
        StoreError
            The URL is wrong, its driver is not installed, there is nothing to open, or the database
            cannot be used (`StoreLockedError`, `StoreUnavailableError`). No message shows a password.
        """
        url = _url_of(where)
        name = _shown(url)
        _check_file(url, name, create)
        log = cls(_engine_of(url, timeout_s), name)
        try:
            log._prepare(create)
        except BaseException:
            log.close()
            raise
        return log

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"EventLog({self.name!r})"

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def append(
        self,
        events: pl.DataFrame | Iterable[pl.DataFrame],
        *,
        on_batch: Callable[[AppendReport], None] | None = None,
    ) -> AppendReport:
        """Store events; those that the log holds already change nothing.

        Events are written in batches of `APPEND_ROWS`, each in one transaction. After a crash the same
        events can be appended again.

        Parameters
        ----------
        events : one event frame or an iterable of them, see `event_frame`.
        on_batch : called with the report so far whenever a batch is safely on disk.
        """
        report = AppendReport()
        for batch in _in_batches(as_event_frames(events)):
            report += self._append_batch(batch)
            if on_batch is not None:
                on_batch(report)
        return report

    def record(self, user_id: str, events: Iterable[Event]) -> AppendReport:
        """Store what one user did, in the order given."""
        return self.append(frame_of(user_id, events))

    def count(self) -> int:
        """Return the number of events."""
        return self._scalar(sa.select(sa.func.count()).select_from(_events))

    def n_users(self) -> int:
        """Return the number of users."""
        return self._scalar(sa.select(sa.func.count(_events.c.user_key.distinct())))

    def users(self) -> Iterator[str]:
        """Yield every user id once, in no order that means anything; memory does not grow with the log."""
        keys: list[sa.ColumnElement[Any]] = [_events.c.user_key, _events.c[USER]]
        for rows in self._pages(sa.select(*keys).distinct(), keys):
            yield from (row[1] for row in rows)

    def history(self, user_id: str, *, limit: int | None = None) -> list[Event]:
        """Return the events of a user, oldest first; equal times as they were stored.

        Parameters
        ----------
        user_id : a user; an unknown one has no events.
        limit : only the latest so many. Events without a time count as the oldest.
        """
        query = (
            sa.select(*_COLUMNS[1:])
            .where(*_is_user(user_id))
            .order_by(_events.c[TIME].desc().nulls_last(), _events.c.seq.desc())
            .limit(limit)
        )
        with self.transaction() as connection:
            rows = connection.execute(query).all()
        return [Event(*row) for row in reversed(rows)]

    def histories(self, user_ids: Sequence[str], *, limit: int) -> dict[str, list[Event]]:
        """Return the events of many users in one question, each as `history` does; unknown users have none.

        Parameters
        ----------
        user_ids : at most some thousand.
        limit : only the latest so many of each user.
        """
        newest_first = (_events.c[TIME].desc().nulls_last(), _events.c.seq.desc())
        place = sa.func.row_number().over(partition_by=_events.c[USER], order_by=newest_first)
        keys = _signed_keys(pl.Series(user_ids, dtype=pl.String)).to_list()
        ranked = (
            sa.select(*_COLUMNS, place.label("place")).where(_events.c.user_key.in_(keys)).subquery("ranked")
        )
        query = (
            sa.select(*(ranked.c[name] for name in SCHEMA))
            .where(ranked.c.place <= limit)
            .order_by(ranked.c.place.desc())
        )
        found: dict[str, list[Event]] = {user_id: [] for user_id in user_ids}
        with self.transaction() as connection:
            for user_id, *said in connection.execute(query):
                if user_id in found:
                    found[user_id].append(Event(*said))
        return found

    def frame(
        self, kinds: Collection[str] | None = None, *, batch_rows: int = FRAME_ROWS
    ) -> Iterator[pl.DataFrame]:
        """Yield all events as event frames; memory does not grow with the log.

        The events of one user come as they were stored, those of different users in any order.

        Parameters
        ----------
        kinds : only events of these kinds; None is all.
        batch_rows : most rows of one frame.
        """
        query = sa.select(_events.c.seq, *_COLUMNS)
        if kinds is not None:
            query = query.where(_events.c[KIND].in_(kinds))
        for rows in self._pages(query, (_events.c.seq,), batch_rows):
            columns = list(zip(*rows, strict=True))[1:]
            yield pl.DataFrame(dict(zip(SCHEMA, columns, strict=True)), schema=SCHEMA)

    def delete_user(self, user_id: str) -> int:
        """Delete all events of a user; return how many there were. See `wipe`."""
        with self.transaction(write=True) as connection:
            return connection.execute(sa.delete(_events).where(*_is_user(user_id))).rowcount

    def wipe(self) -> None:
        """Empty SQLite's write-ahead log, where what was deleted can still be read."""
        if self._path is not None:
            with self.transaction() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _check_file(self) -> None:
        """Notice a SQLite file that was removed or replaced: an open one would take events into nowhere.

        Raises
        ------
        StoreUnavailableError
            The file was there and is gone.
        """
        if self._path is None:
            return
        try:
            found = self._path.stat()
        except OSError as error:
            if self._file is None:  # the first connection makes it
                return
            self._engine.dispose()
            raise StoreUnavailableError(f"event log {self.name}: the file is gone; restore it") from error
        if self._file not in (None, (found.st_dev, found.st_ino)):
            self._engine.dispose()
        self._file = found.st_dev, found.st_ino

    def _prepare(self, create: bool) -> None:
        with self.transaction(write=create) as connection:
            if create:
                connection.execute(sa.schema.CreateTable(_events, if_not_exists=True))
            elif not sa.inspect(connection).has_table(_events.name):
                raise StoreError(f"there is no event log in {self.name}; load events first")

    def _append_batch(self, batch: pl.DataFrame) -> AppendReport:
        faults = batch.select(fault_of_row()).to_series()
        good = batch.filter(faults.is_null())
        added = self._insert(good) if len(good) else 0
        rejected = Counter(faults.drop_nulls().to_list())
        return AppendReport(added, len(good) - added, dict(rejected))

    def _insert(self, events: pl.DataFrame) -> int:
        with self.transaction(write=True) as connection:
            return insert_events(connection, with_keys(events))

    def _scalar(self, query: sa.Select[Any]) -> int:
        with self.transaction() as connection:
            return int(connection.execute(query).scalar_one())

    def _pages(
        self, query: sa.Select[Any], keys: Sequence[sa.ColumnElement[Any]], n_rows: int = FRAME_ROWS
    ) -> Iterator[list[Any]]:
        """Yield the rows of a query page by page; its first columns are `keys`, unique together."""
        page = query = query.order_by(*keys).limit(n_rows)
        while True:
            with self.transaction() as connection:
                rows = list(connection.execute(page).all())
            if rows:
                yield rows
            if len(rows) < n_rows:
                return
            page = query.where(sa.tuple_(*keys) > sa.tuple_(*rows[-1][: len(keys)]))

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[sa.Connection]:
        """One transaction whose faults are errors of semrec; one writer at a time.

        For the tables that are kept beside the events.
        """
        self._check_file()
        try:
            with self._engine.begin() as connection:
                if write and self._engine.dialect.name == "postgresql":
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITER_LOCK)))
                yield connection
        except SQLAlchemyError as error:
            raise _store_error(error, self.name) from error


def insert_events(connection: sa.Connection, events: pl.DataFrame) -> int:
    """Store events with their keys, see `with_keys`; return how many of them are new."""
    columns = [column.to_list() for column in events]
    dialect = connection.dialect.name
    values = tuple(columns) if dialect == "postgresql" else list(zip(*columns, strict=True))
    return connection.exec_driver_sql(_INSERT[dialect], values).rowcount


def with_keys(events: pl.DataFrame) -> pl.DataFrame:
    """Return the events with the columns user_key and event_key, ordered by user, else as given.

    The keys are 64 bits of BLAKE2b each, of the user id and of all other fields. Lengths go before texts
    and numbers in as their bits, so different events never say the same; and no version of any library
    makes other keys of them.

    Parameters
    ----------
    events : an event frame without NaN, and without null in its texts.
    """
    numbers = pl.DataFrame({name: _bits(events[name]) for name in (VALUE, TIME)})
    texts = [part for name in (ITEM, KIND) for part in (pl.col(name).str.len_bytes(), pl.col(name))]
    said = (
        events.select(ITEM, KIND)
        .with_columns(numbers)
        .select(pl.concat_str(*texts, pl.col(VALUE), pl.col(TIME), separator="|"))
        .to_series()
    )
    users = events[USER].unique()
    user_key = events[USER].replace_strict(users, _signed_keys(users), return_dtype=pl.Int64)
    return events.with_columns(user_key.alias("user_key"), _signed_keys(said).alias("event_key")).sort(
        "user_key", maintain_order=True
    )


def _signed_keys(texts: pl.Series) -> pl.Series:
    """Return 64 bits of BLAKE2b of each text as the signed number that databases store."""
    return pl.Series(item_keys(texts.to_list()).view(np.int64))


def _is_user(user_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition that finds a user: by the index, and then for certain."""
    return _events.c.user_key == _signed_keys(pl.Series([user_id])).item(), _events.c[USER] == user_id


def _in_batches(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Cut and join frames to batches of `APPEND_ROWS`; the last one may be shorter."""
    waiting: list[pl.DataFrame] = []
    n_waiting = 0
    for frame in frames:
        for part in frame.iter_slices(APPEND_ROWS):
            if n_waiting + len(part) > APPEND_ROWS:
                yield pl.concat(waiting)
                waiting, n_waiting = [], 0
            waiting.append(part)
            n_waiting += len(part)
    if waiting:
        yield pl.concat(waiting)


def _bits(numbers: pl.Series) -> pl.Series:
    """Return float64 as the decimal digits of its bits; null is empty, and -0.0 is 0.0."""
    bits = (numbers.fill_null(0.0).to_numpy() + 0.0).view(np.int64)
    return pl.Series(bits).cast(pl.String).zip_with(numbers.is_not_null(), pl.Series([""]))


def _url_of(where: str | Path) -> sa.URL:
    if isinstance(where, Path) or "://" not in where:
        return sa.URL.create("sqlite", database=str(Path(where) / FILE_NAME))
    try:
        url = sa.make_url(where)
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            "the URL of the event log cannot be read; "
            "write sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
        ) from error
    return _checked_url(url)


def _checked_url(url: sa.URL) -> sa.URL:
    backend = url.get_backend_name()
    if backend not in _DRIVERS:
        raise StoreError(f"an event log is kept in sqlite or postgresql, not in {backend}")
    if "@" in (url.host or ""):
        raise StoreError("the password in the URL of the event log holds an @; write it as %40")
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise StoreError("the URL of the event log names no file; write sqlite:///FILE")
    return url.set(drivername=_DRIVERS[backend]) if "+" not in url.drivername else url


def _shown(url: sa.URL) -> str:
    """Return a URL as people may see it: no user, no password, no options."""
    return sa.URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database
    ).render_as_string()


def _check_file(url: sa.URL, name: str, create: bool) -> None:
    """Make the folder of a SQLite file, or refuse where there is no file to read."""
    if url.get_backend_name() != "sqlite" or url.database is None:
        return
    path = Path(url.database)
    if not create and not path.exists():
        raise StoreError(f"there is no event log at {path}; load events first")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder of the event log {name}: {error.strerror}") from error


def _engine_of(url: sa.URL, timeout_s: float) -> sa.Engine:
    is_sqlite = url.get_backend_name() == "sqlite"
    wait = {"timeout": timeout_s} if is_sqlite else {"connect_timeout": max(1, round(timeout_s))}
    try:
        engine = sa.create_engine(url, connect_args=wait, hide_parameters=True, pool_pre_ping=not is_sqlite)
    except (ImportError, NoSuchModuleError) as error:
        raise StoreError(
            f"the driver of {_shown(url)} is not installed; for PostgreSQL: pip install 'semrec[postgres]'"
        ) from error
    except (SQLAlchemyError, TypeError, ValueError) as error:
        raise StoreError(f"the URL of the event log {_shown(url)} has options that do not fit") from error
    if is_sqlite:
        sa.event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: Any, _: object) -> None:
    """Let readers go on while one writes, keep much of the index in memory, overwrite what is deleted."""
    pragmas = (
        "journal_mode = WAL",
        "synchronous = FULL",
        "cache_size = -131072",
        "wal_autocheckpoint = 16384",
        "secure_delete = ON",
    )
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


_CAUSES: tuple[tuple[str, type[StoreError], str], ...] = (
    ("locked", StoreLockedError, "another process is writing to it; try again when it is done"),
    ("not a database", StoreError, "the file is no SQLite database; name another one"),
    ("readonly", StoreError, "it cannot be written; check the rights of the file and its folder"),
    ("unable to open", StoreError, "the file cannot be opened; check its folder and its rights"),
    ("full", StoreError, "the disk is full; what was acknowledged is kept"),
    ("malformed", StoreError, "the file is damaged; restore it, or load the events into a new one"),
    ("password", StoreUnavailableError, "the server refuses the user or the password"),
    ("does not exist", StoreUnavailableError, "the server does not know the database, user or table"),
    ("connect", StoreUnavailableError, "the server does not answer; check that it runs, host and port"),
)
"""Part of a driver's message, our error, and what to do; the first that fits."""


def _store_error(error: SQLAlchemyError, name: str) -> StoreError:
    """Return the error to show; a driver's own text is not shown, it may hold what is secret."""
    text = str(getattr(error, "orig", None) or error).lower()
    for part, kind, advice in _CAUSES:
        if part in text:
            return kind(f"event log {name}: {advice}")
    return StoreError(f"event log {name}: the database failed ({type(error).__name__})")
