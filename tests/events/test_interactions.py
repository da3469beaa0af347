"""From events to weighted matrices: every event is used or counted."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semrec.errors import ConfigError
from semrec.events.counting import REASONS, CleaningRules
from semrec.events.frame import SCHEMA
from semrec.events.interactions import build_interactions

WEIGHTS = {"view": 1.0, "buy": 3.0, "rate": 2.0, "dislike": -1.0, "nothing": 0.0}
NOW = 1.7e9
DAY = 86_400.0


def build(*rows, **options):
    full = [(*row, *("view", None, None)[len(row) - 2 :]) for row in rows]
    frame = pl.DataFrame(full, schema=SCHEMA, orient="row")
    return build_interactions(frame, **{"kind_weights": WEIGHTS, "now": NOW, **options})


def cells(interactions, name="matrix"):
    matrix = getattr(interactions, name).tocoo()
    users, items = interactions.users, interactions.items
    return {
        (users[row], items[column]): pytest.approx(float(value), abs=1e-6)
        for row, column, value in zip(matrix.row, matrix.col, matrix.data, strict=True)
    }


def test_weights_by_hand():
    found = build(
        ("a", "x"), ("a", "x", "view", None, NOW - DAY), ("a", "x", "buy", 3.0, NOW), ("b", "y", "dislike"),
        ("b", "x", "rate", 5.0), ("b", "z", "rate", 4.0), ("c", "z", "rate", 2.0), ("c", "x", "rate", 1.0),
        rating_scale=(1, 5),
    )  # fmt: skip
    assert (found.users, found.items) == (["a", "b", "c"], ["x", "y", "z"])
    # views 1 + 1, bought three: 3 · log2(1 + 3); ratings 2 · (5 - 3) / 2 and 2 · (4 - 3) / 2
    assert cells(found) == {("a", "x"): 8.0, ("b", "x"): 2.0, ("b", "z"): 1.0}
    assert cells(found, "dislikes") == {("b", "y"): 1.0, ("c", "z"): 1.0, ("c", "x"): 2.0}
    assert cells(found, "ratings") == {("b", "x"): 5.0, ("b", "z"): 4.0, ("c", "z"): 2.0, ("c", "x"): 1.0}
    assert found.matrix.dtype == found.dislikes.dtype == found.ratings.dtype == np.float32
    np.testing.assert_array_equal(found.times, [NOW, math.nan, math.nan])
    assert found.report.used == found.report.events == 8


def test_a_neutral_rating_moves_the_zero():
    rows = [
        ("a", "x", "rate", 5.0),
        ("a", "y", "rate", 4.0),
        ("b", "x", "rate", 2.0),
        ("b", "y", "rate", 1.0),
    ]
    fixed = build(*rows, rating_scale=(1, 5), neutral_rating=4)
    assert cells(fixed) == {("a", "x"): 2.0}
    assert cells(fixed, "dislikes") == {("b", "x"): 4 / 3, ("b", "y"): 2.0}
    assert fixed.report.dropped == {}
    assert fixed.report.used == 4  # a neutral rating is used: as a rating
    own = build(*rows, rating_scale=(1, 5), neutral_rating="user")  # means 4.5 and 1.5
    assert cells(own) == {("a", "x"): 2.0, ("b", "x"): 2 * 0.5 / 3.5}
    assert cells(own, "dislikes") == {("a", "y"): 2 * 0.5 / 3.5, ("b", "y"): 2.0}


def test_a_guessed_scale_is_in_the_report():
    found = build(("a", "x", "rate", 5.0), ("a", "y", "rate", 0.5))
    assert found.report.rating_scale == (0.5, 5.0)
    assert "rating scale: 0.5 to 5 (guessed)" in str(found.report)
    assert cells(found) == {("a", "x"): 2.0}


def test_a_stray_rating_is_counted_and_does_not_stretch_the_scale():
    found = build(*((f"u{n}", "x", "rate", float(n)) for n in (1, 3, 5, 999)))
    assert found.report.rating_scale == (1.0, 5.0)
    assert found.report.dropped == {"outside_scale": 1}


def test_an_odd_scale_is_reported_as_lowest_and_highest():
    found = build(*((f"u{n}", "x", "rate", float(n)) for n in (1, 500, 999)))
    assert "1 to 999 (guessed: the lowest and the highest rating)" in found.report.notes[0]


def test_old_events_count_less_with_a_half_life():
    rows = (("a", "x", "view", None, NOW), ("a", "y", "view", None, NOW - 10 * DAY), ("a", "z", "view"))
    assert cells(build(*rows)) == {("a", "x"): 1.0, ("a", "y"): 1.0, ("a", "z"): 1.0}
    assert cells(build(*rows, half_life_days=5)) == {("a", "x"): 1.0, ("a", "y"): 0.25, ("a", "z"): 1.0}


def test_equal_times_share_a_rank_and_unknown_times_are_oldest():
    found = build(
        ("a", "y", "view", None, NOW), ("a", "x", "view", None, NOW), ("b", "x", "view", None, 1e9),
        ("b", "y"), ("b", "z"),
    )  # fmt: skip
    assert list(cells(found)) == [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("b", "z")]
    assert found.order.tolist() == [2, 2, 1, 0, 0]


@pytest.mark.parametrize("part_events", [1, 3, 7])
def test_cleaning_in_parts_is_the_same(part_events):
    rng = np.random.default_rng(0)
    kinds = rng.choice(["view", "rate", "dislike"], 60)
    rows = [
        (f"u{rng.integers(6)}", f"i{rng.integers(5)}", kind, int(rng.integers(1, 6)), NOW - at // 3)
        for at, kind in enumerate(kinds)
    ]
    whole = build(*rows)
    parts = build(*rows, part_events=part_events)
    assert parts.report == whole.report
    for name in ("matrix", "dislikes", "ratings"):
        assert cells(parts, name) == cells(whole, name)
    np.testing.assert_array_equal(parts.times, whole.times)
    np.testing.assert_array_equal(parts.order, whole.order)


def test_equal_ratings_are_all_likes():
    found = build(("a", "x", "rate", 1.0), ("b", "y", "rate", 1.0))
    assert cells(found) == {("a", "x"): 2.0, ("b", "y"): 2.0}


def test_ratings_outside_the_scale_are_counted():
    found = build(
        ("a", "x", "rate", 5.0), ("a", "y", "rate", 6.0), ("a", "z", "rate", 0.0), rating_scale=(1, 5)
    )
    assert found.report.dropped == {"outside_scale": 1}
    assert found.report.notes == ('1 ratings of 0 say "not rated", and count as views (guessed)',)
    assert cells(found) == {("a", "x"): 2.0, ("a", "z"): 1.0}


def test_ratings_of_zero_that_stand_apart_are_views():
    rated = [(f"u{n}", "x", "rate", float(rating)) for n, rating in enumerate((0, 0, 0, 0, 5, 8, 10, 7))]
    found = build(*rated, ("u0", "y", "rate", 9.0), ("u0", "y", "rate", 0.0, NOW))
    assert found.report.rating_scale == (1.0, 10.0)
    assert '5 ratings of 0 say "not rated", and count as views (guessed)' in found.report.notes
    assert cells(found, "ratings")["u0", "y"] == 9.0
    assert cells(found)["u1", "x"] == 1.0
    assert ("u1", "x") not in cells(found, "ratings")


def test_a_return_is_no_dislike():
    returned = [
        *(("a", "kept", "buy", 6.0, NOW - DAY), ("a", "kept", "buy", -1.0, NOW)),
        *(("a", "all", "buy", 6.0, NOW - 1), ("a", "all", "buy", -6.0, NOW)),
        *(("a", "more", "buy", 1.0, NOW - 1), ("a", "more", "buy", -2.0, NOW)),
        *(("a", "untimed", "buy", 2.0), ("a", "untimed", "buy", -1.0)),
        *(("a", "elsewhere", "buy"), ("b", "elsewhere", "buy", -1.0)),
    ]
    found = build(*returned)
    assert set(cells(found)) == {("a", "kept"), ("a", "untimed"), ("a", "elsewhere")}
    assert cells(found)["a", "kept"] == pytest.approx(3 * (math.log2(7) + 1) * 5 / 7)
    assert set(cells(found, "dislikes")) == {("a", "more"), ("b", "elsewhere")}
    assert found.report.dropped == {"no_weight": 2}


def test_the_end_of_a_state_alone_is_neutral():
    rows = [
        ("a", "removed", "cart", -1.0),
        *(("a", "both", "cart", 1.0, NOW - 1), ("a", "both", "cart", -1.0, NOW)),
        *(("a", "more", "cart", 1.0, NOW - 1), ("a", "more", "cart", -2.0, NOW)),
        *(("a", "left", "cart", 2.0, NOW - 1), ("a", "left", "cart", -1.0, NOW)),
        *(("a", "viewed", "view", 1.0), ("a", "viewed", "like", -1.0)),
        ("a", "bought", "buy", -1.0),
    ]
    found = build(*rows, kind_weights=WEIGHTS | {"cart": 2.0, "like": 3.0})
    assert set(cells(found)) == {("a", "left"), ("a", "viewed")}
    assert cells(found)["a", "viewed"] == 1.0
    assert set(cells(found, "dislikes")) == {("a", "bought")}


def test_one_large_count_does_not_decide_all():
    rows = [(f"u{n}", f"i{n}", "view", float(n_views)) for n, n_views in enumerate((13_883, 11, 10, 12))]
    weights = build(*rows).matrix.data
    assert weights.max() / weights.sum() < 0.6
    undamped = build(*rows, undamped_kinds=("view",)).matrix.data
    assert undamped.max() / undamped.sum() > 0.95


def test_positions_are_an_order_without_a_clock():
    rows = [("a", item, "view", None, float(place)) for place, item in enumerate("zyxz")]
    found = build(*rows, ("a", "w", "view", None, NOW), half_life_days=1)
    assert found.is_timed
    assert found.report.dropped == {}
    assert cells(found) == {("a", "z"): 2.0, ("a", "y"): 1.0, ("a", "x"): 1.0, ("a", "w"): 1.0}
    order = np.array(found.items)[found.matrix.indices][np.argsort(found.order)]
    assert order.tolist() == ["y", "x", "z", "w"]


def test_the_last_rating_counts():
    found = build(
        ("a", "x", "rate", 5.0, NOW), ("a", "x", "rate", 1.0, NOW - DAY), ("a", "y", "rate", 1.0),
        ("a", "y", "rate", 5.0), rating_scale=(1, 5),
    )  # fmt: skip
    assert cells(found) == {("a", "x"): 2.0, ("a", "y"): 2.0}
    assert found.report.dropped == {"superseded": 2}


def test_a_later_event_of_the_other_sign_takes_earlier_ones_back():
    found = build(
        ("a", "x", "buy", None, NOW - 2 * DAY), ("a", "x", "dislike", None, NOW - DAY),
        ("a", "y", "dislike", None, NOW - DAY), ("a", "y", "buy", None, NOW),
        ("a", "z", "dislike"), ("a", "z", "view"), ("b", "x"),
    )  # fmt: skip
    assert cells(found) == {("a", "y"): 3.0, ("a", "z"): 1.0, ("b", "x"): 1.0}
    assert cells(found, "dislikes") == {("a", "x"): 1.0}
    assert found.report.dropped == {"taken_back": 3}


def test_impossible_times_and_values_are_counted():
    nan = float("nan")
    found = build(
        ("a", "x", "view", None, nan), ("a", "x", "view", None, -5.0), ("a", "x", "view", None, 5e8),
        ("a", "x", "view", None, NOW + 2 * DAY), ("a", "x", "view", nan), ("a", "x", "view", float("inf")),
        ("a", "y", "view", None, NOW + DAY / 2), (None, "x"), ("a", ""),
    )  # fmt: skip
    assert found.report.dropped == {"no_id": 2, "impossible_time": 4, "impossible_value": 2}
    assert cells(found) == {("a", "y"): 1.0}


def test_what_an_old_log_can_hold_is_left_out_with_an_example():
    found = build(
        ("mallory", "cmake", "buy", 1e20), ("mallory", "gcc", "buy", -1e19), ("ann", "gcc", "view", 3.4e38),
        ("ann", "cmake", "view", None, 1e300), ("ann", "x" * 10**6), ("ann", "cmake"),
    )  # fmt: skip
    assert found.report.dropped == {"long_id": 1, "impossible_time": 1, "impossible_value": 3}
    assert (
        found.report.examples["impossible_value"] == "user 'mallory', item 'cmake', kind 'buy', value 1e+20"
    )
    assert found.report.examples["impossible_time"] == "user 'ann', item 'cmake', kind 'view', time 1e+300"
    assert len(found.report.examples["long_id"]) < 200
    assert cells(found) == {("ann", "cmake"): 1.0}


def test_examples_of_coded_events_have_their_names():
    found = build(
        ("ann", "a", "purchase"), ("ann", "gone"), ("bob", "a", "rate", 99.0), ("bob", "b", "rate", 4.0),
        items=["a", "b"], rating_scale=(1, 5),
    )  # fmt: skip
    assert found.report.examples == {
        "unknown_kind": "user 'ann', item 'a', kind 'purchase'",
        "unknown_item": "user 'ann', item 'gone', kind 'view'",
        "outside_scale": "user 'bob', item 'a', kind 'rate', value 99",
    }


def test_few_events_without_a_time_leave_the_order_known():
    timed = [(f"u{n}", "a", "view", None, NOW - n) for n in range(9)]
    assert build(*timed).is_timed
    assert build(*timed, ("u", "a")).is_timed
    found = build(*timed, ("u", "a"), ("v", "a"))
    assert not found.is_timed
    assert found.order[np.isnan(found.times)].tolist() == [0, 0]
    assert not build().is_timed


def test_a_weight_far_above_the_median_is_cut():
    rows = [(f"u{n}", "a", "view", 2.0) for n in range(5)]
    undamped = {"undamped_kinds": ("view", "buy", "dislike")}
    found = build(*rows, ("mallory", "a", "buy", 1e6), ("mallory", "b", "dislike", 1e6), **undamped)
    assert cells(found)["mallory", "a"] == cells(found, "dislikes")["mallory", "b"] == 200.0
    assert found.report.notes == (
        "2 weights of a user and an item were above 100 times the median weight and are cut to that, "
        "for instance user 'mallory', item 'a', weight 3e+06",
    )
    assert build(*rows).report.notes == ()


def test_bots_are_left_out():
    rules = CleaningRules(max_user_events=4, max_user_events_a_day=3)
    found = build(
        *(("all", f"{place}") for place in range(5)),
        *(("day", f"{place}", "view", None, 1.6e9 + place) for place in range(4)),
        *(("person", f"{place}", "view", None, 1.6e9 + place * DAY) for place in range(4)),
        rules=rules,
    )
    assert found.users == ["person"]
    assert found.report.bots == ("all", "day")
    assert found.report.dropped == {"bot": 9}


def test_bursts_are_one_event():
    found = build(
        *(("a", "x", "view", None, NOW + second) for second in (0, 9, 18, 40)),
        ("a", "x", "buy", None, NOW + 1), ("b", "x"), ("b", "x"), ("b", "x", "view", 3.0),
    )  # fmt: skip
    assert cells(found) == {("a", "x"): 5.0, ("b", "x"): 3.0}
    assert found.report.dropped == {"burst": 3}


def test_unknown_items_and_kinds_are_counted():
    found = build(("a", "x"), ("a", "?"), ("b", "?"), ("b", "x", "sniff"), items=["z", "x"])
    assert (found.users, found.items) == (["a"], ["z", "x"])
    assert found.matrix.shape == (1, 2)
    assert found.report.dropped == {"unknown_kind": 1, "unknown_item": 2}
    assert found.report.unknown_kinds == {"sniff": 1}
    assert found.report.unknown_items == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "none of 0 events"),
        ([("a", "x", "dislike")], "none of 1 events"),
        ([("a", "x", "sniff")], "kind has no weight: 1"),
        ([("a", "x")], "one user and one item"),
        ([("a", "x")] * 5, "one user and one item"),
        ([("a", "x"), ("b", "x")], "all events are of one item"),
    ],
)
def test_too_few_events_are_reported(rows, message):
    assert message in build(*rows).shortage


def test_two_items_are_enough():
    assert build(("a", "x"), ("a", "y")).shortage is None


def test_wrong_options_are_refused():
    with pytest.raises(ConfigError, match="weight of kind 'view'"):
        build(kind_weights={"view": math.nan})
    with pytest.raises(ConfigError, match="lowest must be below the highest, got 5 to 1"):
        build(rating_scale=(5, 1))
    with pytest.raises(ConfigError, match="'user'"):
        build(neutral_rating="mean")
    with pytest.raises(ConfigError, match="outside the scale"):
        build(rating_scale=(1, 5), neutral_rating=7)


events = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "", None]),
        st.sampled_from(["x", "y", "?", "", None]),
        st.sampled_from([*WEIGHTS, "sniff", None]),
        st.sampled_from([None, 0.0, 1.0, 3.0, 4.0, 5.0, 9.0, -1.0, math.nan, math.inf]),
        st.sampled_from([None, -1.0, NOW, NOW - 3, NOW - 9, NOW - DAY, NOW + 9 * DAY, math.nan]),
    ),
    max_size=40,
)
options = st.fixed_dictionaries(
    {
        "items": st.sampled_from([None, ["x", "y", "z"]]),
        "rating_scale": st.sampled_from([None, (1.0, 5.0)]),
        "neutral_rating": st.sampled_from([None, 3, "user"]),
        "rules": st.just(CleaningRules(max_user_events=12, max_user_events_a_day=8)),
    }
)


@settings(max_examples=60, deadline=None)
@given(events, options, st.integers(1, 7))
def test_every_event_is_used_or_counted_once(rows, chosen, size):
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    found = build_interactions(frame.iter_slices(size), kind_weights=WEIGHTS, now=NOW, **chosen)
    report = found.report
    assert report.events == len(rows) == report.used + sum(report.dropped.values())
    assert set(report.dropped) <= set(REASONS)
    for matrix in (found.matrix, found.dislikes, found.ratings):
        assert matrix.shape == (len(found.users), len(found.items))
        assert matrix.has_canonical_format
        assert np.isfinite(matrix.data).all()
    assert (found.matrix.data > 0).all()
    assert (found.dislikes.data > 0).all()
    assert found.matrix.multiply(found.dislikes).nnz == 0
    assert len(found.times) == found.matrix.nnz <= report.used
    assert found.report == build_interactions(frame, kind_weights=WEIGHTS, now=NOW, **chosen).report
    assert report.to_dict()["used"] == report.used
