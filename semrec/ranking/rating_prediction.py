"""Predicted ratings of one user: the number, its interval, and the ratings that it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from semrec.errors import ConfigError, QueryError, UnknownItemError
from semrec.events.counting import shown
from semrec.ranking.generation import Generation
from semrec.ranking.history import History, history_of
from semrec.signals.predicted_ratings import INTERVAL_SHARE, RATING, RATING_WIDTH, item_effects, n_ratings
from semrec.store.protocol import Items
from semrec.types import Event, Float1D, Keys, Plain, item_keys

NAMED_RATINGS = 3
"""Ratings of the user that a prediction names."""

SMALLEST_EFFECT = 0.005
"""Effects that are smaller are not named."""


@dataclass(frozen=True, slots=True)
class RatingReason:
    """A rating of the user, and what it adds to the prediction.

    Parameters
    ----------
    item_id, title : the rated item.
    rating : as the user gave it.
    effect : what it adds to the predicted rating; exact.
    """

    item_id: str
    title: str
    rating: float
    effect: float


@dataclass(frozen=True, slots=True)
class RatingPrediction(Plain):
    """The rating that a user would give to an item.

    The mean, the item's effect, and the user's effect add up to the rating, before it is put on the scale.

    Parameters
    ----------
    item_id, title : the item.
    rating : on the scale of the log.
    low, high : an interval that holds `share` of the ratings that were predicted with such evidence.
    share : see `low`.
    scale : the lowest and the highest rating.
    mean : of all ratings of the log.
    item_effect : how much better than the mean the item is rated; of an item without ratings, what its text
        predicts.
    user_effect : what the user's own ratings add.
    because : the ratings of the user with the largest effects, largest first.
    n_item_ratings, n_user_ratings : ratings of the item, and ratings of the user that count here.
    given : the rating that the user has given to the item already; it does not count. None: none.
    reason : where the number comes from, in words.
    notes : what a reader should know.
    """

    item_id: str
    title: str
    rating: float
    low: float
    high: float
    share: float
    scale: tuple[float, float]
    mean: float
    item_effect: float
    user_effect: float
    because: tuple[RatingReason, ...]
    n_item_ratings: int
    n_user_ratings: int
    given: float | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()


def predicted_ratings(history: History, items: Items, generation: Generation) -> list[float] | list[None]:
    """Return the predicted ratings of shown items; None where no ratings were learned, or without a history.

    Parameters
    ----------
    history : of the question.
    items : with the fields of `Generation.rating_fields`.
    """
    if generation.ratings is None or history.items is None:
        return [None] * len(items.keys)
    rated = np.flatnonzero(~np.isnan(history.ratings))
    vectors = history.items.vectors(RATING)[rated]
    return generation.ratings.predict(vectors, history.ratings[rated], items.vectors(RATING)).tolist()


def predict_rating(
    item_id: str,
    user: str | None,
    stored: Sequence[Event],
    given: Sequence[Event],
    generation: Generation,
) -> RatingPrediction:
    """Return the rating that a user would give to an item; see `Recommender.predict`.

    Parameters
    ----------
    stored : the user's events in the log, oldest first.
    given : events that came with the question.
    """
    if user is None and not given:
        raise QueryError("give a user of the event log, or a history with ratings.")
    predictor = generation.ratings
    if predictor is None:
        raise ConfigError(_why_not_learned(generation))
    index, fields = generation.index, generation.history_fields

    def read(keys: Keys) -> Items:
        return index.fetch(keys, fields, records=True)

    asked = read(item_keys([item_id]))
    if not len(asked.keys):
        raise UnknownItemError(f"item {shown(item_id)} is not in the index; check the id, or index it first")
    history = history_of(stored, {}, generation, read, given)
    known = _Rated.of(history, item_id)
    target = asked.vectors(RATING)
    rating = float(predictor.predict(known.vectors, known.ratings, target)[0])
    effects = predictor.effects(known.vectors, known.ratings, target)
    low, high = predictor.interval(rating, len(known.ratings), int(n_ratings(target)[0]))
    found = RatingPrediction(
        item_id=item_id,
        title=asked.records()[0].title,
        rating=rating,
        low=low,
        high=high,
        share=INTERVAL_SHARE,
        scale=predictor.scale,
        mean=predictor.mean,
        item_effect=float(item_effects(target)[0]),
        user_effect=float(effects.sum()),
        because=known.reasons(effects),
        n_item_ratings=int(n_ratings(target)[0]),
        n_user_ratings=len(known.ratings),
        given=known.given,
    )
    return replace(found, reason=reason_of(found), notes=_notes(found, user))


@dataclass(frozen=True, slots=True)
class _Rated:
    """The ratings of a history, without that of the item in question.

    Parameters
    ----------
    history : the history.
    places : int64 (n,), the rated items in it.
    given : the rating of the item in question, None if there is none.
    """

    history: History
    places: np.ndarray
    given: float | None

    @classmethod
    def of(cls, history: History, item_id: str) -> _Rated:
        """Return the ratings of a history but for one item."""
        is_asked = np.array([other == item_id for other in history.item_ids], bool)
        is_rated = ~np.isnan(history.ratings)
        own = history.ratings[is_asked & is_rated]
        return cls(history, np.flatnonzero(is_rated & ~is_asked), float(own[0]) if len(own) else None)

    @property
    def vectors(self) -> np.ndarray:
        """What is stored of the rated items, float32 (n, 2 + rank)."""
        if self.history.items is None:
            return np.zeros((0, RATING_WIDTH), np.float32)
        return self.history.items.vectors(RATING)[self.places]

    @property
    def ratings(self) -> Float1D:
        """The ratings, float32 (n,)."""
        ratings: Float1D = self.history.ratings[self.places]
        return ratings

    def reasons(self, effects: Float1D) -> tuple[RatingReason, ...]:
        """Return the ratings with the largest effects."""
        strongest = np.argsort(-np.abs(effects), kind="stable")[:NAMED_RATINGS]
        strongest = strongest[np.abs(effects[strongest]) >= SMALLEST_EFFECT]
        if self.history.items is None or not len(strongest):
            return ()
        records = self.history.items.records(self.places[strongest].tolist())
        return tuple(
            RatingReason(record.item_id, record.title, float(self.ratings[place]), float(effects[place]))
            for record, place in zip(records, strongest.tolist(), strict=True)
        )


def reason_of(found: RatingPrediction) -> str:
    """Return where a predicted rating comes from, in words."""
    parts = [f"The average rating is {found.mean:.1f}."]
    item = "Items with such a text are" if not found.n_item_ratings else "This item is"
    parts.append(f"{item} rated {_difference(found.item_effect)}.")
    if found.because:
        named = ", ".join(
            f"{one.title or one.item_id} ({one.rating:g}: {one.effect:+.2f})" for one in found.because
        )
        parts.append(f"This user's ratings add {found.user_effect:+.2f}: {named}.")
    return " ".join(parts)


def _difference(effect: float) -> str:
    if abs(effect) < 0.05:
        return "as the average"
    return f"{abs(effect):.1f} {'above' if effect > 0 else 'below'} it"


def _notes(found: RatingPrediction, user: str | None) -> tuple[str, ...]:
    notes = []
    if not found.n_user_ratings:
        who = "the history has" if user is None else f"user {shown(user)} has"
        notes.append(f"{who} no other ratings of known items: this is what the item is rated on average")
    if not found.n_item_ratings:
        notes.append("the item has no ratings yet: its text was compared with the texts of rated items")
    if found.given is not None:
        notes.append(f"the item was rated {found.given:g} already; this rating did not count here")
    return tuple(notes)


def _why_not_learned(generation: Generation) -> str:
    if generation.learned is None:
        return "ratings are predicted by what was learned from them; run: semrec fit"
    return (
        "no ratings were learned: the event log had none when `semrec fit` ran. Add events of kind 'rate' "
        "with a value, then run: semrec fit"
    )
