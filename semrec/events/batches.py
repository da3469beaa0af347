"""Posts of events by many clients, stored in one transaction, with a report for each post.

A post may carry the name of a receipt. Its report is stored under that name in the same transaction, so a
client that got no answer, for instance after a kill, can send the same post again: its events are stored
once, and it gets the same report.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl
import sqlalchemy as sa

from semrec.events.append_report import FAULT, AppendReport, judged, report_of
from semrec.events.counting import CountingRules
from semrec.events.event_keys import with_keys
from semrec.events.frame import SCHEMA
from semrec.events.log import EventLog, insert_events

KEEP_RECEIPTS_S = 86_400.0
"""Seconds for which a receipt is kept."""

EventRow = tuple[str, str, str, float | None, float | None]
"""user, item, kind, value, time: the columns of an event frame."""

_metadata = sa.MetaData()
_receipts = sa.Table(
    "semrec_receipts",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("report", sa.Text, nullable=False),
    sa.Column("time", sa.Double, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Post:
    """Events of one request.

    Parameters
    ----------
    rows : the events.
    receipt : name under which to keep the report; None: it is not kept.
    content : digest of the request; a receipt is only valid for the same content.
    places : of the rows in the request, for the report; empty: 0, 1, 2, …
    """

    rows: Sequence[EventRow]
    receipt: str | None = None
    content: str = ""
    places: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Posted:
    """The result of a post.

    Parameters
    ----------
    report : what was stored; None if the receipt is of another content, and nothing was stored.
    again : whether a post with the same receipt was stored before.
    """

    report: AppendReport | None
    again: bool = False


class _Receipt(NamedTuple):
    content: str
    report: AppendReport


class EventPosts:
    """Stores posts in an event log, for one thread at a time."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._has_tables = False

    def store(self, posts: Sequence[Post]) -> list[Posted]:
        """Store all posts in one transaction; if it fails, none of them is stored.

        Raises
        ------
        StoreError
            Nothing was stored.
        """
        rules = self._log.rules() if self._log.rules else None
        with self._log.transaction(write=True) as connection:
            if not self._has_tables:
                _metadata.create_all(connection)
            receipts = _read_receipts(connection, [post.receipt for post in posts if post.receipt])
            is_first = _are_first(posts, known=receipts)
            new = [post for post, first in zip(posts, is_first, strict=True) if first]
            reports = _insert(connection, new, rules)
            made = {
                post.receipt: _Receipt(post.content, report)
                for post, report in zip(new, reports, strict=True)
                if post.receipt
            }
            _write_receipts(connection, made)
        self._has_tables = True
        receipts |= made
        report_of_new = iter(reports)
        return [
            Posted(next(report_of_new)) if first else _repeated(post, receipts[post.receipt or ""])
            for post, first in zip(posts, is_first, strict=True)
        ]


def _are_first(posts: Sequence[Post], known: dict[str, _Receipt]) -> list[bool]:
    """Return for each post whether no post with its receipt came before; always true without a receipt."""
    seen: set[str | None] = set(known)
    is_first = []
    for post in posts:
        is_first.append(post.receipt is None or post.receipt not in seen)
        seen.add(post.receipt)
    return is_first


def _repeated(post: Post, receipt: _Receipt) -> Posted:
    return Posted(receipt.report if receipt.content == post.content else None, again=True)


def _insert(
    connection: sa.Connection, posts: Sequence[Post], rules: CountingRules | None
) -> list[AppendReport]:
    """Store the events of all posts; their keys are computed together, which is faster."""
    rows = [
        (*row, post, place)
        for post, one in enumerate(posts)
        for place, row in zip(one.places or range(len(one.rows)), one.rows, strict=True)
    ]
    schema: dict[str, type[pl.DataType]] = {**SCHEMA, "post": pl.Int64, "place": pl.Int64}
    events = judged(pl.DataFrame(rows, schema=schema, orient="row"), rules)
    good = events.filter(pl.col(FAULT).is_null()).select(*SCHEMA, "post")
    good = with_keys(good) if len(good) else good
    reports = []
    for post in range(len(posts)):
        new = good.filter(pl.col("post") == post).drop("post")
        added = insert_events(connection, new) if len(new) else 0
        own = events.filter(pl.col("post") == post)
        # Without ids: a receipt is kept for a day, also after all data of a user is deleted.
        reports.append(report_of(own, rules, added, place="events.{}", with_ids=False))
    return reports


def _read_receipts(connection: sa.Connection, names: Sequence[str]) -> dict[str, _Receipt]:
    """Return the kept receipts by name."""
    if not names:
        return {}
    found = connection.execute(sa.select(_receipts).where(_receipts.c.name.in_(names)))
    return {row.name: _Receipt(row.content, AppendReport.from_dict(json.loads(row.report))) for row in found}


def _write_receipts(connection: sa.Connection, receipts: dict[str, _Receipt]) -> None:
    """Keep receipts, and delete old ones."""
    if not receipts:
        return
    now = time.time()
    rows = [
        {
            "name": name,
            "content": receipt.content,
            "report": json.dumps(receipt.report.to_dict()),
            "time": now,
        }
        for name, receipt in receipts.items()
    ]
    connection.execute(sa.delete(_receipts).where(_receipts.c.time < now - KEEP_RECEIPTS_S))
    connection.execute(sa.insert(_receipts), rows)
