"""Splits of interactions into a training part and a test part.

Every split first cleans the events: events of unknown items are left out, and of a repeated pair of user
and item only the last event stays; both are counted. So no pair is in both parts: train and test are
disjoint, and together they are the cleaned events. The same seed gives the same split. Among events at the
same time chance decides, so the order of the rows in a file teaches nothing. A split without training or test
events is an error.
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
"""Columns of an interaction frame; `value` (default 1) and `time` (unix seconds) are optional."""

Csr: TypeAlias = sparse.csr_array
"""Sparse matrix (n_users, n_items); a stored entry is an event, also if its value is 0."""


@dataclass(frozen=True)
class Split:
    """A training part and a test part, with the same rows (users) and columns (items).

    Parameters
    ----------
    kind : name of the split, for instance "random".
    users : user ids, sorted; row u of the matrices is `users[u]`.
    items : item ids; column i of the matrices is `items[i]`.
    train_events, test_events : frames with user_id, item_id, value, time.
    candidates : bool (n_items,), items that may be recommended.
    counts : events and users that were read, left out and kept, by name.
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
        """float32 CSR (n_users, n_items): the positive test events (value above 0)."""
        return self._matrix(self.test_events.filter(pl.col(VALUE) > 0))

    @cached_property
    def test_users(self) -> NDArray[np.int64]:
        """int64 (n,), ascending: rows with a training event and a positive test event."""
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
    events : frame with user_id, item_id and optionally value and time.
    share : in (0, 1); rounded half up. Of two or more items of a user at least one is a test item and at
        least one a training item; a single item is for training.
    seed : of the random choice.
    items : item ids of the catalog, in the order of the item vectors; None: the items of `events`, sorted.

    Raises
    ------
    ConfigError
        An option is out of range, or a part would be empty.
    """
    frame, counts = _clean(events, items)
    frame = frame.with_columns(order=_shuffled(frame, seed))
    return _build("random", frame, _last_of_each(share), items, counts)


def split_time(
    events: pl.DataFrame, *, share: float = 0.2, seed: int = 42, items: Sequence[str] | None = None
) -> Split:
    """Hold out the last share of every user's items by time; see `split_random`.

    `seed` only decides among events at the same time.
    """
    frame, counts = _clean(events, items, timed=True)
    frame = frame.with_columns(order=_oldest_first(frame, seed))
    return _build("time", frame, _last_of_each(share), items, counts)


def split_last(
    events: pl.DataFrame, *, share: float = 0.2, seed: int = 42, items: Sequence[str] | None = None
) -> Split:
    """Hold out the last item of every user with two or more; see `split_time`.

    `share` is not used.
    """
    frame, counts = _clean(events, items, timed=True)
    frame = frame.with_columns(order=_oldest_first(frame, seed))
    is_test = (_newest_first() == 1) & (pl.len().over(USER) > 1)
    return _build("last", frame, is_test, items, counts)


def split_global_time(
    events: pl.DataFrame, *, share: float = 0.2, seed: int = 42, items: Sequence[str] | None = None
) -> Split:
    """Hold out all events from one time on, chosen so that they are about `share` of all events.

    Users whose first event is later have no history; they are counted. `seed` is not used.
    """
    _check_share(share)
    frame, counts = _clean(events, items, timed=True)
    moment = frame[TIME].quantile(1 - share, "higher")
    return _build("global-time", frame, pl.col(TIME) >= moment, items, counts)


def split_cold_items(
    events: pl.DataFrame, *, share: float = 0.2, seed: int = 42, items: Sequence[str] | None = None
) -> Split:
    """Hold out all events of a random share of the items with events; only these items are candidates.

    Users without a remaining training event are counted and are not test users.
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
    """Keep only a few training events of a random share of users; their other events are the test part.

    The users are chosen among those with more than `max(known)` items, and at least 4; each history length
    gets the same number of users. Their earliest events are kept if all events have a time, else random ones.
    All events of other users are for training.

    Parameters
    ----------
    events, share, seed, items : see `split_random`; `share` is of the users who can be chosen.
    known : history lengths, each at least 1. Splits with one length each, up to 3, choose the same users.
    """
    _check_share(share)
    if not known or min(known) < 1:
        raise ConfigError(f"known={tuple(known)}: give history lengths of 1 or more")
    longest = max(3, *known)
    frame, counts = _clean(events, items)
    is_timed = not frame[TIME].null_count()
    frame = frame.with_columns(order=_oldest_first(frame, seed) if is_timed else _shuffled(frame, seed))
    sizes = frame.group_by(USER).len().filter(pl.col("len") > longest).sort(USER)
    cold = _chosen(np.asarray(sizes[USER].to_list(), dtype=object), share, seed)
    if not cold:
        raise ConfigError(f"no user has more than {longest} items, none can be cut to {tuple(known)}")
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
"""The splits by their names on the command line; all take (events, share=, seed=, items=)."""


def _clean(
    events: pl.DataFrame, items: Sequence[str] | None, timed: bool = False
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the cleaned events, sorted by user and item, with their `order` in time, and the counts."""
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
        raise ConfigError("interactions have a value that is NaN or infinite: remove these rows")
    if timed and frame[TIME].null_count():
        raise ConfigError(
            "this split needs a time for every event: remove events without a time, or use the split 'random'"
        )
    known = frame.filter(pl.col(ITEM).is_in(list(items))) if items is not None else frame
    known = known.sort(TIME, maintain_order=True, nulls_last=False)
    last = known.with_row_index("order").unique((USER, ITEM), keep="last").sort(USER, ITEM)
    if last.is_empty():
        raise ConfigError(f"none of {len(events)} interactions can be used: there is nothing to learn from")
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
    """Return a random order that only depends on the pairs and the seed."""
    return pl.Series("order", np.random.default_rng(seed).permutation(len(frame)))


def _oldest_first(frame: pl.DataFrame, seed: int) -> pl.Series:
    """Return the place of each event in time; chance decides among equal times."""
    by_chance = frame.select(pl.arg_sort_by(pl.col(TIME), _shuffled(frame, seed))).to_series()
    return by_chance.arg_sort().alias("order")


def _newest_first() -> pl.Expr:
    return pl.col("order").rank("ordinal", descending=True).over(USER)


def _last_of_each(share: float) -> pl.Expr:
    """Return whether an event is in the last share of the events of its user."""
    _check_share(share)
    n_events = pl.len().over(USER).cast(pl.Int64)
    n_test = (n_events * share + 0.5).floor().clip(1, n_events - 1)
    return (n_events > 1) & (_newest_first() <= n_test)


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise ConfigError(f"share={share}: must be between 0 and 1")


def _chosen(ids: NDArray[Any], share: float, seed: int) -> list[str]:
    """Return a random share of ids, at least one unless there are none."""
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
    marked = frame.with_columns(test=is_test)
    columns = (USER, ITEM, VALUE, TIME)
    train = marked.filter(~pl.col("test")).select(columns)
    test = marked.filter("test").select(columns)
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
    in_train, in_test = set(train[USER]), set(test[USER])
    return {
        "train_events": len(train),
        "test_events": len(test),
        "test_events_not_liked": len(test.filter(pl.col(VALUE) <= 0)),
        "users": len(in_train | in_test),
        "users_without_history": len(in_test - in_train),
        "users_without_test": len(in_train - in_test),
        "items_without_training": len(set(test[ITEM]) - set(train[ITEM])),
    }
