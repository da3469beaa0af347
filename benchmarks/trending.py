"""Users without a history: popularity of all time, and beside it popularity with a learned half-life.

The log is split at one moment. The half-life is learned on the events before it; users whose first event
comes later are asked. Everybody gets the same list, ranked as it is served.
"""

from __future__ import annotations

import sys

import numpy as np
from measured_sets import MOVIES, SEED, DataSet, present
from report import announce, arguments, report

from semrec.evaluation.bootstrap import bootstrap_interval
from semrec.signals.models.recent_counts import (
    TimedEvents,
    as_served,
    best_half_life,
    ndcg_of_one_list,
    recent_counts,
)

MOMENTS = (0.7, 0.8, 0.9)
"""Shares of the events that are known."""


def events_of(data_set: DataSet) -> TimedEvents:
    """Return the likes of a data set with their times."""
    frame = data_set.events()
    users, items = (np.unique(frame[name], return_inverse=True)[1] for name in ("user_id", "item_id"))
    weights = np.ones(len(frame), np.float32)
    return TimedEvents(users, items, frame["time"].to_numpy().astype(float), weights, int(items.max()) + 1)


def measure(name: str, events: TimedEvents, share: float) -> None:
    """Measure users who are new after this share of the events."""
    is_known = events.seconds < np.quantile(events.seconds, share)
    known = events.at(is_known)
    wanted = events.at(~is_known & ~np.isin(events.users, known.users))
    numbers = np.bincount(known.items, minlength=known.n_items).astype(np.float32)
    half_life = best_half_life(known)
    counts = None if half_life is None else recent_counts(known, half_life)
    before, after = (ndcg_of_one_list(as_served(numbers, each), wanted) for each in (None, counts))
    case, least = f"{name}, new users after {share:.0%} of the events", float(before.mean())
    report("trending", f"{case}, popularity, NDCG@10", least, "ndcg")
    report("trending", f"{case}, with trending, NDCG@10", float(after.mean()), "ndcg", least=least)
    low, high = bootstrap_interval(after - before, SEED)
    sys.stderr.write(
        f"{case}: {len(after)} users, half-life {half_life} days, gain {low:+.3f} to {high:+.3f}\n"
    )


def main() -> None:
    """Measure."""
    arguments(__doc__)
    announce()
    for data_set in present(MOVIES):
        events = events_of(data_set)
        for share in MOMENTS:
            measure(data_set.name, events, share)


if __name__ == "__main__":
    main()
