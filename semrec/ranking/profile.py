"""How much each item of a history counts, and which interests the items form."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from semrec.errors import ConfigError
from semrec.events.amounts import damped, kept_shares
from semrec.events.counting import SECONDS_A_DAY, CountingRules
from semrec.events.kinds import RATE, VIEW
from semrec.events.times import is_position
from semrec.types import Event, Float1D, Float2D

SAME_INTEREST = 0.12
"""Mean cosine of centred vectors above which two groups of items are one interest."""

MOST_CLUSTERED = 512
"""Items that take part in forming interests; of longer histories the heaviest ones."""


def event_weights(
    events: Sequence[Event],
    *,
    kind_weights: Mapping[str, float],
    rating_scale: tuple[float, float],
    half_life_days: float | None,
    undamped_kinds: Collection[str] = (),
) -> Float1D:
    """Return how much each event counts, float32 (n_events,).

    weight = kind weight · damped value · 2^(-age / half-life), see `semrec.events.amounts`, where the age is
    taken from the newest event of the history, so the same history gives the same profile on any day. A
    rating counts by its place on the scale: the middle is 0, the ends are 1 and -1.

    Parameters
    ----------
    events : a history, oldest first.
    kind_weights : weight of each kind; below 0 it counts against.
    rating_scale : the lowest and the highest rating.
    half_life_days : age at which an event counts half; None: age does not matter.
    undamped_kinds : kinds whose values count as they are.

    Raises
    ------
    ConfigError
        An event is of a kind without a weight, or its value or time is no finite number.
    """
    ages_count = half_life_days is not None
    times = [seconds for event in events if ages_count and (seconds := _seconds(event)) is not None]
    newest = max(times, default=0.0)
    kept = kept_shares([event for event in events if event.kind != RATE])
    weights = np.empty(len(events), np.float32)
    for place, event in enumerate(events):
        if event.kind not in kind_weights:
            raise ConfigError(
                f"item {event.item_id!r} has an event of kind {event.kind!r}, which has no weight. "
                f"Known kinds: {', '.join(sorted(kind_weights))}; add yours to kind_weights."
            )
        if event.time is not None and not math.isfinite(event.time):
            raise ConfigError(f"the event on item {event.item_id!r} has the time {event.time}; give seconds.")
        strength = _opinion(event, rating_scale) if event.kind == RATE else _size(event, undamped_kinds)
        weight = kind_weights[event.kind] * strength * kept.get((event.item_id, event.kind), 1.0)
        if half_life_days is not None and (seconds := _seconds(event)) is not None:
            weight *= 0.5 ** ((newest - seconds) / SECONDS_A_DAY / half_life_days)
        weights[place] = weight
    return weights


def item_weights(events: Sequence[Event], weights: Float1D) -> tuple[dict[str, float], dict[str, int]]:
    """Return how much each item of a history counts, and its age, in order of their first events.

    As in `semrec.events.interactions`, which makes what is learned from: of several ratings of an item the
    last counts, and an event that says the opposite of earlier ones on the same item takes them back.

    The age of an item is the number of liked items that are newer. Events one after the other with the same
    time are equally old; events without a time are in order.

    Parameters
    ----------
    events : a history, oldest first.
    weights : float32 (n_events,), see `event_weights`.
    """
    said: dict[str, list[tuple[str, float]]] = {}
    last: dict[str, int] = {}
    moment, before = 0, None
    for event, weight in zip(events, weights.tolist(), strict=True):
        moment += event.time is None or event.time != before
        before = event.time
        said.setdefault(event.item_id, []).append((event.kind, weight))
        if weight or event.item_id not in last:
            last[event.item_id] = moment
    totals = {item_id: _last_word(opinions) for item_id, opinions in said.items()}
    liked = sorted(last[item_id] for item_id, total in totals.items() if total > 0)
    return totals, {item_id: len(liked) - bisect_right(liked, when) for item_id, when in last.items()}


def _last_word(opinions: Sequence[tuple[str, float]]) -> float:
    """Return the sum of what is not taken back; `opinions` are kinds and weights of one item's events."""
    last_rating = max((place for place, (kind, _) in enumerate(opinions) if kind == "rate"), default=0)
    stands = [
        weight
        for place, (kind, weight) in enumerate(opinions)
        if weight and (kind != "rate" or place == last_rating)
    ]
    against = [place for place, weight in enumerate(stands) if (weight > 0) != (stands[-1] > 0)]
    return sum(stands[against[-1] + 1 if against else 0 :])


