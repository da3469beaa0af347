"""The history of a question: which events count, for which known items, and how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from semrec.config import EventSettings
from semrec.errors import UnknownItemError
from semrec.events.counting import CountingRules, shown
from semrec.events.kinds import RATE
from semrec.ranking.generation import Generation
from semrec.ranking.profile import event_weights, find_interests, item_weights, usable_events, without_rating
from semrec.store.protocol import Items
from semrec.types import Event, Float1D, Float2D, Keys, item_keys

ReadItems = Callable[[Keys], Items]
"""Keys -> those that are there, with the fields of a history."""


@dataclass(frozen=True, slots=True)
class History:
    """The known items of a history, each once, with how much it counts.

    Parameters
    ----------
    item_ids : in order of their first event.
    keys : uint64 (n_history,).
    weights : float32 (n_history,), summed over the events of an item.
    items : the same as the store holds them.
    centred : float32 (n_history, dim), text vectors minus the catalog mean, unit length.
    unknown : ids that the index does not hold.
    seen : ids of the items that the user has used, see `seen_items`; in the index or not.
    ratings : float32 (n_history,), the latest rating of each item; NaN: not rated.
    ages : int64 (n_history,), number of liked items that are newer, see `item_weights`.
    """

    item_ids: tuple[str, ...]
    keys: Keys
    weights: Float1D
    items: Items | None
    centred: Float2D
    unknown: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    ratings: Float1D = field(default_factory=lambda: np.empty(0, np.float32))
    ages: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def length(self) -> int:
        """Items that speak for something; where none does, those that speak against something."""
        return int(np.count_nonzero(self.weights > 0) or np.count_nonzero(self.weights))

    @property
    def seen_keys(self) -> Keys:
        """Keys of the items that the user has used, uint64 (n_seen,)."""
        seen, known = set(self.seen), set(self.item_ids)
        used = np.fromiter((item_id in seen for item_id in self.item_ids), bool, len(self.item_ids))
        return np.concatenate([self.keys[used], item_keys(seen - known)])

    @property
    def is_empty(self) -> bool:
        """Whether no item counts."""
        return not np.any(self.weights)


def no_history(generation: Generation) -> History:
    """Return the history of a question without one."""
    none = np.empty((0, generation.manifest.dimension), np.float32)
    return History((), np.empty(0, np.uint64), np.empty(0, np.float32), None, none)


def history_of(
    stored: Sequence[Event],
    preferences: Mapping[str, float],
    generation: Generation,
    read: ReadItems,
    given: Sequence[Event] = (),
) -> History:
    """Return the history of a user, by the rules of `fit`; the same for one answer and for all users.

    Parameters
    ----------
    stored : the user's events in the log, oldest first; those that do not count are left out.
    preferences : weight of interests by an item of each, the oldest first.
    generation : knows the items, the kinds and the rating scale.
    read : reads the items of the history.
    given : events that came with the question, after the stored ones.
    """
    settings = generation.settings.events
    rules = rules_of(generation)
    shown = _shown_among(given, settings)
    chosen = [without_rating(event, rules) for event in given if event.kind not in shown]
    known = known_history([*counting_events(stored, generation), *chosen], generation, read)
    history = replace(known, seen=seen_items([*stored, *given], settings))
    if not preferences:
        return history
    interests = interests_of(history, generation)
    return apply_preferences(history, interests, interest_weights(history, interests, preferences))


def counting_events(events: Sequence[Event], generation: Generation) -> list[Event]:
    """Return the events of a stored history that count, by the rules of `fit`; `events`: oldest first."""
    return usable_events(events, rules_of(generation), burst_s=generation.settings.events.burst_s)


def rules_of(generation: Generation) -> CountingRules:
    """Return what a single stored event must be to count in this generation, at this moment."""
    return CountingRules.of(generation.settings.events, generation.rating_scale)


def _shown_among(events: Sequence[Event], settings: EventSettings) -> set[str]:
    """Return which kinds of the events only tell what was shown, see `EventSettings.shown_kinds`."""
    names = {kind.lower() for kind in settings.shown_kinds}
    return {kind for kind in {event.kind for event in events} if kind.lower() in names}


def seen_items(events: Sequence[Event], settings: EventSettings) -> tuple[str, ...]:
    """Return the items of all events but those of `EventSettings.shown_kinds`, each once.

    An event tells that its item was used, also if it has no weight, or an impossible value or time.
    """
    shown = _shown_among(events, settings)
    return tuple(dict.fromkeys(event.item_id for event in events if event.kind not in shown))


def known_history(events: Sequence[Event], generation: Generation, read: ReadItems) -> History:
    """Return the items of a history (oldest event first) that the index holds, with their weights."""
    if not events:
        return no_history(generation)
    item_ids = list(dict.fromkeys(event.item_id for event in events))
    keys = item_keys(item_ids)
    items = read(keys)
    there = np.isin(keys, items.keys)
    unknown = tuple(item_id for item_id, known in zip(item_ids, there.tolist(), strict=True) if not known)
    left_out = set(unknown)
    known = [event for event in events if event.item_id not in left_out]
    weights = event_weights(
        known,
        kind_weights=generation.settings.events.kind_weights,
        rating_scale=generation.rating_scale,
        half_life_days=generation.settings.events.half_life_days,
        undamped_kinds=generation.settings.events.undamped_kinds,
    )
    half_life_events = generation.learned.half_life_events if generation.learned else None
    totals, newer = item_weights(known, weights)
    ages = np.fromiter(newer.values(), np.int64, len(newer))
    values = np.array(list(totals.values()))
    if half_life_events is not None:
        values = values * 0.5 ** (ages / half_life_events)
    rated = {event.item_id: event.value for event in known if event.kind == RATE and event.value is not None}
    ratings = np.array([rated.get(item_id, np.nan) for item_id in totals], np.float32)
    centred = generation.centred(items)
    weighted = values.astype(np.float32)
    return History(tuple(totals), items.keys, weighted, items, centred, unknown, ratings=ratings, ages=ages)


def check_known(history: History) -> None:
    """Raise `UnknownItemError` when the index holds no item of the history."""
    if not len(history.keys) and history.unknown:
        raise UnknownItemError(
            f"no item of the history is in the index: {_some(history.unknown)}. "
            "Check the ids, or index them first."
        )


def interests_of(history: History, generation: Generation) -> np.ndarray:
    """Return the interest of every item of a history, see `find_interests`."""
    return find_interests(history.centred, history.weights, generation.settings.ranking.max_interests)


def interest_weights(history: History, interests: np.ndarray, preferences: Mapping[str, float]) -> Float1D:
    """Return how much a user wants of every interest, float32 (n_interests,); 1 where nothing is set.

    Parameters
    ----------
    history, interests : see `interests_of`.
    preferences : weights by item, the oldest first: the latest of an interest holds.
    """
    weights = np.ones(int(interests.max(initial=-1)) + 1, np.float32)
    places = {item_id: place for place, item_id in enumerate(history.item_ids)}
    for item_id, weight in preferences.items():
        place = places.get(item_id)
        if place is not None and interests[place] >= 0:
            weights[interests[place]] = weight
    return weights


def apply_preferences(history: History, interests: np.ndarray, weights: Float1D) -> History:
    """Return the history with the items of every interest scaled; what counts against stays as it is."""
    scales = np.append(weights, np.float32(1))[interests]  # -1, no interest, is the one at the end
    return replace(history, weights=(history.weights * scales).astype(np.float32))


def _some(item_ids: Sequence[str]) -> str:
    """Return the first few ids in words."""
    named = ", ".join(shown(item_id) for item_id in item_ids[:5])
    return f"{named} and {len(item_ids) - 5} more" if len(item_ids) > 5 else named
