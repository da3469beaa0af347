"""Cut interactions into what a recommender may learn from and what it is asked for.

Every split first cleans the events (unknown items and repeated pairs are counted and left out; of a
repeated pair the last event stays), so that no pair of user and item is on both sides: train and test
are disjoint, and together they are the cleaned events. The same seed gives the same split; the order of
the rows only decides between events of the same time. A split that leaves nothing to learn or nothing to
test is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from semrec.errors import ConfigError

USER, ITEM, VALUE, TIME = "user_id", "item_id", "value", "time"
"""Columns of an interaction frame; `value` (1 when missing) and `time` (unix seconds) are optional."""

Csr: TypeAlias = sparse.csr_array
"""Sparse matrix (n_users, n_items); a stored entry is an event, whatever its value."""


@dataclass(frozen=True)
class Split:
    """Train and test over one numbering of users (rows) and items (columns).

    Parameters
    ----------
    kind : how it was cut, for instance "random".
    users : user ids, sorted; row u of the matrices is `users[u]`.
    items : item ids; column i of the matrices is `items[i]`.
    train_events, test_events : frames with user_id, item_id, value, time.
    candidates : bool (n_items,), items that may be recommended.
    counts : what was read, left out and kept, by name.
    """

    kind: str
    users: tuple[str, ...]
    items: tuple[str, ...]
    train_events: pl.DataFrame
    test_events: pl.DataFrame
    candidates: NDArray[np.bool_]
    counts: Mapping[str, int]

    @cached_property
    def train(self) -> Csr:
        """float32 CSR (n_users, n_items): the value of every training event."""
        return self._matrix(self.train_events)

    @cached_property
    def test(self) -> Csr:
        """float32 CSR (n_users, n_items): the test events that speak *for* an item (value above 0)."""
        return self._matrix(self.test_events.filter(pl.col(VALUE) > 0))

    @cached_property
    def test_users(self) -> NDArray[np.int64]:
        """int64 (n,), ascending: rows with something known and something to find."""
        return np.flatnonzero((np.diff(self.train.indptr) > 0) & (np.diff(self.test.indptr) > 0))

    @cached_property
    def popularity(self) -> NDArray[np.int64]:
        """int64 (n_items,): training events of every item."""
        return np.bincount(self.train.indices, minlength=len(self.items))

    def _matrix(self, events: pl.DataFrame) -> Csr:
        rows = _positions(events[USER], self.users)
        columns = _positions(events[ITEM], self.items)
        values = events[VALUE].to_numpy().astype(np.float32)
        matrix = sparse.csr_array((values, (rows, columns)), shape=(len(self.users), len(self.items)))
        matrix.sort_indices()
        return matrix


def split_random(
    events: pl.DataFrame, *, share: float = 0.2, seed: int = 42, items: Sequence[str] | None = None
) -> Split:
    """Hold out a random share of every user's items.

    Parameters
    ----------
    events : frame with user_id, item_id and optionally value and time; filter what counts as liked before.
    share : in (0, 1); rounded half up, at least one item and never all of a user with two or more items.
        A user with one item keeps it for training.
    seed : of the random choice.
    items : the catalog's ids, in the order of the item vectors; None: the items of `events`, sorted.

    Raises
    ------
    ConfigError
        The options cannot work, or nothing is left to learn or to test.
    """
    frame, counts = _clean(events, items)
    frame = frame.with_columns(order=_shuffled(frame, seed))
    return _build("random", frame, _last_of_each(share), items, counts)


def split_time(
    events: pl.DataFrame, *, share: float = 0.2, seed: int = 42, items: Sequence[str] | None = None
) -> Split:
    """Hold out the last share of every user's items by time; see `split_random`.

    Events of the same second keep the order of the input. `seed` is not used.
    """
    frame, counts = _clean(events, items, timed=True)
    return _build("time", frame, _last_of_each(share), items, counts)


def split_last(
    events: pl.DataFrame, *, share: float = 0.2, seed: int = 42, items: Sequence[str] | None = None
) -> Split:
    """Hold out the last item of every user with two or more; see `split_time`.

    `share` and `seed` are not used.
    """
    frame, counts = _clean(events, items, timed=True)
    is_test = (_newest_first() == 1) & (pl.len().over(USER) > 1)
    return _build("last", frame, is_test, items, counts)


def split_global_time(
    events: pl.DataFrame, *, share: float = 0.2, seed: int = 42, items: Sequence[str] | None = None
) -> Split:
    """Hold out everything from one moment on, such that it is about a share of all events.

    Users who first appear after it have no history; they are counted. `seed` is not used.
    """
    _check_share(share)
    frame, counts = _clean(events, items, timed=True)
    moment = frame[TIME].quantile(1 - share, "higher")
    return _build("global-time", frame, pl.col(TIME) >= moment, items, counts)


def split_cold_items(
    events: pl.DataFrame, *, share: float = 0.2, seed: int = 42, items: Sequence[str] | None = None
) -> Split:
    """Hold out all events of a random share of the items that have events; only those are candidates.

    Users who are left without a history are counted and not asked.
    """
    _check_share(share)
    frame, counts = _clean(events, items)
    ids = np.asarray(frame[ITEM].unique().sort().to_list(), dtype=object)
    cold = _chosen(ids, share, seed)
    split = _build("cold-items", frame, pl.col(ITEM).is_in(cold), items, counts)
    candidates = np.zeros(len(split.items), dtype=bool)
    candidates[_positions(pl.Series(cold, dtype=pl.String), split.items)] = True
    return replace(split, candidates=candidates)


def split_cold_users(
    events: pl.DataFrame,
    *,
    share: float = 0.2,
    seed: int = 42,
    items: Sequence[str] | None = None,
    known: Sequence[int] = (1, 2, 3),
) -> Split:
    """Cut the history of a random share of users to a few events; the rest of it is the test.

    Chosen are users with more than `max(known)` items, and at least 4; the lengths are dealt out to them
    evenly. They keep their earliest events when all events have a time, random ones otherwise. Everyone
    else trains in full.

    Parameters
    ----------
    events, share, seed, items : see `split_random`; `share` is of the users who can be chosen.
    known : history lengths, each at least 1. Splits with one length each, up to 3, cut the same users.
    """
    _check_share(share)
    if not known or min(known) < 1:
        raise ConfigError(f"known={tuple(known)}: give history lengths of 1 or more")
    longest = max(3, *known)
    frame, counts = _clean(events, items)
    if frame[TIME].null_count():
        frame = frame.with_columns(order=_shuffled(frame, seed))
    sizes = frame.group_by(USER).len().filter(pl.col("len") > longest).sort(USER)
    cold = _chosen(np.asarray(sizes[USER].to_list(), dtype=object), share, seed)
    if not cold:
        raise ConfigError(f"no user has more than {longest} items: nobody can be cut to {tuple(known)}")
    length = {user: known[turn % len(known)] for turn, user in enumerate(cold)}
    keep = pl.col(USER).replace_strict(length, default=len(frame), return_dtype=pl.Int64)
    oldest_first = pl.col("order").rank("ordinal").over(USER)
    return _build("cold-users", frame, oldest_first > keep, items, counts)


SPLITS: Mapping[str, Callable[..., Split]] = {
    "time": split_time,
    "global-time": split_global_time,
    "last": split_last,
    "random": split_random,
    "cold-items": split_cold_items,
    "cold-users": split_cold_users,
}
"""Every split by the name that the command line uses; all take (events, share=, seed=, items=)."""


def _clean(
    events: pl.DataFrame, items: Sequence[str] | None, timed: bool = False
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return usable events, sorted by user and item, with their `order` in time, and counts."""
    for column in (USER, ITEM):
        if column not in events.columns:
            raise ConfigError(f"interactions need a column {column!r}; there are {events.columns}")
    frame = events.select(
        pl.col(USER).cast(pl.String),
        pl.col(ITEM).cast(pl.String),
        _number(events, VALUE).fill_null(1.0),
        _number(events, TIME).fill_nan(None),
    )
    if not bool(frame[VALUE].is_finite().all()):
        raise ConfigError("interactions hold a value that is NaN or infinite: leave those rows out")
    if timed and frame[TIME].null_count():
        raise ConfigError(
            "this split needs a time for every event: leave out those without one, or split 'random'"
        )
    known = frame.filter(pl.col(ITEM).is_in(list(items))) if items is not None else frame
    known = known.sort(TIME, maintain_order=True, nulls_last=False)
    last = known.with_row_index("order").unique((USER, ITEM), keep="last").sort(USER, ITEM)
    if last.is_empty():
        raise ConfigError(f"none of {len(events)} interactions is usable: there is nothing to learn")
    counts = {
        "events": len(events),
        "unknown_items": len(frame) - len(known),
        "repeated": len(known) - len(last),
    }
    return last, counts


