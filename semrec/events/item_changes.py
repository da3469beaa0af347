"""The change journal: single items that were put or deleted, until all generations have the changes.

A change is written here first, and then into the generation that answers, whose manifest stores its number.
When another generation is opened (a new one that was built meanwhile, or an older one), the changes that it
has missed are made in it. So no change is lost by a switch of generations or by a kill.

The number of a change is the time in microseconds since 1970, or one more than the last number if that is
larger: so numbers also grow when the database is replaced by a new one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, TypeAlias

import sqlalchemy as sa

from semrec.events.log import EventLog
from semrec.files.locks import WAIT_S
from semrec.store.owner import held
from semrec.types import Item, ItemPatch, from_plain, to_plain

_APPLYING_LOCK = 0x73656D726564
"""Key of PostgreSQL's advisory lock for one process at a time that makes changes."""

_IN_ROWS = 500
"""Numbers in one condition; SQLite takes some thousands."""

_DIGEST = "digest"
"""Key of a stored item: digest of all other values."""

_PATCH = "patch"
"""The first key of a stored patch; its value is the `ItemPatch`."""

Put: TypeAlias = Item | ItemPatch
"""What is written of an item; a patch is for an item that the generation has."""

_metadata = sa.MetaData()
_changes = sa.Table(
    "semrec_changes",
    _metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("item_id", sa.Text, nullable=False),
    sa.Column("item", sa.Text),  # JSON of an item or of a patch; NULL: the item was deleted
)


@dataclass(frozen=True, slots=True)
class Changed:
    """The latest change of each item of a part of the journal.

    Parameters
    ----------
    put : the items as they are now.
    patched : new metadata of items that were put before this part.
    deleted : ids of deleted items.
    until : number of the last change.
    """

    put: tuple[Item, ...]
    patched: tuple[ItemPatch, ...]
    deleted: tuple[str, ...]
    until: int


