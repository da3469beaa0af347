"""Splits divide the events, and keep the future and the test part out of training."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semrec.errors import ConfigError
from semrec.evaluation.splits import (
    SPLITS,
    split_cold_items,
    split_cold_users,
    split_global_time,
    split_last,
    split_random,
    split_time,
)

PAIR = ["user_id", "item_id"]

logs = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz"), st.integers(0, 20)),
    min_size=1,
    max_size=40,
)


def frame(rows, value=1.0):
    return pl.DataFrame(
        rows, schema={"user_id": pl.String, "item_id": pl.String, "time": pl.Float64}, orient="row"
    ).with_columns(value=pl.lit(value))


def pairs(events):
    return set(events.select(PAIR).iter_rows())


@pytest.mark.parametrize("kind", SPLITS)
@settings(max_examples=60, deadline=None)
@given(rows=logs, seed=st.integers(0, 5), share=st.sampled_from([0.1, 0.2, 0.5, 0.9]))
def test_every_split_divides_the_pairs(kind, rows, seed, share):
    events = frame(rows)
    try:
        split = SPLITS[kind](events, share=share, seed=seed)
    except ConfigError:
        return
    train, test = pairs(split.train_events), pairs(split.test_events)
    assert not train & test
    assert train | test == pairs(events)
    assert split.train.nnz == len(train)
    assert split.test.nnz == len(test)
    assert split.counts["repeated"] == len(rows) - len(pairs(events))
    assert (split.train.multiply(split.test)).nnz == 0
    again = SPLITS[kind](events, share=share, seed=seed)
    assert again.train_events.equals(split.train_events)
    assert again.test_events.equals(split.test_events)
    asked = {split.users[u] for u in split.test_users}
    assert asked == {u for u, _ in train} & {u for u, _ in test}
    assert split.counts["users_without_history"] == len({u for u, _ in test} - {u for u, _ in train})


@settings(max_examples=60, deadline=None)
@given(rows=logs)
def test_time_splits_do_not_train_on_later_events(rows):
    events = frame(rows)
    for cut in (split_time, split_last):
        try:
            split = cut(events)
        except ConfigError:
            continue
        newest = split.train_events.group_by("user_id").agg(pl.col("time").max())
        joined = split.test_events.join(newest, on="user_id", suffix="_known")
        assert (joined["time"] >= joined["time_known"]).all()
        assert set(split.test_events["user_id"]) <= set(split.train_events["user_id"])
    try:
        split = split_global_time(events)
    except ConfigError:
        return
    assert split.train_events["time"].max() < split.test_events["time"].min()


def test_random_does_not_depend_on_the_order_of_rows(events):
    one, other = split_random(events), split_random(events.sample(fraction=1, shuffle=True, seed=3))
    assert pairs(one.test_events) == pairs(other.test_events)
    assert pairs(split_random(events, seed=1).test_events) != pairs(one.test_events)


def test_shares_are_rounded_and_single_items_stay(events):
    split = split_random(events)
    sizes = events.unique(PAIR).group_by("user_id").len()
    held = dict(split.test_events.group_by("user_id").len().iter_rows())
    for user, n in sizes.iter_rows():
        assert held.get(user, 0) == (0 if n == 1 else max(1, int(0.2 * n + 0.5)))
    assert split.counts["users_without_test"] == (sizes["len"] == 1).sum()


def test_last_holds_out_exactly_one():
    split = split_last(frame([("a", "x", 3), ("a", "y", 9), ("a", "z", 5), ("b", "x", 1)]))
    assert pairs(split.test_events) == {("a", "y")}
    assert split.counts["users_without_test"] == 1


def test_of_a_repeated_pair_the_last_event_counts():
    split = split_time(frame([("a", "x", 9), ("a", "x", 1), ("a", "y", 5), ("a", "z", 2)]))
    assert split.counts["repeated"] == 1
    assert pairs(split.test_events) == {("a", "x")}


def test_only_cold_items_are_candidates(events):
    split = split_cold_items(events)
    cold = {split.items[i] for i in np.flatnonzero(split.candidates)}
    assert len(cold) == 4
    assert not cold & set(split.train_events["item_id"])
    assert set(split.test_events["item_id"]) == cold


def test_cold_users_have_one_two_or_three_training_events(events):
    split = split_cold_users(events, share=0.9)
    lengths = np.diff(split.train.indptr)[split.test_users]
    assert sorted(set(lengths)) == [1, 2, 3]
    newest = split.train_events.group_by("user_id").agg(pl.col("time").max())
    joined = split.test_events.join(newest, on="user_id", suffix="_known")
    assert (joined["time"] > joined["time_known"]).all()
    one, two = (split_cold_users(events, known=(n,)).test_users for n in (1, 2))
    assert one.tolist() == two.tolist()


def test_cold_users_without_time_are_cut_at_random(events):
    split = split_cold_users(events.drop("time"), known=(2,))
    assert set(np.diff(split.train.indptr)[split.test_users]) == {2}


def test_columns_are_those_of_the_catalog_and_unknown_items_are_counted(events):
    catalog = [*(f"i{i:02}" for i in reversed(range(19))), "never seen"]
    split = split_random(events, items=catalog)
    assert split.items == tuple(catalog)
    assert split.counts["unknown_items"] == (events["item_id"] == "i19").sum()
    u, i = (int(x[0]) for x in split.test.nonzero())
    assert (split.users[u], split.items[i]) in pairs(split.test_events)


def test_dislikes_are_known_items_but_not_positives():
    rows = pl.DataFrame(
        {"user_id": ["a"] * 3, "item_id": ["x", "y", "z"], "value": [1.0, 1.0, -1.0], "time": [1, 2, 3]}
    )
    split = split_last(rows)
    assert len(split.test_events) == 1
    assert split.test.nnz == 0
    assert split.counts["test_events_not_liked"] == 1


@pytest.mark.parametrize(
    ("kind", "events", "message"),
    [
        ("random", {"user_id": ["a"]}, "column 'item_id'"),
        ("random", {"user_id": ["a"], "item_id": ["x"]}, "nothing to test"),
        ("random", {"user_id": [], "item_id": []}, "nothing to learn"),
        ("random", {"user_id": ["a"], "item_id": ["x"], "value": [float("nan")]}, "NaN"),
        ("time", {"user_id": ["a", "a"], "item_id": ["x", "y"]}, "needs a time"),
        ("last", {"user_id": ["a", "a"], "item_id": ["x", "y"], "time": [1.0, float("nan")]}, "needs a time"),
        ("cold-users", {"user_id": ["a", "a"], "item_id": ["x", "y"]}, "no user has more than 3"),
        ("cold-items", {"user_id": ["a"], "item_id": ["x"]}, "nothing to learn"),
        ("global-time", {"user_id": ["a"], "item_id": ["x"], "time": [1.0]}, "nothing to learn"),
        ("global-time", {"user_id": [], "item_id": [], "time": []}, "nothing to learn"),
    ],
)
def test_events_that_cannot_be_split_are_an_error(kind, events, message):
    with pytest.raises(ConfigError, match=message):
        SPLITS[kind](pl.DataFrame(events))


@pytest.mark.parametrize("kind", ["random", "time", "cold-items", "cold-users", "global-time"])
@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_the_share_must_be_between_0_and_1(kind, share, events):
    with pytest.raises(ConfigError, match="share"):
        SPLITS[kind](events, share=share)


def test_history_lengths_start_at_1(events):
    with pytest.raises(ConfigError, match="known"):
        split_cold_users(events, known=(0, 1))


def test_among_events_at_the_same_time_chance_decides():
    """The order of the rows in a file teaches nothing; the seed decides."""
    rows = [(f"u{user}", f"i{item}", 1.0, float(item >= 4)) for user in range(60) for item in range(8)]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "value", "time"], orient="row")
    for split in (split_time, split_last):
        held_out = split(events).test_events["item_id"].value_counts()
        assert set(held_out["item_id"]) == {"i4", "i5", "i6", "i7"}
        assert held_out["count"].min() > 5
        again, other = split(events), split(events, seed=1)
        assert again.test_events.equals(split(events).test_events)
        assert not again.test_events.equals(other.test_events)
