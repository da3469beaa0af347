"""From events to who used what: cleaning that can be seen, and weighted user-item matrices.

Every event is either used or counted under exactly one reason of `REASONS`. Nothing is deleted: what is
left out here stays in the log.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from semrec.errors import ConfigError
from semrec.events.frame import ITEM, KIND, RATE, TIME, USER, VALUE, as_event_frames
from semrec.types import Float1D, Plain

SECONDS_A_DAY = 86_400.0
PART_EVENTS = 500_000
"""Events that are cleaned at once: bounds the memory."""

RatingScale: TypeAlias = tuple[float, float]
"""The lowest and the highest rating."""
Neutral: TypeAlias = float | Literal["user"] | None
"""The rating that says nothing: a number, each user's own mean, or (None) the middle of the scale."""

REASONS = {
    "no_id": "no user id, item id or kind",
    "impossible_time": "time is NaN, long ago or in the future",
    "impossible_value": "value is NaN or infinite",
    "bot": "more events than a person makes",
    "unknown_kind": "kind has no weight",
    "unknown_item": "item is not in the catalog",
    "outside_scale": "rating is outside the scale",
    "burst": "the same again within seconds",
    "superseded": "rating was changed later",
    "no_weight": "says neither yes nor no",
    "taken_back": "a later event says the opposite",
}
"""Why an event is not used, in the order in which it is asked."""

COMMON_SCALES: tuple[RatingScale, ...] = (
    (0, 1), (-1, 1), (1, 5), (0.5, 5), (0, 5), (1, 7), (1, 10), (0, 10), (0, 100),
)  # fmt: skip
"""Rating scales that are guessed, the narrowest first."""


@dataclass(frozen=True, slots=True)
class CleaningRules:
    """What counts as an honest event.

    Parameters
    ----------
    max_user_events : a user with more events is a bot.
    max_user_events_a_day : a user with more events on any day (UTC) is a bot.
    burst_s : seconds; the same user, item and kind again so soon is one event, the last.
    earliest : unix seconds; an earlier time is impossible. 1990 unless told.
    max_ahead_s : seconds; a time further in the future is impossible.
    """

    max_user_events: int = 10_000
    max_user_events_a_day: int = 5_000
    burst_s: float = 10.0
    earliest: float = 631_152_000.0
    max_ahead_s: float = SECONDS_A_DAY


@dataclass(frozen=True, slots=True)
class CleaningReport(Plain):
    """What became of all events; `used` and the numbers in `dropped` add up to `events`.

    Parameters
    ----------
    events, used : number of events given, and of those behind the matrices.
    dropped : number of events by reason, see `REASONS`; only those that occurred.
    unknown_kinds : number of events of each kind without a weight.
    unknown_items : number of different items that the catalog does not hold.
    bots : ids of the users that were left out.
    rating_scale : the scale of the ratings; None when there are none.
    notes : what was guessed, in plain words.
    """

    events: int
    used: int
    dropped: Mapping[str, int] = field(default_factory=dict)
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


@dataclass(frozen=True, slots=True)
class Interactions:
    """Who used what, and how much; rows are users, columns are items, in all matrices.

    Parameters
    ----------
    users : user ids, sorted; all that have an honest event.
    items : item ids: the catalog as given, else all that have an event, sorted.
    matrix : CSR float32 (n_users, n_items), weights above 0 of what speaks for an item.
    dislikes : CSR float32, the same shape, weights above 0 of what speaks against it. No pair is in both.
    ratings : CSR float32, the same shape, the latest rating as given; a stored 0 is a rating.
    times : float64 (matrix.nnz,), unix seconds of the latest event of each entry of `matrix`; NaN unknown.
    places : int64 (matrix.nnz,), place of that event by time; of equal times, the later row is later.
    report : how the events were cleaned.
    """

    users: list[str]
    items: list[str]
    matrix: csr_matrix
    dislikes: csr_matrix
    ratings: csr_matrix
    times: NDArray[np.float64]
    places: NDArray[np.int64]
    report: CleaningReport

    @property
    def shortage(self) -> str | None:
        """Why nothing can be learned from this, in plain words; None when there is no such reason."""
        n_pairs = self.matrix.nnz
        if n_pairs == 0:
            left_out = "; ".join(f"{REASONS[why]}: {n:,}" for why, n in self.report.dropped.items())
            return (
                f"none of {self.report.events:,} events speaks for an item ({left_out or 'there are none'})"
            )
        if n_pairs == 1:
            return "all events say the same: one user, one item"
        if len(np.unique(self.matrix.indices)) == 1:
            return "all events are about one item"
        return None


