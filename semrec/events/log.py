"""The event log: all events of users, in SQLite or PostgreSQL.

Events are added, and single ones or all of one user can be deleted. An event has two keys, one of its user
and one of all other fields; equal events are stored once, however often a file is loaded.

One index holds both keys, the user's first: it finds repeated events and whole histories. A second index, or
one that is not in order of users, takes half of the speed of a bulk load.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from semrec.errors import StoreDamagedError
from semrec.events import FILE_NAME
from semrec.events.append_report import FAULT, AppendReport, judged, report_of
from semrec.events.counting import CountingRules
from semrec.events.database import Database, database_url, missing_log
from semrec.events.event_keys import signed_keys, with_keys
from semrec.events.frame import ITEM, KIND, SCHEMA, TIME, USER, VALUE, as_event_frames, frame_of
from semrec.types import Event

APPEND_ROWS = 200_000
"""Events in one transaction: each touches pages all over the index, so large transactions are cheaper."""
FRAME_ROWS = 50_000
"""Events in one frame of `EventLog.frame`."""

DELETE_ROWS = 5_000
"""Events that one statement deletes."""

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


class EventLog:
    """A log of events in one table; open it with `EventLog.open`.

    Safe for several threads and processes. Every call is a transaction of its own.

    Attributes
    ----------
    name : the URL of the database, without user and password.
    path : the SQLite file; None on a server.
    rules : returns which events count now, for the reports; None: the reports do not say which do not.
    """

    def __init__(self, database: Database, rules: Callable[[], CountingRules] | None = None) -> None:
        self._database = database
        self.rules = rules
        self.name = database.name
        self.path = database.path

    @classmethod
    def open(
        cls,
        where: str | Path,
        *,
        create: bool = True,
        timeout_s: float = 30.0,
        rules: Callable[[], CountingRules] | None = None,
    ) -> EventLog:
        """Open the log of a workspace folder, or the one at a database URL.

        Parameters
        ----------
        where : a folder (the log is its events.db), or sqlite:///FILE, or postgresql+psycopg://….
        create : make the table, and for SQLite the file, if there is none.
        timeout_s : longest wait for a connection, or for another writer.
        rules : returns which events count now; None: not known.

        Raises
        ------
        StoreError
            The URL is wrong, its driver is not installed, there is no log, or the database cannot be used
            (`StoreLockedError`, `StoreUnavailableError`). No message shows a password.
        """
        database = Database(database_url(where, FILE_NAME), create=create, timeout_s=timeout_s)
        try:
            with database.transaction(write=create) as connection:
                if create:
                    connection.execute(sa.schema.CreateTable(_events, if_not_exists=True))
                elif not sa.inspect(connection).has_table(_events.name):
                    raise missing_log(database.path, database.name)
        except BaseException:
            database.close()
            raise
        return cls(database, rules)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"EventLog({self.name!r})"

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def transaction(self, *, write: bool = False) -> AbstractContextManager[sa.Connection]:
        """Open a transaction, for tables beside the events; see `Database.transaction`."""
        return self._database.transaction(write=write)

    def faults(self) -> Iterator[str]:
        """Yield what is wrong: of the file, and of events that have changed since they were stored."""
        if self.path is not None:
            with self.transaction() as connection:
                rows = connection.exec_driver_sql("PRAGMA integrity_check(3)").all()
            yield from (str(row[0]) for row in rows if row[0] != "ok")
        n_changed = 0
        stored = sa.select(_events.c.seq, *_COLUMNS, _events.c.user_key, _events.c.event_key)
        for rows in self._pages(stored, (_events.c.seq,), FRAME_ROWS):
            keys = {(row.user_key, row.event_key) for row in rows}
            again = with_keys(pl.DataFrame([row[1:-2] for row in rows], schema=SCHEMA, orient="row"))
            n_changed += len(keys.difference(again.select("user_key", "event_key").rows()))
        if n_changed:
            yield f"{n_changed:,} events have changed since they were stored"

    def damaged(self, reason: str) -> StoreDamagedError:
        """Return the error for a damaged log, with commands that start a new one."""
        return self._database.damaged(reason)

    def append(
        self,
        events: pl.DataFrame | Iterable[pl.DataFrame],
        *,
        on_batch: Callable[[AppendReport], None] | None = None,
        batch_rows: int = APPEND_ROWS,
    ) -> AppendReport:
        """Store events; events that are in the log already change nothing.

        After a crash the same events can be appended again.

        Parameters
        ----------
        events : one event frame or an iterable of them, see `event_frame`.
        on_batch : called with the report so far when a batch is on disk.
        batch_rows : most events of one batch, which is one transaction.
        """
        report, rules = AppendReport(), self.rules() if self.rules else None
        for batch in _in_batches(as_event_frames(events), batch_rows):
            report += self._append_batch(batch.with_row_index("place", report.total + 1), rules)
            if on_batch is not None:
                on_batch(report)
        return report

    def record(self, user_id: str, events: Iterable[Event]) -> AppendReport:
        """Store the events of one user, in the order given; a value may have any usual spelling.

        Raises
        ------
        CatalogError
            Something is no event; nothing is stored.
        """
        return self.append(frame_of(user_id, events, self.rules().kind_names if self.rules else None))

    def count(self) -> int:
        """Return the number of events."""
        return self._scalar(sa.select(sa.func.count()).select_from(_events))

    def n_users(self) -> int:
        """Return the number of users."""
        return self._scalar(sa.select(sa.func.count(_events.c.user_key.distinct())))

    def users(self, *, page_rows: int = FRAME_ROWS) -> Iterator[str]:
        """Yield every user id once, in an arbitrary order; memory does not grow with the log.

        Parameters
        ----------
        page_rows : users that are read at a time.
        """
        keys: list[sa.ColumnElement[Any]] = [_events.c.user_key, _events.c[USER]]
        for rows in self._pages(sa.select(*keys).distinct(), keys, page_rows):
            yield from (row[1] for row in rows)

    def history(self, user_id: str, *, limit: int | None = None) -> list[Event]:
        """Return the events of a user, oldest first; events of equal times in the order of storing.

        Parameters
        ----------
        user_id : a user; an unknown one has no events.
        limit : number of latest events; None: all. Events without a time are the oldest.
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
        """Return the events of many users by one query, each as `history` returns them.

        Parameters
        ----------
        user_ids : some thousands at most; unknown users have no events.
        limit : number of latest events of each user.
        """
        newest_first = (_events.c[TIME].desc().nulls_last(), _events.c.seq.desc())
        place = sa.func.row_number().over(partition_by=_events.c[USER], order_by=newest_first)
        keys = signed_keys(pl.Series(user_ids, dtype=pl.String)).to_list()
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
            for user_id, *fields in connection.execute(query):
                if user_id in found:
                    found[user_id].append(Event(*fields))
        return found

    def frame(
        self, kinds: Collection[str] | None = None, *, batch_rows: int = FRAME_ROWS
    ) -> Iterator[pl.DataFrame]:
        """Yield all events as event frames; memory does not grow with the log.

        The events of one user are in the order of storing; users are in an arbitrary order.

        Parameters
        ----------
        kinds : only events of these kinds; None: all.
        batch_rows : most rows of one frame.
        """
        return (rows.drop("seq") for rows in self.rows(kinds=kinds, batch_rows=batch_rows))

    def rows(
        self,
        *,
        user_id: str | None = None,
        item_id: str | None = None,
        kinds: Collection[str] | None = None,
        batch_rows: int = FRAME_ROWS,
    ) -> Iterator[pl.DataFrame]:
        """Yield events in the order of storing, as event frames with their numbers, the column seq.

        Parameters
        ----------
        user_id, item_id, kinds : only events of this user, of this item and of these kinds; None: all.
        batch_rows : most rows of one frame.
        """
        query = sa.select(_events.c.seq, *_COLUMNS)
        if user_id is not None:
            query = query.where(*_is_user(user_id))
        if item_id is not None:
            query = query.where(_events.c[ITEM] == item_id)
        if kinds is not None:
            query = query.where(_events.c[KIND].in_(kinds))
        schema: dict[str, type[pl.DataType]] = {"seq": pl.Int64, **SCHEMA}
        for rows in self._pages(query, (_events.c.seq,), batch_rows):
            columns = zip(*rows, strict=True)
            yield pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema)

    def delete(self, numbers: Sequence[int]) -> int:
        """Delete events by their numbers, see `rows`; return how many there were. See `wipe`."""
        deleted = 0
        with self.transaction(write=True) as connection:
            for start in range(0, len(numbers), DELETE_ROWS):
                some = _events.c.seq.in_(numbers[start : start + DELETE_ROWS])
                deleted += connection.execute(sa.delete(_events).where(some)).rowcount
        return deleted

    def delete_user(self, user_id: str) -> int:
        """Delete all events of a user; return how many there were. See `wipe`."""
        with self.transaction(write=True) as connection:
            return connection.execute(sa.delete(_events).where(*_is_user(user_id))).rowcount

    def wipe(self) -> None:
        """Empty SQLite's write-ahead log, which can still hold deleted rows."""
        if self.path is not None:
            with self.transaction() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def shrink(self) -> None:
        """Give the free pages of SQLite's files back; a part of them stays while another connection reads."""
        if self.path is None:
            return
        with self.transaction() as connection:
            driver: Any = connection.connection.driver_connection
            driver.executescript("PRAGMA incremental_vacuum")  # `execute` would free one page
            [[patience]] = driver.execute("PRAGMA busy_timeout").fetchall()
            driver.execute("PRAGMA busy_timeout = 0")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            driver.execute(f"PRAGMA busy_timeout = {patience}")

    def _append_batch(self, batch: pl.DataFrame, rules: CountingRules | None) -> AppendReport:
        events = judged(batch, rules)
        good = events.filter(pl.col(FAULT).is_null()).select(*SCHEMA)
        added = 0
        if len(good):
            keyed = with_keys(good)
            with self.transaction(write=True) as connection:
                added = insert_events(connection, keyed)
        return report_of(events, rules, added, place="row {}")

    def _scalar(self, query: sa.Select[Any]) -> int:
        with self.transaction() as connection:
            return int(connection.execute(query).scalar_one())

    def _pages(
        self, query: sa.Select[Any], keys: Sequence[sa.ColumnElement[Any]], n_rows: int
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


def insert_events(connection: sa.Connection, events: pl.DataFrame) -> int:
    """Store events with their keys, see `with_keys`; return the number of new ones."""
    columns = [column.to_list() for column in events]
    dialect = connection.dialect.name
    values = tuple(columns) if dialect == "postgresql" else list(zip(*columns, strict=True))
    return connection.exec_driver_sql(_INSERT[dialect], values).rowcount


def _is_user(user_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition for a user: the key, which has an index, and the id, because keys can collide."""
    return _events.c.user_key == signed_keys(pl.Series([user_id])).item(), _events.c[USER] == user_id


def _in_batches(frames: Iterable[pl.DataFrame], n_rows: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of all frames in batches of at most `n_rows`."""
    waiting: list[pl.DataFrame] = []
    n_waiting = 0
    for frame in frames:
        for part in frame.iter_slices(n_rows):
            if n_waiting + len(part) > n_rows:
                yield pl.concat(waiting)
                waiting, n_waiting = [], 0
            waiting.append(part)
            n_waiting += len(part)
    if waiting:
        yield pl.concat(waiting)
