"""Posts of events by many clients, stored together: one transaction, a report for each.

A post may carry a receipt name. Its report is remembered in the same transaction, so a client that did not
hear the answer, for instance because the process was killed, can send the same post again: it is stored
once and gets the same report.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from semrec.events.frame import SCHEMA, fault_of_row
from semrec.events.log import AppendReport, EventLog, insert_events, with_keys

KEEP_RECEIPTS_S = 86_400.0
"""Seconds for which a receipt is remembered."""

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
    """Events that came together.

    Parameters
    ----------
    rows : the events.
    receipt : name under which the report is remembered; None: it is not.
    content : digest of what was sent; the same receipt name must not stand for something else.
    """

    rows: Sequence[EventRow]
    receipt: str | None = None
    content: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a post.

    Parameters
    ----------
    report : what was stored; None for a receipt name that stands for other content: nothing was stored.
    again : whether the post had been stored before, under the same receipt.
    """

    report: AppendReport | None
    again: bool = False


class EventPosts:
    """Stores posts in an event log. One thread at a time."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._prepared = False

    def store(self, posts: Sequence[Post]) -> list[Posted]:
        """Store posts in one transaction: all of them or none.

        Raises
        ------
        StoreError
            Nothing was stored.
        """
        with self._log.transaction(write=True) as connection:
            if not self._prepared:
                _metadata.create_all(connection)
            known = _known_receipts(connection, [post.receipt for post in posts if post.receipt])
            new: dict[str | int, int] = {}
            for place, post in enumerate(posts):
                if post.receipt not in known:
                    new.setdefault(post.receipt or place, place)
            stored = [posts[place] for place in new.values()]
            reports = dict(zip(new.values(), _insert(connection, stored), strict=True))
            _remember(connection, [(posts[place], reports[place]) for place in reports])
        self._prepared = True
        told = []
        for place, post in enumerate(posts):
            first = place if post.receipt is None else new.get(post.receipt)
            content, report = (
                known[post.receipt or ""] if first is None else (posts[first].content, reports[first])
            )
            told.append(Posted(report if content == post.content else None, again=first != place))
        return told


def _insert(connection: sa.Connection, posts: Sequence[Post]) -> list[AppendReport]:
    """Store the events of all posts; their keys are computed at once, which is what takes the time."""
    rows = [(*row, place) for place, post in enumerate(posts) for row in post.rows]
    events = pl.DataFrame(rows, schema={**SCHEMA, "post": pl.Int64}, orient="row")
    events = events.with_columns(fault_of_row())
    good = events.filter(pl.col("reason").is_null()).drop("reason")
    good = with_keys(good) if len(good) else good
    bad = events.filter(pl.col("reason").is_not_null())
    reports = []
    for place in range(len(posts)):
        own = good.filter(pl.col("post") == place).drop("post")
        added = insert_events(connection, own) if len(own) else 0
        faults = Counter(bad.filter(pl.col("post") == place)["reason"].to_list())
        reports.append(AppendReport(added, len(own) - added, dict(faults)))
    return reports


def _known_receipts(connection: sa.Connection, names: Sequence[str]) -> dict[str, tuple[str, AppendReport]]:
    """Return content and report of the receipts that are remembered."""
    if not names:
        return {}
    found = connection.execute(sa.select(_receipts).where(_receipts.c.name.in_(names)))
    return {row.name: (row.content, AppendReport.from_dict(json.loads(row.report))) for row in found}


def _remember(connection: sa.Connection, stored: Sequence[tuple[Post, AppendReport]]) -> None:
    now = time.time()
    rows = [
        {
            "name": post.receipt,
            "content": post.content,
            "report": json.dumps(report.to_dict()),
            "time": now,
        }
        for post, report in stored
        if post.receipt
    ]
    if rows:
        connection.execute(sa.delete(_receipts).where(_receipts.c.time < now - KEEP_RECEIPTS_S))
        connection.execute(sa.insert(_receipts), rows)
