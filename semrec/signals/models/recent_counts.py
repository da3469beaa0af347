"""Counts of events in which old events count less, and the half-life with which they predict best.

    count(i) = Σ_e u_e · 0.5^((latest - t_e) / half-life),

where t_e is the time of event e, u_e the weight of its user, and `latest` the time of the newest event. The
order of two items does not change until one of them gets an event.

The half-life is chosen on the past: at some moments of the log, the counts until then rank the items for the
users whose first event comes later. They are ranked as users without a history are served, by `as_served`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semrec.mathematics.ndcg import discounts, ideal_gains
from semrec.signals.fitting import TrainingData
from semrec.types import Float1D

SECONDS_A_DAY = 86_400.0

HALF_LIVES_DAYS = (1.0, 3.0, 7.0, 15.0, 30.0, 90.0, 180.0, 365.0, 730.0, 1460.0)
"""To try."""

MOMENTS = (0.7, 0.8, 0.9)
"""Shares of the events that come before the moments at which half-lives are compared."""

TIMES_POPULARITY = 3.0
"""How much the counts weigh, beside the plain number of events.

On ml_latest_small, users who are new after 60, 70, 80 and 90 % of the events gain as much with 3 as with the
counts alone, and more than with 1: 0.106, 0.110 and 0.082 of NDCG@10 with all ratings as likes, 0.040, 0.043
and 0.037 with those from four stars on.
"""

FEWEST_USERS = 20
"""New users, over all moments, from which half-lives can be compared."""

K = 10


@dataclass(frozen=True, slots=True)
class TimedEvents:
    """Events with their times: entry n of every array belongs to event n.

    Parameters
    ----------
    users, items : int64 (n_events,), rows and columns of the training data.
    seconds : float64 (n_events,), unix seconds.
    weights : float32 (n_events,), of the users.
    n_items : items of the catalog.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    seconds: NDArray[np.float64]
    weights: Float1D
    n_items: int

    @classmethod
    def of(cls, data: TrainingData) -> TimedEvents:
        """Return the events whose times are known; none without a clock."""
        matrix = data.user_items
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        times = np.full(matrix.nnz, np.nan) if data.times is None else data.times.data
        weights = np.ones(matrix.shape[0], np.float32) if data.user_weights is None else data.user_weights
        known = np.isfinite(times)
        users, items = rows[known], matrix.indices[known].astype(np.int64)
        return cls(users, items, times[known].astype(np.float64), weights[users], matrix.shape[1])

    def at(self, chosen: NDArray[np.bool_]) -> TimedEvents:
        """Return some of the events."""
        return TimedEvents(
            self.users[chosen],
            self.items[chosen],
            self.seconds[chosen],
            self.weights[chosen],
            self.n_items,
        )


def recent_counts(events: TimedEvents, half_life_days: float) -> Float1D:
    """Return the count of every item, float32 (n_items,), see the module; at least one event."""
    ages = (events.seconds.max() - events.seconds) / SECONDS_A_DAY
    counts = np.bincount(events.items, events.weights * 0.5 ** (ages / half_life_days), events.n_items)
    return counts.astype(np.float32)


def as_served(numbers: Float1D, counts: Float1D | None) -> Float1D:
    """Return the scores for users without a history, float64 (n_items,).

    Parameters
    ----------
    numbers : of the events of each item, (n_items,).
    counts : with a half-life, (n_items,); None: there are none.
    """
    scores = _standardised_logarithm(numbers)
    return scores if counts is None else scores + TIMES_POPULARITY * _standardised_logarithm(counts)


def best_half_life(events: TimedEvents) -> float | None:
    """Return the half-life, in days, with which new users find most of their events.

    None: there are fewer than `FEWEST_USERS` new users, or no half-life is better than the plain number of
    events by more than one standard error.
    """
    found = list(_found_at_moments(events))
    by_number, *by_half_life = np.concatenate(found, axis=1) if found else np.empty((2, 0))
    if len(by_number) < FEWEST_USERS:
        return None
    best = int(np.argmax([values.mean() for values in by_half_life]))
    gain = by_half_life[best] - by_number
    is_better = gain.mean() > gain.std() / np.sqrt(len(gain))
    return HALF_LIVES_DAYS[best] if is_better else None


def _found_at_moments(events: TimedEvents) -> Iterator[NDArray[np.float64]]:
    """Yield NDCG@10 of the new users after each moment, float64 (1 + n_half_lives, n_users).

    The first row is that of the number of events alone.
    """
    for moment in np.unique(np.quantile(events.seconds, MOMENTS)) if len(events.seconds) else ():
        is_before = events.seconds < moment
        before = events.at(is_before)
        after = events.at(~is_before & ~np.isin(events.users, before.users))
        if not len(before.users) or not len(after.users):
            continue
        numbers = np.bincount(before.items, before.weights, events.n_items).astype(np.float32)
        counts = [None, *(recent_counts(before, half_life) for half_life in HALF_LIVES_DAYS)]
        yield np.stack([ndcg_of_one_list(as_served(numbers, each), after) for each in counts])


def _standardised_logarithm(counts: Float1D) -> Float1D:
    values = np.log1p(counts)
    scaled: Float1D = (values - values.mean()) / (values.std() or 1.0)
    return scaled


def ndcg_of_one_list(scores: Float1D, wanted: TimedEvents) -> NDArray[np.float64]:
    """Return NDCG@10 of each user of some events, float64 (n_users,); all users get the same list.

    Parameters
    ----------
    scores : float32 (n_items,).
    wanted : the events that are to be found.
    """
    gains = np.zeros(len(scores))
    best = np.argsort(-scores, kind="stable")[:K]
    gains[best] = discounts(K)[: len(best)]
    _, user = np.unique(wanted.users, return_inverse=True)
    ideal = ideal_gains(K)[np.minimum(np.bincount(user), K)]
    found: NDArray[np.float64] = np.bincount(user, gains[wanted.items]) / ideal
    return found
