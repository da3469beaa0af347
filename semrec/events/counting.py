"""Which events count: the limits of values and times, and the reasons why an event is left out.

The event log, `fit` and questions use these rules. Nothing heavy is imported: a question reads them, too.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from semrec.config import SHOWN_KINDS, EventSettings
from semrec.events.kinds import RATE, KindNames
from semrec.events.times import is_position
from semrec.types import Event

SECONDS_A_DAY = 86_400.0

MOST_VALUE = 1e6
"""Largest size of the value of an event. Ratings, counts, seconds and usual amounts of money are smaller."""

LONGEST_ID = 4096
"""Most characters of a user id, an item id or a kind."""

REASONS = {
    "no_id": "no user id, item id or kind",
    "long_id": f"an id of more than {LONGEST_ID:,} characters",
    "impossible_time": "time is not in unix seconds, from 1990 to tomorrow",
    "impossible_value": f"value is NaN, infinite or beyond ±{MOST_VALUE:,.0f}",
    "bot": "more events than a person makes",
    "unknown_kind": "kind has no weight",
    "unknown_item": "item is not in the catalog",
    "outside_scale": "rating is outside the scale",
    "burst": "repeated within seconds",
    "superseded": "rating was changed later",
    "no_weight": "weight is 0",
    "taken_back": "a later event says the opposite",
}
"""Why an event is left out, in the order of the checks."""

LONGEST_SHOWN = 60
"""Characters of an id that a message shows."""


@dataclass(frozen=True, slots=True)
class CleaningRules:
    """Limits of an honest event.

    Parameters
    ----------
    max_user_events : a user with more events is a bot.
    max_user_events_a_day : a user with more events on any day (UTC) is a bot.
    burst_s : seconds; an event is left out if the same user, item and kind follows so soon.
    earliest : unix seconds; an earlier time is impossible. Default: 1990.
    max_ahead_s : seconds; a time further in the future is impossible.
    """

    max_user_events: int = 10_000
    max_user_events_a_day: int = 5_000
    burst_s: float = 10.0
    earliest: float = 631_152_000.0
    max_ahead_s: float = SECONDS_A_DAY


@dataclass(frozen=True, slots=True)
class CountingRules:
    """What a single event must be to count, whatever the other events are.

    Parameters
    ----------
    kind_weights : weight of each kind.
    rating_scale : the lowest and the highest rating; None: not known yet, so every rating counts.
    earliest, latest : unix seconds; other times are impossible.
    shown_kinds : kinds that tell what was shown.
    """

    kind_weights: Mapping[str, float]
    rating_scale: tuple[float, float] | None
    earliest: float
    latest: float
    shown_kinds: tuple[str, ...] = SHOWN_KINDS

    @classmethod
    def of(cls, settings: EventSettings, rating_scale: tuple[float, float] | None) -> CountingRules:
        """Return the rules of these settings at this moment."""
        rules = CleaningRules()
        latest = time.time() + rules.max_ahead_s
        return cls(settings.kind_weights, rating_scale, rules.earliest, latest, settings.shown_kinds)

    @property
    def kind_names(self) -> KindNames:
        """The names of kinds, for events that come in."""
        return KindNames((*self.kind_weights, *self.shown_kinds))

    def reason(self, event: Event) -> str | None:
        """Return why an event is left out, a key of `REASONS`; None if it counts.

        An event of weight 0 counts here: it says something about earlier events on its item.
        """
        value, seconds = event.value, event.time
        if seconds is not None and not (self.earliest <= seconds <= self.latest or is_position(seconds)):
            return "impossible_time"
        if value is not None and not -MOST_VALUE <= value <= MOST_VALUE:
            return "impossible_value"
        if event.kind not in self.kind_weights:
            return "unknown_kind"
        if value is not None and event.kind == RATE and self.rating_scale is not None:
            low, high = self.rating_scale
            return None if low <= value <= high or self.is_unrated(event) else "outside_scale"
        return None

    def is_unrated(self, event: Event) -> bool:
        """Return whether an event is a rating that says "not rated": 0 where the scale begins above it."""
        return (
            event.kind == RATE
            and event.value == 0
            and self.rating_scale is not None
            and self.rating_scale[0] > 0
        )

    def hint(self, reason: str, event: Event) -> str:
        """Return what would be right instead of an event that is left out, to follow the event in words."""
        if reason == "unknown_kind":
            return f" [kinds with a weight: {', '.join(sorted(self.kind_weights))}]"
        if reason == "outside_scale" and self.rating_scale is not None:
            return " [the scale is {:g} to {:g}]".format(*self.rating_scale)
        if reason == "impossible_time" and self._is_in_ms(event.time):
            return " [it looks like milliseconds]"
        return ""

    def _is_in_ms(self, number: float | None) -> bool:
        return number is not None and self.earliest <= number / 1000 <= self.latest

    def count(self, events: Iterable[Event]) -> tuple[dict[str, int], dict[str, str]]:
        """Return the number of events that are left out by reason in words, and the first of each."""
        counts: Counter[str] = Counter()
        examples: dict[str, str] = {}
        for event in events:
            if reason := self.reason(event):
                counts[REASONS[reason]] += 1
                words = in_words(event) + self.hint(reason, event)
                examples.setdefault(REASONS[reason], words)
        return dict(counts), examples


def in_words(event: Event, user_id: str | None = None, *, with_item: bool = True) -> str:
    """Return an event for people: user 'u', item 'i', kind 'buy', value 1e+20, time 16."""
    parts = [] if user_id is None else [f"user {shown(user_id)}"]
    parts += [f"item {shown(event.item_id)}"] if with_item else []
    parts += [f"kind {shown(event.kind)}"]
    parts += [] if event.value is None else [f"value {event.value:g}"]
    parts += [] if event.time is None else [f"time {event.time:.16g}"]
    return ", ".join(parts)


def glimpse(value: Any) -> str:
    """Return the beginning of any value for people; a number of thousands of digits has no text."""
    try:
        return repr(value)[:40]
    except ValueError:
        return f"a very large {type(value).__name__}"


def shown(identifier: str) -> str:
    """Return an id in quotes; of a very long one, the beginning."""
    if len(identifier) > LONGEST_SHOWN:
        return f"{identifier[:LONGEST_SHOWN]!r}… ({len(identifier):,} characters)"
    return repr(identifier)


def shortened(identifier: str) -> str:
    """Return an id; of a very long one, the beginning."""
    return identifier if len(identifier) <= LONGEST_SHOWN else f"{identifier[:LONGEST_SHOWN]}…"


def listed_reasons(counts: Mapping[str, int], examples: Mapping[str, str]) -> str:
    """Return counted reasons in words, each with its example where there is one."""

    def example(reason: str) -> str:
        return f", for instance {examples[reason]}" if reason in examples else ""

    return "; ".join(f"{reason}: {n:,}{example(reason)}" for reason, n in counts.items())


def value_fault(value: float) -> str | None:
    """Return why a number cannot be the value of an event; None if it can."""
    if -MOST_VALUE <= value <= MOST_VALUE:
        return None
    if value != value or value in (math.inf, -math.inf):
        return "is NaN or infinite"
    return f"is too large: the limit is {MOST_VALUE:,.0f}"