def build_interactions(
    events: pl.DataFrame | Iterable[pl.DataFrame],
    *,
    kind_weights: Mapping[str, float],
    items: Sequence[str] | None = None,
    rating_scale: RatingScale | None = None,
    neutral_rating: Neutral = None,
    half_life_days: float | None = None,
    rules: CleaningRules | None = None,
    now: float | None = None,
) -> Interactions:
    """Clean events and add them up to one weight for each user and item.

    An event weighs its kind's weight times its value; a rating weighs by its place on the scale: the
    neutral rating is 0, the ends are 1 and -1. Of several ratings the last counts. An event that says the
    opposite of earlier ones on the same item takes them back.

    Parameters
    ----------
    events : event frames, those of each user in order; of equal or unknown times the later row is later,
        and an event without a time is older than all with one. Held are about 60 bytes an event, and what
        it takes to clean `PART_EVENTS` of them.
    kind_weights : weight of each kind; below 0 it counts against.
    items : the ids of the catalog; None takes all items of the events.
    rating_scale : None guesses it, see `guess_scale`; the report tells.
    neutral_rating : see `Neutral`.
    half_life_days : age, from the user's newest event, at which one counts half; None: any counts alike.
    rules : what counts as honest; None takes the defaults.
    now : unix seconds, to know the future; None asks the clock.

    Raises
    ------
    ConfigError
        A weight, the scale or the neutral rating cannot be used.
    """
    _check_options(kind_weights, rating_scale, neutral_rating)
    rules = rules or CleaningRules()
    codes = _Codes(items)
    sieve = _Sieve(codes.encode_all(as_event_frames(events), rules, time.time() if now is None else now))
    bots = _drop_bots(sieve, rules)
    unknown_kinds = _drop_unknown(sieve, codes, kind_weights)
    scale, notes = _drop_outside_scale(sieve, rating_scale)
    weight = _weight(codes, kind_weights, scale, neutral_rating) * _decay(half_life_days)
    parts = _by_user(sieve.events.with_row_index("row"))
    sieve.events = _EMPTY
    pairs = [_add_up(_Sieve(part, sieve.dropped), rules, weight) for part in parts]
    report = CleaningReport(
        events=codes.n_events,
        used=sum(part.n_used for part in pairs),
        dropped=_in_order(codes.dropped | sieve.dropped),
        unknown_kinds=unknown_kinds,
        unknown_items=codes.n_unknown_items,
        bots=tuple(sorted(codes.users.names(bots))),
        rating_scale=scale,
        notes=tuple(notes),
    )
    return _matrices(pairs, codes, report)