def usable_events(events: Sequence[Event], rules: CountingRules, *, burst_s: float) -> list[Event]:
    """Return the events that count, by the rules of `semrec.events.interactions`; the rest is left out.

    Parameters
    ----------
    events : oldest first.
    rules : what a single event must be.
    burst_s : seconds; the same item and kind again so soon is one event, the last. Without times it is the
        same item, kind and value.
    """
    usable: list[Event] = []
    next_time: dict[tuple[str, str], tuple[float, bool]] = {}
    untimed: set[tuple[str, str, float]] = set()
    for event in reversed(events):
        if rules.reason(event):
            continue
        event = without_rating(event, rules)
        what, is_returned = (event.item_id, event.kind), (event.value or 0.0) < 0
        if event.time is None:
            said = (*what, 1.0 if event.value is None else event.value)
            repeats = said in untimed
            untimed.add(said)
        else:
            later, same = next_time.get(what, (math.inf, is_returned))
            is_soon = later - event.time <= burst_s and same == is_returned
            repeats = is_soon and not is_position(event.time)
            next_time[what] = event.time, is_returned
        if not repeats:
            usable.append(event)
    return usable[::-1]


def _seconds(event: Event) -> float | None:
    """Return the time of an event in unix seconds; None if it is unknown or a position."""
    return None if event.time is None or is_position(event.time) else event.time


def without_rating(event: Event, rules: CountingRules) -> Event:
    """Return a view instead of a rating that says "not rated", else the event."""
    return replace(event, kind=VIEW, value=None) if rules.is_unrated(event) else event


def _size(event: Event, undamped_kinds: Collection[str]) -> float:
    """Return what the size of a value counts."""
    if event.value is None:
        return 1.0
    if not math.isfinite(event.value):
        raise ConfigError(f"the event on item {event.item_id!r} has the value {event.value}; give a number.")
    return abs(event.value) if event.kind in undamped_kinds else damped(event.value)


def _opinion(event: Event, rating_scale: tuple[float, float]) -> float:
    """Return what a rating says, from -1 to 1."""
    if event.value is None:
        return 1.0
    if not math.isfinite(event.value):
        raise ConfigError(f"the event on item {event.item_id!r} has the value {event.value}; give a number.")
    low, high = rating_scale
    if not low <= event.value <= high:
        raise ConfigError(
            f"the rating {event.value:g} of item {event.item_id!r} is outside the scale {low:g} to {high:g}."
        )
    if low == high:  # all ratings of the log are alike: a rating says that it was used
        return 1.0
    return 2 * (event.value - low) / (high - low) - 1


def find_interests(centred: Float2D, weights: Float1D, max_interests: int) -> np.ndarray:
    """Group the items of a history that belong together.

    Average-linkage clustering by cosine, cut where groups have less than `SAME_INTEREST` in common, or
    at `max_interests` groups. Items that count against (weight 0 or less) belong to no interest.

    Parameters
    ----------
    centred : float32 (n_history, dim), vectors minus the catalog mean, rows of unit length.
    weights : float32 (n_history,).
    max_interests : most groups.

    Returns
    -------
    int64 (n_history,): the group of each item, 0 being the heaviest; -1 for none.
    """
    labels = np.full(len(weights), -1, np.int64)
    liked = np.flatnonzero(weights > 0)
    if len(liked) == 0:
        return labels
    if len(liked) == 1:
        labels[liked] = 0
        return labels
    heaviest = np.sort(liked[np.argsort(-weights[liked], kind="stable")[:MOST_CLUSTERED]])
    groups = _cluster(centred[heaviest], max_interests)
    centroids = np.stack(
        [centred[heaviest[groups == group]].mean(axis=0) for group in range(groups.max() + 1)]
    )
    labels[liked] = np.argmax(centred[liked] @ centroids.T, axis=1)
    labels[heaviest] = groups
    order = np.argsort(-np.bincount(labels[liked], weights=weights[liked]), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    labels[liked] = rank[labels[liked]]
    return labels


def _cluster(centred: Float2D, max_interests: int) -> np.ndarray:
    """Return int64 (n,), groups numbered from 0 without gaps."""
    # Importing these takes a quarter of a second. Indexing and questions without a history do not need them.
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    distance = 1.0 - np.clip(centred @ centred.T, -1.0, 1.0).astype(np.float64)
    tree = linkage(squareform(distance, checks=False), method="average")
    n_merges = max(
        np.searchsorted(tree[:, 2], 1.0 - SAME_INTEREST, side="right"), len(centred) - max_interests
    )
    # Merge m joins two groups into group n + m. Other groups keep their labels.
    groups = np.arange(len(centred))
    for merge, pair in enumerate(tree[:n_merges, :2]):
        groups[(groups == pair[0]) | (groups == pair[1])] = len(centred) + merge
    return np.unique(groups, return_inverse=True)[1]


def central_items(centred: Float2D, labels: np.ndarray, interest: int) -> np.ndarray:
    """Return the positions of one interest's items, most central first; as central ones in order.

    Parameters
    ----------
    centred : float32 (n_history, dim), rows of unit length.
    labels : int64 (n_history,), see `find_interests`.
    interest : one of the labels.
    """
    members = np.flatnonzero(labels == interest)
    # Rounded: the last bits must not choose between the two items of a pair.
    closeness = np.round(centred[members] @ centred[members].mean(axis=0), 5)
    return members[np.argsort(-closeness, kind="stable")]