class ChangeJournal:
    """The changes of one shop, in the database of its event log.

    Parameters
    ----------
    log : the event log; it stays open as long as the journal is used.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def put(self, items: Sequence[Item]) -> int:
        """Note that items are put; return the number of the last change."""
        return self._append([(item.item_id, _stored(item)) for item in items])

    def patch(self, patches: Sequence[ItemPatch]) -> int:
        """Note that the metadata of items is changed; return the number of the last change."""
        return self._append([(patch.item_id, _stored(patch)) for patch in patches])

    def delete(self, item_ids: Sequence[str]) -> int:
        """Note that items are deleted; return the number of the last change."""
        return self._append([(item_id, None) for item_id in dict.fromkeys(item_ids)])

    def last(self) -> int:
        """Return the number of the last change; 0 if there is none."""
        with self._log.transaction() as connection:
            return _last(connection)

    def since(self, number: int) -> Changed:
        """Return the changes after the change with this number."""
        query = sa.select(_changes).where(_changes.c.seq > number).order_by(_changes.c.seq)
        with self._log.transaction() as connection:
            rows = connection.execute(query).all() if _is_there(connection) else []
        latest: dict[str, Put | None] = {}
        for row in rows:
            latest[row.item_id] = self._after(latest.get(row.item_id), row)
        changes = latest.values()
        return Changed(
            tuple(change for change in changes if isinstance(change, Item)),
            tuple(change for change in changes if isinstance(change, ItemPatch)),
            tuple(item_id for item_id, change in latest.items() if change is None),
            rows[-1].seq if rows else number,
        )

    def n_items_since(self, number: int) -> int:
        """Return how many items have changed after the change with this number."""
        query = sa.select(sa.func.count(_changes.c.item_id.distinct())).where(_changes.c.seq > number)
        with self._log.transaction() as connection:
            return int(connection.execute(query).scalar_one()) if _is_there(connection) else 0

    def forget(self, until: int) -> int:
        """Remove the changes up to this number; return how many there were.

        The last one stays, so that the next number is larger, even if the clock was set back.
        """
        with self._log.transaction(write=True) as connection:
            if not _is_there(connection):
                return 0
            seq = _changes.c.seq
            old = sa.delete(_changes).where(seq <= until, seq < _last(connection))
            return connection.execute(old).rowcount

    def compact(self) -> int:
        """Remove the changes of items that changed again later; return how many there were.

        A patch changes a part of an item: it is merged with what it changes, and takes its place.
        """
        newest = sa.select(sa.func.max(_changes.c.seq)).group_by(_changes.c.item_id)
        with self._log.transaction(write=True) as connection:
            if not _is_there(connection):
                return 0
            self._merge_patches(connection)
            n_removed = connection.execute(sa.delete(_changes).where(_changes.c.seq.not_in(newest))).rowcount
        self._log.shrink()
        return n_removed

    def deleted(self, until: int) -> dict[str, int]:
        """Return the items whose last change is a deletion, not after the change `until`, with its number."""
        self.compact()
        query = sa.select(_changes.c.item_id, _changes.c.seq)
        with self._log.transaction() as connection:
            if not _is_there(connection):
                return {}
            rows = connection.execute(query.where(_changes.c.item.is_(None), _changes.c.seq <= until)).all()
        return {row.item_id: row.seq for row in rows}

    def remove(self, numbers: Sequence[int]) -> None:
        """Remove the changes with these numbers that no generation needs; the last change stays."""
        with self._log.transaction(write=True) as connection:
            last = _last(connection)
            for batch in (numbers[start : start + _IN_ROWS] for start in range(0, len(numbers), _IN_ROWS)):
                seq = _changes.c.seq
                connection.execute(sa.delete(_changes).where(seq.in_(batch), seq < last))

    @property
    def is_local(self) -> bool:
        """Whether only processes of this machine change items: the database is a file."""
        return self._log.path is not None

    @contextmanager
    def applying(self, wait_s: float = WAIT_S) -> Iterator[None]:
        """Let one process at a time make changes, so that all generations get them in the same order.

        Parameters
        ----------
        wait_s : longest wait for another process, in seconds.

        Raises
        ------
        StoreLockedError
            Another process still makes changes.
        """
        path = self._log.path
        if path is not None:
            with held(path.parent, wait_s):
                yield
            return
        with self._log.transaction() as connection:
            connection.execute(sa.text(f"SET LOCAL lock_timeout = {max(1, round(1000 * wait_s))}"))
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_APPLYING_LOCK)))
            yield

    def _merge_patches(self, connection: sa.Connection) -> None:
        """Let the last change of every patched item hold all that its earlier changes say."""
        changes = _changes.c
        is_patch = changes.item.startswith(f'{{"{_PATCH}"', autoescape=True)
        patched = sa.select(changes.item_id).where(is_patch).distinct()
        rows = connection.execute(
            sa.select(_changes).where(changes.item_id.in_(patched)).order_by(changes.seq)
        ).all()
        latest: dict[str, Put | None] = {}
        last: dict[str, int] = {}
        for row in rows:
            latest[row.item_id] = self._after(latest.get(row.item_id), row)
            last[row.item_id] = row.seq
        for item_id, change in latest.items():
            if change is not None:
                merged = sa.update(_changes).where(changes.seq == last[item_id])
                connection.execute(merged.values(item=_stored(change)))

    def _after(self, before: Put | None, row: Any) -> Put | None:
        """Return what is known of an item after one more of its changes; None: it is deleted."""
        change = None if row.item is None else self._read(row.item_id, row.item)
        if before is None or not isinstance(change, ItemPatch):
            return change
        merged = {**before.metadata, **change.metadata}
        if isinstance(before, ItemPatch):
            return ItemPatch(before.item_id, merged)
        return replace(before, metadata={name: value for name, value in merged.items() if value is not None})

    def _read(self, item_id: str, stored: str) -> Put:
        """Return an item that was put, or a patch."""
        try:
            values = json.loads(stored)
            if values.pop(_DIGEST, None) not in (None, _digest(values)):  # None: an older one
                raise ValueError("its digest is wrong")
            return from_plain(ItemPatch, values[_PATCH]) if _PATCH in values else from_plain(Item, values)
        except (ValueError, AttributeError, TypeError) as error:
            raise self._log.damaged(f"the journal's change of item {item_id!r} cannot be read") from error

    def _append(self, changes: Sequence[tuple[str, str | None]]) -> int:
        if not changes:
            return self.last()
        with self._log.transaction(write=True) as connection:
            connection.execute(sa.schema.CreateTable(_changes, if_not_exists=True))
            first = max(_last(connection) + 1, time.time_ns() // 1000)
            rows = [
                {"seq": seq, "item_id": item_id, "item": item}
                for seq, (item_id, item) in enumerate(changes, first)
            ]
            connection.execute(sa.insert(_changes), rows)
            return first + len(rows) - 1


def _stored(change: Put) -> str:
    """Return an item or a patch as it is stored, with its digest."""
    values = {_PATCH: to_plain(change)} if isinstance(change, ItemPatch) else to_plain(change)
    return json.dumps({**values, _DIGEST: _digest(values)}, allow_nan=False)


def _digest(values: Mapping[str, Any]) -> str:
    return blake2b(json.dumps(values).encode(), digest_size=8).hexdigest()


def _is_there(connection: sa.Connection) -> bool:
    return sa.inspect(connection).has_table(_changes.name)


def _last(connection: sa.Connection) -> int:
    if not _is_there(connection):
        return 0
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(_changes.c.seq), 0))).scalar_one())
