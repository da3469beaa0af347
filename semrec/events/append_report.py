"""What a door says of the rows it was given: stored, stored already, refused, and stored without counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from semrec.events.counting import REASONS, CountingRules, in_words
from semrec.events.frame import ITEM, KIND, TIME, USER, VALUE, fault_of_row, reason_left_out
from semrec.types import Event, Plain

FAULT = "fault"
LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True)
class AppendReport(Plain):
    """What happened to the events that were given to the log.

    Parameters
    ----------
    added : new events, now stored.
    repeated : events that were in the log already.
    rejected : number of rows that are not events, by reason.
    left_out : number of added and repeated events that do not count now, by reason. They are in the log,
        and their items count as seen.
    examples : the first row of each of these reasons, in words.
    notes : what was guessed, and what needs attention, in words.
    """

    added: int = 0
    repeated: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict, compare=False)
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Number of rows given."""
        return self.added + self.repeated + sum(self.rejected.values())

    def __add__(self, other: AppendReport) -> AppendReport:
        return AppendReport(
            self.added + other.added,
            self.repeated + other.repeated,
            dict(Counter(self.rejected) + Counter(other.rejected)),
            dict(Counter(self.left_out) + Counter(other.left_out)),
            {**other.examples, **self.examples},
            tuple(dict.fromkeys((*self.notes, *other.notes))),
        )


def judged(events: pl.DataFrame, rules: CountingRules | None) -> pl.DataFrame:
    """Return an event frame with the columns `FAULT` and `LEFT_OUT`: why a row is no event or does not count.

    Parameters
    ----------
    rules : None: whether an event counts is not known, and `LEFT_OUT` is null.
    """
    left_out = pl.lit(None, pl.String) if rules is None else reason_left_out(rules)
    faults = events.with_columns(fault_of_row().alias(FAULT))
    return faults.with_columns(pl.when(pl.col(FAULT).is_null()).then(left_out).alias(LEFT_OUT))


def report_of(
    events: pl.DataFrame, rules: CountingRules | None, n_added: int, *, place: str, with_ids: bool = True
) -> AppendReport:
    """Return the report of some judged events.

    Parameters
    ----------
    events : see `judged`, with a column `place`: the number of each event among those that were given.
    rules : as for `judged`.
    n_added : how many of them were new.
    place : how such a number is written, for instance "row {}".
    with_ids : name users and items in the examples; else their places.
    """

    def written(row: Mapping[str, Any], *, placed: bool, hint: str = "") -> str:
        where = f"{place.format(row['place'])}: " if placed else ""
        user = row[USER] if with_ids else None
        return where + in_words(_event(row), user, with_item=with_ids) + hint

    rejected, left_out = _counts(events, FAULT), _counts(events, LEFT_OUT)
    examples = {reason: written(_first(events, FAULT, reason), placed=True) for reason in rejected}
    for reason in left_out:
        row = _first(events, LEFT_OUT, reason)
        hint = rules.hint(reason, _event(row)) if rules else ""
        examples[REASONS[reason]] = written(row, placed=not with_ids, hint=hint)
    n_good = len(events) - sum(rejected.values())
    counted = {REASONS[reason]: count for reason, count in left_out.items()}
    return AppendReport(n_added, n_good - n_added, rejected, counted, examples)


def _counts(events: pl.DataFrame, column: str) -> dict[str, int]:
    """Return how often each reason occurs; quick where none does."""
    reasons = events[column]
    return {} if reasons.null_count() == len(reasons) else dict(Counter(reasons.drop_nulls().to_list()))


def _first(events: pl.DataFrame, column: str, reason: str) -> Mapping[str, Any]:
    return events.row(int((events[column] == reason).arg_max() or 0), named=True)


def _event(row: Mapping[str, Any]) -> Event:
    return Event(row[ITEM] or "", row[KIND] or "", row[VALUE], row[TIME])
