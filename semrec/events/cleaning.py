"""Cleaning of events: every event is either used, or counted under one reason of `REASONS`.

The event log keeps all events; what is left out here is only left out of learning and answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from semrec.events.counting import REASONS, SECONDS_A_DAY, CleaningRules
from semrec.events.frame import (
    ITEM,
    KIND,
    USER,
    has_position,
    is_blank,
    is_impossible_time,
    is_impossible_value,
    is_long,
)
from semrec.events.rating_scale import COMMON_SCALES, UNRATED, RatingScale, guess_scale
from semrec.types import Plain

IS_RATING = pl.col("kind") == 0
VIEW_CODE = 1
"""The code of the kind `view`, see `semrec.events.codes`."""

Row: TypeAlias = Mapping[str, Any]
"""One event: the values of an event frame, or the numbers of coded events, by column."""


@dataclass(frozen=True, slots=True)
class CleaningReport(Plain):
    """What cleaning did to all events; `used` and the numbers in `dropped` add up to `events`.

    Parameters
    ----------
    events, used : number of given events, and of used ones.
    dropped : number of left out events by reason, see `REASONS`; without reasons that did not occur.
    examples : the first left out event of each of these reasons, in words.
    unknown_kinds : number of events of each kind without a weight.
    unknown_items : number of different items that are not in the catalog.
    bots : ids of the users that were left out.
    rating_scale : the scale of the ratings; None without ratings.
    notes : what was guessed, in words.
    """

    events: int
    used: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    unknown_kinds: Mapping[str, int] = field(default_factory=dict)
    unknown_items: int = 0
    bots: tuple[str, ...] = ()
    rating_scale: RatingScale | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        rows = [("events", self.events), ("used", self.used)]
        rows += [(REASONS[reason], count) for reason, count in self.dropped.items()]
        width = max(len(label) for label, _ in rows)
        return "\n".join([*(f"{label:<{width}} {count:>14,}" for label, count in rows), *self.notes])


class Sieve:
    """Events, and the number of left out ones by reason.

    Parameters
    ----------
    events : an event frame for `drop_impossible`; else coded events, see `semrec.events.codes`, for the last
        two methods with the columns `row` and `weight`.
    dropped : counts to add to; None: new ones.
    firsts : the first left out row by reason, to add to; None: new ones.
    """

    def __init__(
        self,
        events: pl.DataFrame,
        dropped: dict[str, int] | None = None,
        firsts: dict[str, Row] | None = None,
    ) -> None:
        self.events = events
        self.dropped = {} if dropped is None else dropped
        self.firsts = {} if firsts is None else firsts

    def drop(self, reason: str, bad: pl.Expr | pl.Series) -> None:
        """Leave out the events for which `bad` is true; null counts as false."""
        is_bad = bad.fill_null(False)
        kept = self.events.filter(~is_bad)
        n_bad = len(self.events) - len(kept)
        if n_bad:
            self.dropped[reason] = self.dropped.get(reason, 0) + n_bad
            if reason not in self.firsts:
                self.firsts[reason] = self.events.filter(is_bad).row(0, named=True)
        self.events = kept

    def drop_impossible(self, rules: CleaningRules, now: float) -> None:
        """Leave out rows of an event frame without ids, or with impossible ids or numbers.

        Parameters
        ----------
        now : unix seconds.
        """
        texts = (USER, ITEM, KIND)
        self.drop("no_id", pl.any_horizontal(map(is_blank, texts)))
        self.drop("long_id", pl.any_horizontal(map(is_long, texts)))
        self.drop("impossible_time", is_impossible_time(rules.earliest, now + rules.max_ahead_s))
        self.drop("impossible_value", is_impossible_value())

    def drop_bots(self, rules: CleaningRules, part_events: int) -> list[int]:
        """Leave out all events of users with too many; return these users."""
        bots = pl.concat([_bots(part, rules) for part in by_user(self.events, part_events)])
        self.drop("bot", pl.col("user").is_in(bots.implode()))
        return bots.to_list()

    def drop_unknown_kinds(self, unknown: Mapping[int, str]) -> dict[str, int]:
        """Leave out kinds without a weight; return the number of events of each.

        Parameters
        ----------
        unknown : code -> kind.
        """
        is_unknown = pl.col("kind").is_in(list(unknown))
        counts = self.events.filter(is_unknown)["kind"].value_counts(sort=True)
        self.drop("unknown_kind", is_unknown)
        return {unknown[code]: count for code, count in counts.iter_rows()}

    def drop_outside_scale(self, given: RatingScale | None) -> tuple[RatingScale | None, list[str]]:
        """Leave out ratings outside the scale; return the scale, and notes on what was guessed.

        Ratings of 0 on a scale that begins above it are views.
        """
        ratings = self.events.filter(IS_RATING)["value"].drop_nulls().to_numpy()
        if len(ratings) == 0:
            return given, []
        scale = given or guess_scale(ratings)
        notes = self._unrated_as_views(scale)
        self.drop("outside_scale", IS_RATING & ~pl.col("value").is_between(*scale))
        if given:
            return scale, notes
        how = "guessed" if scale in COMMON_SCALES else "guessed: the lowest and the highest rating"
        return scale, [f"rating scale: {scale[0]:g} to {scale[1]:g} ({how})", *notes]

    def _unrated_as_views(self, scale: RatingScale) -> list[str]:
        """Make views of the ratings that say "not rated", and return the note on them."""
        is_unrated = IS_RATING & (pl.col("value") == UNRATED)
        n_unrated = len(self.events.filter(is_unrated)) if scale[0] > UNRATED else 0
        if not n_unrated:
            return []
        self.events = self.events.with_columns(
            kind=pl.when(is_unrated).then(pl.lit(VIEW_CODE, pl.Int32)).otherwise("kind"),
            value=pl.when(~is_unrated.fill_null(False)).then("value"),
        )
        return [f'{n_unrated:,} ratings of {UNRATED:g} say "not rated", and count as views (guessed)']

    def drop_repeats(self, rules: CleaningRules) -> None:
        """Leave out repeated events and changed ratings, and order the events by user, item and time.

        Events without a time are the oldest. Of two events of the same user, item and kind, the earlier one
        is left out if the next follows within `burst_s` seconds; if neither has a time, if their values are
        equal; and always if they are ratings. A return repeats no purchase. Positions are no
        seconds. For one user and one item, with `burst_s` = 10:

        ===  ====  =====  ====  ==================================================
        row  kind  value  time
        ===  ====  =====  ====  ==================================================
        0    view         0     burst: row 1 follows after 9 seconds
        1    view         9     used: row 2 follows after 31 seconds
        2    view         40    used
        3    rate  5            superseded: row 4 has a time, so it is later
        4    rate  3      20    used
        5    view               burst: row 6 has the same value, and no time either
        6    view               used
        ===  ====  =====  ====  ==================================================

        The events are then in the order of rows 6, 1, 4, 2.
        """
        same = (pl.col(name) for name in ("user", "item", "kind", "time"))
        value = pl.col("value").fill_null(1.0)
        is_repeated_later = ~pl.struct(*same, value).is_last_distinct()
        self.drop("burst", pl.col("time").is_null() & is_repeated_later)
        self.events = self.events.sort("user", "item", "kind", "time", "row")  # null times come first
        is_followed = pl.all_horizontal(
            pl.col(name) == pl.col(name).shift(-1) for name in ("user", "item", "kind")
        )
        is_returned = pl.col("value").fill_null(1.0) < 0
        is_soon = pl.col("time").shift(-1) - pl.col("time") <= rules.burst_s
        is_soon &= is_returned == is_returned.shift(-1)
        self.drop("burst", is_followed & is_soon & ~has_position())
        self.drop("superseded", IS_RATING & is_followed)
        self.events = self.events.sort("user", "item", "time", "row")

    def drop_taken_back(self) -> None:
        """Leave out, for each user and item, all events before the last run of events of one sign.

        The events are ordered by user, item and time. Of weights 3, -1, 1, 2 for one user and item, the last
        run is 1, 2; the first two events are left out. (`over` would take minutes for a million pairs.)
        """
        events = self.events
        is_same_pair = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in ("user", "item"))
        starts_pair = events.select(~is_same_pair.fill_null(False)).to_series().to_numpy()
        is_positive = events["weight"].to_numpy() > 0
        starts_run = starts_pair.copy()
        starts_run[1:] |= is_positive[1:] != is_positive[:-1]
        is_last_run = np.append(starts_pair[np.flatnonzero(starts_run)[1:]], True)
        run_of_event = np.cumsum(starts_run) - 1
        self.drop("taken_back", pl.Series(~is_last_run[run_of_event], dtype=pl.Boolean))


def by_user(events: pl.DataFrame, part_events: int) -> Iterator[pl.DataFrame]:
    """Yield the events of some users at a time, about `part_events`."""
    n_parts = max(1, -(-len(events) // part_events))
    for part in range(n_parts):
        yield events.filter(pl.col("user") % n_parts == part)


def _bots(events: pl.DataFrame, rules: CleaningRules) -> pl.Series:
    in_all = events.group_by("user").len().filter(pl.col("len") > rules.max_user_events)
    is_timed = pl.col("time").is_not_null() & ~has_position()
    days = events.filter(is_timed).group_by("user", pl.col("time") // SECONDS_A_DAY).len()
    in_a_day = days.filter(pl.col("len") > rules.max_user_events_a_day)
    return pl.concat([in_all["user"], in_a_day["user"]]).unique()
