"""Single events of the log: find those of a user, of an item or of a kind, or those that do not count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import polars as pl

from semrec.errors import QueryError
from semrec.events.append_report import FAULT, LEFT_OUT, judged
from semrec.events.counting import REASONS
from semrec.events.frame import ITEM, KIND, TIME, USER, VALUE
from semrec.events.log import EventLog
from semrec.types import Plain

SEQ = "seq"


@dataclass(frozen=True, slots=True)
class EventChoice:
    """Which events are meant: those that meet all conditions; None and False: no condition.

    Parameters
    ----------
    user, item, kind : as stored.
    time : unix seconds, as stored.
    left_out : only events that do not count, by the rules of the log.
    """

    user: str | None = None
    item: str | None = None
    kind: str | None = None
    time: float | None = None
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class StoredEvent(Plain):
    """An event of the log.

    Parameters
    ----------
    user_id, item_id, kind, value, time : see `semrec.types.Event`.
    left_out : why it does not count, in words; None if it counts.
    """

    user_id: str
    item_id: str
    kind: str
    value: float | None
    time: float | None
    left_out: str | None


def find_events(log: EventLog, choice: EventChoice, limit: int) -> list[StoredEvent]:
    """Return the first events that are meant, in the order of storing.

    Parameters
    ----------
    limit : most events.
    """
    rows = (row for frame in _chosen(log, choice) for row in frame.iter_rows(named=True))
    return [
        StoredEvent(*(row[name] for name in (USER, ITEM, KIND, VALUE, TIME, LEFT_OUT)))
        for row in islice(rows, limit)
    ]


def delete_events(log: EventLog, choice: EventChoice) -> int:
    """Delete all events that are meant, and return how many there were; see `EventLog.wipe`.

    Raises
    ------
    QueryError
        There is no condition: that would be all events.
    """
    if choice == EventChoice():
        raise QueryError("all events would be deleted; name a user, an item or a kind, or those left out.")
    deleted = log.delete([seq for frame in _chosen(log, choice) for seq in frame[SEQ].to_list()])
    log.wipe()
    return deleted


def _chosen(log: EventLog, choice: EventChoice) -> Iterator[pl.DataFrame]:
    """Yield the events that are meant, with the columns `SEQ` and `LEFT_OUT`."""
    rules = log.rules() if log.rules else None
    for frame in log.rows(user_id=choice.user, item_id=choice.item, kinds=choice.kind and [choice.kind]):
        if choice.time is not None:
            frame = frame.filter(pl.col(TIME) == choice.time)
        reason = pl.coalesce(FAULT, pl.col(LEFT_OUT).replace(REASONS)).alias(LEFT_OUT)
        found = judged(frame, rules).with_columns(reason)
        yield found.filter(pl.col(LEFT_OUT).is_not_null()) if choice.left_out else found
