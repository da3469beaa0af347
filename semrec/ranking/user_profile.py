"""The profile of a user in words: interests with their central items, and how much the user wants of each.

Interests are found in the stored history. A preference is kept by an item; it holds for the interest that
the item belongs to now, and scales the weight of all its items. So a muted interest says nothing, and what
was used before stays seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from semrec.ranking.generation import Generation
from semrec.ranking.history import (
    History,
    apply_preferences,
    counting_events,
    interest_weights,
    interests_of,
    known_history,
    rules_of,
)
from semrec.ranking.profile import central_items
from semrec.types import Event, Plain

NAMED_ITEMS = 3
"""Central items that tell what an interest is about."""


@dataclass(frozen=True, slots=True)
class UserInterest:
    """A group of like items of a user's history.

    Parameters
    ----------
    item_id : its most central item; the name under which it is muted or weighted.
    titles : of its most central items, the first being that item's.
    item_ids : all its items, most central first.
    share : its part of the weight of the whole history, as the user wants it, in [0, 1].
    weight : how much the user wants of it: 0 is muted, 1 is as usual.
    """

    item_id: str
    titles: tuple[str, ...]
    item_ids: tuple[str, ...]
    share: float
    weight: float


@dataclass(frozen=True, slots=True)
class UserProfile(Plain):
    """What is known of a user.

    Parameters
    ----------
    user_id : the user.
    interests : the heaviest first, as if none were muted.
    recent : the latest events that count, newest first.
    n_events : events that count.
    unknown_items : ids of the history that the index does not hold.
    left_out : number of stored events that do not count, by reason.
    """

    user_id: str
    interests: tuple[UserInterest, ...]
    recent: tuple[Event, ...]
    n_events: int
    unknown_items: tuple[str, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeletedUser(Plain):
    """What was stored of a user and is gone.

    Parameters
    ----------
    user_id : the user.
    events, preferences : how many there were.
    """

    user_id: str
    events: int
    preferences: int


def describe_user(
    user_id: str,
    stored: Sequence[Event],
    preferences: Mapping[str, float],
    generation: Generation,
    *,
    recent: int,
) -> UserProfile:
    """Return the profile of a user.

    Parameters
    ----------
    stored : the user's events in the log, oldest first.
    preferences : see `interest_weights`.
    generation : knows the items.
    recent : latest events to list.
    """
    events = counting_events(stored, generation)
    index = generation.index
    history = known_history(
        events, generation, lambda keys: index.fetch(keys, generation.history_fields, records=True)
    )
    interests = interests_of(history, generation)
    weights = interest_weights(history, interests, preferences)
    scaled = apply_preferences(history, interests, weights)
    total = float(np.maximum(scaled.weights, 0).sum()) or 1.0
    groups = [central_items(history.centred, interests, interest) for interest in range(len(weights))]
    return UserProfile(
        user_id,
        tuple(
            UserInterest(
                item_id=history.item_ids[group[0]],
                titles=_titles(history, group[:NAMED_ITEMS]),
                item_ids=tuple(history.item_ids[place] for place in group),
                share=float(scaled.weights[group].sum()) / total,
                weight=float(weight),
            )
            for group, weight in zip(groups, weights, strict=True)
        ),
        tuple(reversed(events[len(events) - min(recent, len(events)) :])),
        len(events),
        history.unknown,
        rules_of(generation).count(stored)[0],
    )


def _titles(history: History, places: np.ndarray) -> tuple[str, ...]:
    records = history.items.records(places.tolist()) if history.items else []
    return tuple(record.title for record in records)