def guess_scale(ratings: Float1D) -> RatingScale:
    """Return the scale that ratings are on.

    The narrowest common scale that holds all of them and whose upper half they reach; else one that holds
    all but one, or 19 of 20, so that a stray 999 does not turn all others into bad ratings; else from least
    to most.

    Parameters
    ----------
    ratings : float32 (n,), n at least 1, finite.
    """
    if ratings.min() < ratings.max():
        for n_strays in (0, max(1, len(ratings) // 20)):
            for low, high in COMMON_SCALES:
                held = ratings[(ratings >= low) & (ratings <= high)]
                if len(held) >= max(2, len(ratings) - n_strays) and held.max() > (low + high) / 2:
                    return float(low), float(high)
    return float(ratings.min()), float(ratings.max())


# Texts to numbers ----------------------------------------------------------------------------------


class _Vocabulary:
    """Texts and their codes, in the order in which they were met."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.codes: dict[str, int] = {text: code for code, text in enumerate(dict.fromkeys(texts))}

    def encode(self, texts: pl.Series) -> pl.Series:
        names = texts.unique(maintain_order=True)
        codes = [self.codes.setdefault(name, len(self.codes)) for name in names]
        encoded = texts.replace_strict(names, pl.Series(codes, dtype=pl.Int32), return_dtype=pl.Int32)
        return encoded.cast(pl.Int32)  # of no texts polars makes no numbers

    def names(self, codes: Iterable[int]) -> list[str]:
        texts = list(self.codes)
        return [texts[code] for code in codes]


class _Codes:
    """Turns event frames into one table of numbers, and counts the rows that cannot be numbers."""

    def __init__(self, items: Sequence[str] | None) -> None:
        self.users, self.items, self.kinds = _Vocabulary(), _Vocabulary(items or ()), _Vocabulary([RATE])
        self.n_known_items = None if items is None else len(self.items.codes)
        self.n_events = 0
        self.dropped: dict[str, int] = {}

    @property
    def n_unknown_items(self) -> int:
        return 0 if self.n_known_items is None else len(self.items.codes) - self.n_known_items

    def encode_all(self, frames: Iterable[pl.DataFrame], rules: CleaningRules, now: float) -> pl.DataFrame:
        """Return user, item, kind: int32, value: float32, time: float64, null when unknown."""
        return pl.concat([_EMPTY, *(self._encode(frame, rules, now) for frame in frames)])

    def _encode(self, frame: pl.DataFrame, rules: CleaningRules, now: float) -> pl.DataFrame:
        self.n_events += len(frame)
        sieve = _Sieve(frame, self.dropped)
        texts = [pl.col(name).is_null() | (pl.col(name) == "") for name in (USER, ITEM, KIND)]
        sieve.drop("no_id", pl.any_horizontal(texts))
        possible = pl.col(TIME).is_between(rules.earliest, now + rules.max_ahead_s)
        sieve.drop("impossible_time", ~possible | pl.col(TIME).is_nan())
        sieve.drop("impossible_value", ~pl.col(VALUE).is_finite())
        events = sieve.events
        return pl.DataFrame(
            {
                "user": self.users.encode(events[USER]),
                "item": self.items.encode(events[ITEM]),
                "kind": self.kinds.encode(events[KIND]),
                "value": events[VALUE].cast(pl.Float32),
                "time": events[TIME],
            }
        )


_EMPTY = pl.DataFrame(
    schema={"user": pl.Int32, "item": pl.Int32, "kind": pl.Int32, "value": pl.Float32, "time": pl.Float64}
)


# Cleaning ------------------------------------------------------------------------------------------

_PAIR = ("user", "item")
_IS_RATING = pl.col("kind") == 0
_IS_TIMED = pl.col("time").is_not_null()


class _Sieve:
    """Events, and how many fell through for which reason."""

    def __init__(self, events: pl.DataFrame, dropped: dict[str, int] | None = None) -> None:
        self.events = events
        self.dropped = {} if dropped is None else dropped

    def drop(self, reason: str, bad: pl.Expr) -> None:
        """Leave out the events where `bad` is true; null is not."""
        kept = self.events.filter(~bad.fill_null(False))
        n_bad = len(self.events) - len(kept)
        if n_bad:
            self.dropped[reason] = self.dropped.get(reason, 0) + n_bad
        self.events = kept


def _drop_bots(sieve: _Sieve, rules: CleaningRules) -> list[int]:
    """Leave out all events of a user that made too many; return the users."""
    bots = pl.concat([_bots(part, rules) for part in _by_user(sieve.events)])
    sieve.drop("bot", pl.col("user").is_in(bots.implode()))
    return bots.to_list()


def _bots(events: pl.DataFrame, rules: CleaningRules) -> pl.Series:
    in_all = events.group_by("user").len().filter(pl.col("len") > rules.max_user_events)
    days = events.filter(_IS_TIMED).group_by("user", pl.col("time") // SECONDS_A_DAY).len()
    in_a_day = days.filter(pl.col("len") > rules.max_user_events_a_day)
    return pl.concat([in_all["user"], in_a_day["user"]]).unique()


def _drop_unknown(sieve: _Sieve, codes: _Codes, kind_weights: Mapping[str, float]) -> dict[str, int]:
    """Leave out kinds without a weight and items outside the catalog; return those kinds."""
    unknown = {code: kind for kind, code in codes.kinds.codes.items() if kind not in kind_weights}
    is_unknown = pl.col("kind").is_in(list(unknown))
    found = sieve.events.filter(is_unknown)["kind"].value_counts(sort=True)
    sieve.drop("unknown_kind", is_unknown)
    if codes.n_known_items is not None:
        sieve.drop("unknown_item", pl.col("item") >= codes.n_known_items)
    return {unknown[code]: count for code, count in found.iter_rows()}


def _drop_outside_scale(sieve: _Sieve, given: RatingScale | None) -> tuple[RatingScale | None, list[str]]:
    """Leave out ratings outside the scale; return the scale, and how it was found."""
    ratings = sieve.events.filter(_IS_RATING)["value"].drop_nulls().to_numpy()
    if len(ratings) == 0:
        return given, []
    scale = given or guess_scale(ratings)
    sieve.drop("outside_scale", _IS_RATING & ~pl.col("value").is_between(*scale))
    if given:
        return scale, []
    how = "guessed" if scale in COMMON_SCALES else "guessed: the lowest and the highest that occurred"
    return scale, [f"rating scale: {scale[0]:g} to {scale[1]:g} ({how})"]


def _by_user(events: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the events of some users at a time: sorting takes many times the memory of the events."""
    n_parts = max(1, -(-len(events) // PART_EVENTS))
    for part in range(n_parts):
        yield events.filter(pl.col("user") % n_parts == part)


def _drop_repeats(sieve: _Sieve, rules: CleaningRules) -> None:
    """Leave out bursts and changed ratings, and order the events by user, item and time.

    Without times a repeat is an event with the same value, and its "moment" is that value.
    """
    moment = pl.coalesce("time", pl.col("value").cast(pl.Float64), pl.lit(1.0))
    alike = ("user", "item", "kind", _IS_TIMED.alias("timed"))
    sieve.events = sieve.events.with_columns(moment.alias("moment"), alike[-1]).sort(
        "user", "item", "kind", "timed", "moment", "row"
    )
    again = pl.all_horizontal(_is_as_next(name) for name in ("user", "item", "kind", "timed"))
    soon = pl.col("moment").shift(-1) - pl.col("moment") <= pl.when("timed").then(rules.burst_s).otherwise(
        0.0
    )
    sieve.drop("burst", again & soon)
    sieve.events = sieve.events.sort("user", "item", "kind", "timed", "time", "row")
    sieve.drop("superseded", _IS_RATING & pl.all_horizontal(_is_as_next(n) for n in ("user", "item", "kind")))
    sieve.events = sieve.events.sort("user", "item", "timed", "time", "row").drop("moment", "timed")


def _is_as_next(name: str) -> pl.Expr:
    return pl.col(name) == pl.col(name).shift(-1)


def _is_as_before(name: str) -> pl.Expr:
    return pl.col(name) == pl.col(name).shift(1)


def _drop_taken_back(sieve: _Sieve) -> None:
    """Leave out, of each user and item, all events up to the last that the final one contradicts.

    The events are ordered by user, item and time. (`over` would take minutes for a million pairs.)
    """
    events = sieve.events
    starts = events.select(~(_is_as_before("user") & _is_as_before("item"))).to_series().fill_null(True)
    pair = np.cumsum(starts.to_numpy()) - 1
    speaks_for = events["weight"].to_numpy() > 0
    final = np.append(np.flatnonzero(starts.to_numpy())[1:], len(events)) - 1
    against = np.flatnonzero(speaks_for != speaks_for[final[pair]]) if len(events) else pair
    last_against = np.full(len(final), -1)
    np.maximum.at(last_against, pair[against], against)
    sieve.drop(
        "taken_back", pl.lit(pl.Series(np.arange(len(events)) <= last_against[pair], dtype=pl.Boolean))
    )


def _in_order(dropped: Mapping[str, int]) -> dict[str, int]:
    return {reason: dropped[reason] for reason in REASONS if reason in dropped}


# Weights and matrices ------------------------------------------------------------------------------


def _weight(
    codes: _Codes, kind_weights: Mapping[str, float], scale: RatingScale | None, neutral: Neutral
) -> pl.Expr:
    """Return the weight of each event, float32: kind weight · value, or kind weight · opinion."""
    weights = [float(kind_weights.get(kind, 0.0)) for kind in codes.kinds.codes]
    of_kind = pl.col("kind").replace_strict(range(len(weights)), weights, return_dtype=pl.Float64)
    value = pl.col("value").cast(pl.Float64)
    opinion = pl.when(_IS_RATING).then(_opinion(value, scale or (0.0, 0.0), neutral)).otherwise(value)
    return (of_kind * opinion.fill_null(1.0)).cast(pl.Float32)


def _decay(half_life_days: float | None) -> pl.Expr:
    """Return what an event still counts, by its age at the user's newest event; 1 for unknown times."""
    if half_life_days is None:
        return pl.lit(1.0, pl.Float32)
    age_days = (pl.col("time").max().over("user") - pl.col("time")) / SECONDS_A_DAY
    return (0.5 ** (age_days / half_life_days)).fill_null(1.0).cast(pl.Float32)


def _opinion(rating: pl.Expr, scale: RatingScale, neutral: Neutral) -> pl.Expr:
    """Return what ratings say, from -1 to 1; always 1 where all ratings are equal."""
    low, high = scale
    if low == high:
        return pl.when(rating.is_not_null()).then(1.0)
    middle = pl.lit((low + high) / 2 if neutral is None else neutral)
    if neutral == "user":
        middle = pl.when(_IS_RATING).then(rating).mean().over("user")
    width = pl.when(rating > middle).then(high - middle).otherwise(middle - low)
    return pl.when(rating == middle).then(0.0).otherwise((rating - middle) / width)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """What some users say of each item: frames of user, item, value, time and place, in codes.

    Parameters
    ----------
    likes, dislikes, ratings : one row a pair.
    users, items : codes of all that have an honest event.
    n_used : events behind likes and dislikes.
    """

    likes: pl.DataFrame
    dislikes: pl.DataFrame
    ratings: pl.DataFrame
    users: pl.Series
    items: pl.Series
    n_used: int


def _add_up(sieve: _Sieve, rules: CleaningRules, weight: pl.Expr) -> _Pairs:
    """Clean the events of some users, and add up the weights of each pair."""
    _drop_repeats(sieve, rules)
    honest = sieve.events
    sieve.events = honest.with_columns(weight=weight)
    sieve.drop("no_weight", pl.col("weight") == 0)
    _drop_taken_back(sieve)
    used = sieve.events
    return _Pairs(
        likes=_pairs_of(used.filter(pl.col("weight") > 0), pl.col("weight").sum()),
        dislikes=_pairs_of(used.filter(pl.col("weight") < 0), -pl.col("weight").sum()),
        ratings=_pairs_of(honest.filter(_IS_RATING, pl.col("value").is_not_null()), pl.col("value").last()),
        users=honest["user"].unique(),
        items=honest["item"].unique(),
        n_used=len(used),
    )


def _pairs_of(events: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    """Return one row a pair; `events` are ordered by user, item and time."""
    pairs = events.group_by(_PAIR, maintain_order=True)
    return pairs.agg(value.alias("value"), pl.col("time").max(), pl.col("row").last())


def _matrices(parts: Sequence[_Pairs], codes: _Codes, report: CleaningReport) -> Interactions:
    """Put the pairs of all users into matrices."""
    users, new_users = _relabelled(codes.users, pl.concat([part.users for part in parts]))
    items, new_items = _item_labels(codes, pl.concat([part.items for part in parts]))

    def to_csr(frames: Iterable[pl.DataFrame]) -> tuple[csr_matrix, pl.DataFrame]:
        joined = pl.concat(list(frames))
        pairs = joined.with_columns(
            pl.Series("user", new_users[joined["user"]]), pl.Series("item", new_items[joined["item"]])
        ).sort(_PAIR)
        starts = np.searchsorted(pairs["user"].to_numpy(), np.arange(len(users) + 1))
        entries = (pairs["value"].to_numpy(), pairs["item"].to_numpy(), starts)
        return csr_matrix(entries, shape=(len(users), len(items)), dtype=np.float32), pairs

    matrix, pairs = to_csr(part.likes for part in parts)
    dislikes, _ = to_csr(part.dislikes for part in parts)
    ratings, _ = to_csr(part.ratings for part in parts)
    times = pairs["time"].fill_null(math.nan).to_numpy()
    return Interactions(users, items, matrix, dislikes, ratings, times, _places(pairs), report)


def _places(pairs: pl.DataFrame) -> NDArray[np.int64]:
    """Return the place of every pair's latest event among those of all pairs."""
    order = pairs.select(pl.arg_sort_by("time", "row", nulls_last=False)).to_series().to_numpy()
    places = np.empty(len(pairs), np.int64)
    places[order] = np.arange(len(pairs))
    return places


def _item_labels(codes: _Codes, used: pl.Series) -> tuple[list[str], NDArray[np.int32]]:
    if codes.n_known_items is None:
        return _relabelled(codes.items, used)
    return list(codes.items.codes)[: codes.n_known_items], np.arange(len(codes.items.codes), dtype=np.int32)


def _relabelled(vocabulary: _Vocabulary, used: pl.Series) -> tuple[list[str], NDArray[np.int32]]:
    """Return the used texts, sorted, and for each old code its place among them (-1: not used)."""
    codes = used.unique().to_list()
    pairs = sorted(zip(vocabulary.names(codes), codes, strict=True))
    places = np.full(len(vocabulary.codes), -1, dtype=np.int32)
    places[[code for _, code in pairs]] = np.arange(len(pairs), dtype=np.int32)
    return [name for name, _ in pairs], places


def _check_options(kind_weights: Mapping[str, float], scale: RatingScale | None, neutral: Neutral) -> None:
    for kind, weight in kind_weights.items():
        if not math.isfinite(weight):
            raise ConfigError(f"the weight of kind {kind!r} is {weight}; give a finite number")
    if scale is not None and not (
        math.isfinite(scale[0]) and math.isfinite(scale[1]) and scale[0] < scale[1]
    ):
        raise ConfigError(
            f"the rating scale {scale[0]:g} to {scale[1]:g} has no room; give lowest and highest"
        )
    if isinstance(neutral, str) and neutral != "user":
        raise ConfigError(f"the neutral rating is a number or 'user', not {neutral!r}")
    if scale is not None and isinstance(neutral, float | int) and not scale[0] <= neutral <= scale[1]:
        raise ConfigError(f"the neutral rating {neutral:g} is outside the scale {scale[0]:g} to {scale[1]:g}")
