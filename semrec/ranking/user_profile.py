"""The profile of a user in words: interests with their central items, and how much the user wants of each.

Interests are found in the stored history. A preference is kept by an item; it holds for the interest that
the item belongs to now, and scales the weight of all its items. So a muted interest says nothing, and what
was used before stays seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from semrec.ranking.pipeline import Generation, History
from semrec.ranking.profile import central_items, find_interests
from semrec.types import Event, Float1D

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
class UserProfile:
    """What is known of a user.

    Parameters
    ----------
    user_id : the user.
    interests : the heaviest first, as if none were muted.
    recent : the latest events that count, newest first.
    n_events : events that count.
    unknown_items : ids of the history that the index does not hold.
    """

    user_id: str
    interests: tuple[UserInterest, ...]
    recent: tuple[Event, ...]
    n_events: int
    unknown_items: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DeletedUser:
    """What was stored of a user and is gone.

    Parameters
    ----------
    user_id : the user.
    events, preferences : how many there were.
    """

    user_id: str
    events: int
    preferences: int


def interests_of(history: History, generation: Generation, max_interests: int) -> np.ndarray:
    """Return the interest of every item of a history, see `find_interests`."""
    return find_interests(generation.text_signal.centred(history.keys), history.weights, max_interests)


def wanted(history: History, interests: np.ndarray, preferences: Mapping[str, float]) -> Float1D:
    """Return how much a user wants of every interest, float32 (n_interests,); 1 where nothing is said.

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


def preferred(history: History, interests: np.ndarray, weights: Float1D) -> History:
    """Return the history with the items of every interest scaled; what counts against stays as it is."""
    scales = np.append(weights, np.float32(1))[interests]  # -1, no interest, is the one at the end
    return replace(history, weights=(history.weights * scales).astype(np.float32))


def describe_user(
    user_id: str,
    events: Sequence[Event],
    history: History,
    generation: Generation,
    preferences: Mapping[str, float],
    *,
    max_interests: int,
    recent: int,
) -> UserProfile:
    """Return the profile of a user.

    Parameters
    ----------
    events : those that count, oldest first.
    history : the same as known items.
    preferences : see `wanted`.
    max_interests : most interests.
    recent : latest events to tell.
    """
    interests = interests_of(history, generation, max_interests)
    weights = wanted(history, interests, preferences)
    scaled = preferred(history, interests, weights)
    centred = generation.text_signal.centred(history.keys)
    total = float(np.maximum(scaled.weights, 0).sum()) or 1.0
    groups = [central_items(centred, interests, interest) for interest in range(len(weights))]
    named = [group[:NAMED_ITEMS] for group in groups]
    found = iter(generation.index.records(history.keys[np.concatenate([np.empty(0, np.int64), *named])]))
    return UserProfile(
        user_id,
        tuple(
            UserInterest(
                item_id=history.item_ids[group[0]],
                titles=tuple(next(found).title for _ in central),
                item_ids=tuple(history.item_ids[place] for place in group),
                share=float(scaled.weights[group].sum()) / total,
                weight=float(weight),
            )
            for group, central, weight in zip(groups, named, weights, strict=True)
        ),
        tuple(reversed(events[len(events) - min(recent, len(events)) :])),
        len(events),
        history.unknown,
    )