def _number(events: pl.DataFrame, column: str) -> pl.Expr:
    source = pl.col(column) if column in events.columns else pl.lit(None).alias(column)
    return source.cast(pl.Float64)


def _shuffled(frame: pl.DataFrame, seed: int) -> pl.Series:
    """Return a random order that depends on the pairs and the seed only."""
    return pl.Series("order", np.random.default_rng(seed).permutation(len(frame)))


def _newest_first() -> pl.Expr:
    return pl.col("order").rank("ordinal", descending=True).over(USER)


def _last_of_each(share: float) -> pl.Expr:
    """Tell whether an event is in the last share of its user's."""
    _check_share(share)
    n_events = pl.len().over(USER).cast(pl.Int64)
    n_test = (n_events * share + 0.5).floor().clip(1, n_events - 1)
    return (n_events > 1) & (_newest_first() <= n_test)


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise ConfigError(f"share={share}: give a share between 0 and 1")


def _chosen(ids: NDArray[Any], share: float, seed: int) -> list[str]:
    """Return a random share of ids, at least one if there are any."""
    n_chosen = min(len(ids), max(1, int(share * len(ids) + 0.5)))
    return list(np.random.default_rng(seed).permutation(ids)[:n_chosen])


def _positions(ids: pl.Series, among: Sequence[str]) -> NDArray[np.int64]:
    positions = ids.replace_strict(pl.Series(among, dtype=pl.String), pl.int_range(len(among), eager=True))
    return positions.cast(pl.Int64).to_numpy()


