"""From events to weighted user-item matrices: cleaning, and one weight for each user and item."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from semrec.errors import ConfigError
from semrec.events.amount_columns import damped_values, kept_share
from semrec.events.amounts import STATES
from semrec.events.cleaning import IS_RATING, CleaningReport, Sieve, by_user
from semrec.events.codes import NO_EVENTS, EventCodes, Vocabulary
from semrec.events.counting import REASONS, SECONDS_A_DAY, CleaningRules, shown
from semrec.events.frame import as_event_frames, has_position
from semrec.events.rating_scale import Neutral, RatingScale, check_scale, opinion

PART_EVENTS = 500_000
"""Events that are sorted at a time: sorting takes many times the memory of the events."""

MOST_MEDIANS = 100.0
"""Largest weight of a user and an item, in medians of all such weights."""

MOST_UNTIMED = 0.1
"""Largest share of events without a time with which the order of events is used; they count as the oldest."""

_PAIR = ("user", "item")


@dataclass(frozen=True, slots=True)
class Interactions:
    """Which user used which item, and how much; in all matrices, rows are users and columns are items.

    Parameters
    ----------
    users : user ids, sorted; all users with an honest event.
    items : item ids: the catalog as given, else all items with an event, sorted.
    matrix : CSR float32 (n_users, n_items), weights above 0 of items that a user likes.
    dislikes : CSR float32, the same shape, weights above 0 of disliked items. No pair is in both matrices.
    ratings : CSR float32, the same shape, the latest rating as given; a stored 0 is a rating.
    times : float64 (matrix.nnz,), unix seconds of the latest event of each entry of `matrix`; NaN: unknown.
    order : int64 (matrix.nnz,), rank of that time among all; equal times share one, unknown times the first.
    report : what cleaning did.
    """

    users: list[str]
    items: list[str]
    matrix: csr_matrix
    dislikes: csr_matrix
    ratings: csr_matrix
    times: NDArray[np.float64]
    order: NDArray[np.int64]
    report: CleaningReport

    @property
    def is_timed(self) -> bool:
        """Whether the order of the events is known, see `MOST_UNTIMED`."""
        return len(self.times) > 0 and bool(np.isnan(self.times).mean() <= MOST_UNTIMED)

    @property
    def shortage(self) -> str | None:
        """Why nothing can be learned from these events, in words; None if they are enough."""
        n_pairs = self.matrix.nnz
        if n_pairs == 0:
            left_out = "; ".join(f"{REASONS[why]}: {n:,}" for why, n in self.report.dropped.items())
            return f"none of {self.report.events:,} events likes an item ({left_out or 'there are none'})"
        if n_pairs == 1:
            return "all events are of one user and one item"
        if len(np.unique(self.matrix.indices)) == 1:
            return "all events are of one item"
        return None


def build_interactions(
    events: pl.DataFrame | Iterable[pl.DataFrame],
    *,
    kind_weights: Mapping[str, float],
    items: Sequence[str] | None = None,
    rating_scale: RatingScale | None = None,
    neutral_rating: Neutral = None,
    undamped_kinds: Collection[str] = (),
    half_life_days: float | None = None,
    rules: CleaningRules | None = None,
    now: float | None = None,
    part_events: int = PART_EVENTS,
) -> Interactions:
    """Clean events and add up one weight for each user and item.

    The weight of an event is the weight of its kind times its damped value, see `semrec.events.amounts`, or
    for ratings times the opinion: 0 for the neutral rating, 1 and -1 at the ends of the scale. Of several
    ratings the last one counts. An event with the opposite sign takes earlier ones on the same item back. A
    neutral rating is used, too: it is no like and no dislike, but a rating.

    Parameters
    ----------
    events : event frames, the events of each user in order: of equal or unknown times, the later row is
        later; events without a time are older than all others. Memory: about 60 bytes an event, and what
        sorting `part_events` events takes.
    kind_weights : weight of each kind; below 0: a dislike.
    items : ids of the catalog; None: all items of the events.
    rating_scale : None: guess it, see `guess_scale`.
    neutral_rating : see `Neutral`.
    undamped_kinds : kinds whose values count as they are.
    half_life_days : age, counted from the user's newest event, at which an event counts half; None: age does
        not matter.
    rules : limits of an honest event; None: the defaults.
    now : unix seconds; None: the clock.
    part_events : number of events that are sorted at a time.

    Raises
    ------
    ConfigError
        A weight, the scale or the neutral rating cannot be used.
    """
    check_kind_weights(kind_weights)
    check_scale(rating_scale, neutral_rating)
    rules = rules or CleaningRules()
    codes = EventCodes(items)
    now = time.time() if now is None else now
    sieve = Sieve(codes.encode_all(as_event_frames(events), rules, now), firsts=codes.firsts)
    bots = sieve.drop_bots(rules, part_events)
    unknown = {code: kind for kind, code in codes.kinds.codes.items() if kind not in kind_weights}
    unknown_kinds = sieve.drop_unknown_kinds(unknown)
    if codes.n_known_items is not None:
        sieve.drop("unknown_item", pl.col("item") >= codes.n_known_items)
    scale, notes = sieve.drop_outside_scale(rating_scale)
    sizes, states = damped_values(codes.of_kinds(undamped_kinds)), codes.of_kinds(STATES)
    factor = _of_kind(codes, kind_weights) * _decay(half_life_days)
    weight = _Weight(factor, sizes, states, scale, neutral_rating)
    parts = by_user(sieve.events.with_row_index("row"), part_events)
    sieve.events = NO_EVENTS  # frees memory
    pairs = [_add_up(Sieve(part, sieve.dropped, sieve.firsts), rules, weight) for part in parts]
    dropped = codes.dropped | sieve.dropped
    report = CleaningReport(
        events=codes.n_events,
        used=sum(part.n_used for part in pairs),
        dropped={reason: dropped[reason] for reason in REASONS if reason in dropped},
        examples={reason: codes.in_words(sieve.firsts[reason]) for reason in REASONS if reason in dropped},
        unknown_kinds=unknown_kinds,
        unknown_items=codes.n_unknown_items,
        bots=tuple(sorted(codes.users.names(bots))),
        rating_scale=scale,
        notes=tuple(notes),
    )
    return _cut(_matrices(pairs, codes, report))


def _cut(found: Interactions) -> Interactions:
    """Cut weights that are far above the median of the likes, so that no user decides a model alone."""
    limit = np.float32(MOST_MEDIANS * np.median(found.matrix.data)) if found.matrix.nnz else np.float32(0)
    matrices = {"matrix": found.matrix, "dislikes": found.dislikes}
    is_high = {name: matrix.data > limit for name, matrix in matrices.items()}
    n_high = int(sum(high.sum() for high in is_high.values()))
    if not found.matrix.nnz or not n_high:
        return found
    name = max(is_high, key=lambda name: bool(is_high[name].any()))
    first = matrices[name].tocoo()
    place = int(is_high[name].argmax())
    user, item = found.users[first.row[place]], found.items[first.col[place]]
    note = (
        f"{n_high:,} weights of a user and an item were above {MOST_MEDIANS:g} times the median weight "
        f"and are cut to that, for instance user {shown(user)}, item {shown(item)}, "
        f"weight {first.data[place]:g}"
    )
    cut = {
        name: csr_matrix((np.minimum(m.data, limit), m.indices, m.indptr), shape=m.shape)
        for name, m in matrices.items()
    }
    return replace(found, **cut, report=replace(found.report, notes=(*found.report.notes, note)))


@dataclass(frozen=True, slots=True)
class _Weight:
    """How much each event counts.

    Parameters
    ----------
    factor : weight of its kind and its age.
    size : what the size of its value counts, for events that are no ratings.
    states : codes of the kinds that put an item into a state, see `STATES`.
    scale, neutral : of ratings.
    """

    factor: pl.Expr
    size: pl.Expr
    states: Sequence[int]
    scale: RatingScale | None
    neutral: Neutral

    def of(self, events: pl.DataFrame) -> pl.Expr:
        """Return an expression: the weights of these events, float32; all events of their users are there."""
        value = pl.col("value").cast(pl.Float64)
        rated = opinion(value, IS_RATING, self.scale or (0.0, 0.0), self.neutral)
        amount = pl.when(IS_RATING).then(rated).otherwise(self.size * kept_share(events, self.states))
        return (self.factor * amount.fill_null(1.0)).cast(pl.Float32)


def _of_kind(codes: EventCodes, kind_weights: Mapping[str, float]) -> pl.Expr:
    """Return the weight of the kind of each event, float64."""
    weights = [float(kind_weights.get(kind, 0.0)) for kind in codes.kinds.codes]
    return pl.col("kind").replace_strict(range(len(weights)), weights, return_dtype=pl.Float64)


def _decay(half_life_days: float | None) -> pl.Expr:
    """Return the factor for the age of an event at the user's newest one; 1 where there is no clock."""
    if half_life_days is None:
        return pl.lit(1.0)
    seconds = pl.when(~has_position()).then(pl.col("time"))
    age_days = (seconds.max().over("user") - seconds) / SECONDS_A_DAY
    return (0.5 ** (age_days / half_life_days)).fill_null(1.0)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Added up weights of some users: coded frames of user, item, value, time and row.

    Parameters
    ----------
    likes, dislikes, ratings : one row a pair.
    users, items : codes of all users and items with an honest event.
    n_used : events behind likes, dislikes and neutral ratings.
    """

    likes: pl.DataFrame
    dislikes: pl.DataFrame
    ratings: pl.DataFrame
    users: pl.Series
    items: pl.Series
    n_used: int


def _add_up(sieve: Sieve, rules: CleaningRules, weight: _Weight) -> _Pairs:
    """Clean the events of some users, and add up the weights of each pair."""
    sieve.drop_repeats(rules)
    honest = sieve.events
    sieve.events = honest.with_columns(weight=weight.of(honest))
    sieve.drop("no_weight", (pl.col("weight") == 0) & ~IS_RATING)
    n_neutral = int((sieve.events["weight"] == 0).sum())
    sieve.events = sieve.events.filter(pl.col("weight") != 0)
    sieve.drop_taken_back()
    used = sieve.events
    return _Pairs(
        likes=_pairs_of(used.filter(pl.col("weight") > 0), pl.col("weight").sum()),
        dislikes=_pairs_of(used.filter(pl.col("weight") < 0), -pl.col("weight").sum()),
        ratings=_pairs_of(honest.filter(IS_RATING, pl.col("value").is_not_null()), pl.col("value").last()),
        users=honest["user"].unique(),
        items=honest["item"].unique(),
        n_used=len(used) + n_neutral,
    )


def _pairs_of(events: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    """Return one row a pair; `events` are ordered by user, item and time."""
    pairs = events.group_by(_PAIR, maintain_order=True)
    return pairs.agg(value.alias("value"), pl.col("time").max())


def _matrices(parts: Sequence[_Pairs], codes: EventCodes, report: CleaningReport) -> Interactions:
    """Return the matrices of all users."""
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
    return Interactions(users, items, matrix, dislikes, ratings, times, _order(pairs), report)


def _order(pairs: pl.DataFrame) -> NDArray[np.int64]:
    """Return the rank of the time of every pair's latest event among the times of all pairs."""
    return pairs["time"].rank("dense").fill_null(0).cast(pl.Int64).to_numpy()


def _item_labels(codes: EventCodes, used: pl.Series) -> tuple[list[str], NDArray[np.int32]]:
    if codes.n_known_items is None:
        return _relabelled(codes.items, used)
    return list(codes.items.codes)[: codes.n_known_items], np.arange(len(codes.items.codes), dtype=np.int32)


def _relabelled(vocabulary: Vocabulary, used: pl.Series) -> tuple[list[str], NDArray[np.int32]]:
    """Return the used texts, sorted, and for each old code its new one, int32 (-1: not used)."""
    codes = used.unique().to_list()
    pairs = sorted(zip(vocabulary.names(codes), codes, strict=True))
    places = np.full(len(vocabulary.codes), -1, dtype=np.int32)
    places[[code for _, code in pairs]] = np.arange(len(pairs), dtype=np.int32)
    return [name for name, _ in pairs], places


def check_kind_weights(kind_weights: Mapping[str, float]) -> None:
    """Raise `ConfigError` if a weight is not finite."""
    for kind, weight in kind_weights.items():
        if not math.isfinite(weight):
            raise ConfigError(f"the weight of kind {kind!r} is {weight}; give a finite number")