def _build(
    kind: str,
    frame: pl.DataFrame,
    is_test: pl.Expr,
    items: Sequence[str] | None,
    counts: Mapping[str, int],
) -> Split:
    cut = frame.with_columns(test=is_test)
    columns = (USER, ITEM, VALUE, TIME)
    train, test = cut.filter(~pl.col("test")).select(columns), cut.filter("test").select(columns)
    if train.is_empty() or test.is_empty():
        side = "learn from" if train.is_empty() else "test"
        raise ConfigError(
            f"split {kind!r} of {len(frame)} usable events leaves nothing to {side}: {dict(counts)}"
        )
    ids = tuple(items) if items is not None else tuple(frame[ITEM].unique().sort())
    everything = np.ones(len(ids), dtype=bool)
    users = tuple(frame[USER].unique().sort())
    return Split(kind, users, ids, train, test, everything, {**counts, **_count(train, test)})


def _count(train: pl.DataFrame, test: pl.DataFrame) -> dict[str, int]:
    learned, asked = set(train[USER]), set(test[USER])
    return {
        "train_events": len(train),
        "test_events": len(test),
        "test_events_not_liked": len(test.filter(pl.col(VALUE) <= 0)),
        "users": len(learned | asked),
        "users_without_history": len(asked - learned),
        "users_without_test": len(learned - asked),
        "items_without_training": len(set(test[ITEM]) - set(train[ITEM])),
    }
