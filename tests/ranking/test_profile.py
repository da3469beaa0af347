"""From a history to weights and interests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semrec.config import KIND_WEIGHTS
from semrec.errors import ConfigError
from semrec.events.counting import CleaningRules, CountingRules
from semrec.events.frame import frame_of
from semrec.events.interactions import build_interactions
from semrec.ranking.profile import (
    SECONDS_A_DAY,
    central_items,
    event_weights,
    find_interests,
    item_weights,
    usable_events,
)
from semrec.types import Event


def weights(*events, half_life_days=None, rating_scale=(1.0, 5.0), kind_weights=KIND_WEIGHTS):
    return event_weights(
        events, kind_weights=kind_weights, rating_scale=rating_scale, half_life_days=half_life_days
    ).tolist()


def day(n, **fields):
    return Event("a", time=1e9 + n * SECONDS_A_DAY, **fields)


def test_the_kind_decides():
    kinds = ("view", "click", "buy", "dislike")
    assert weights(*(Event("a", kind) for kind in kinds)) == [1, 1, 3, -1]


def test_a_value_multiplies():
    events = Event("a", "buy", value=3), Event("a", "view", value=0.5), Event("a", "view", value=1)
    assert weights(*events) == pytest.approx([6, math.log2(1.5), 1])
    undamped = {"kind_weights": KIND_WEIGHTS, "rating_scale": (1.0, 5.0), "half_life_days": None}
    assert event_weights(events, **undamped, undamped_kinds=("buy",)).tolist()[0] == 9


def test_a_return_is_taken_off_the_purchases():
    bought, returned = Event("a", "buy", value=6), Event("a", "buy", value=-1)
    assert of_items(bought, returned)["a"] == pytest.approx(3 * (math.log2(7) + 1) * 5 / 7)
    assert of_items(bought, Event("a", "buy", value=-6)) == {"a": 0}
    assert of_items(Event("a", "buy"), Event("a", "buy", value=-2))["a"] < 0
    assert of_items(bought, Event("b", "buy", value=-6))["b"] < 0


def test_a_removal_from_the_cart_alone_is_neutral():
    added, removed = Event("a", "cart"), Event("a", "cart", value=-1)
    assert of_items(removed) == {"a": 0}
    assert of_items(added, removed) == {"a": 0}
    assert of_items(added, added, removed)["a"] > 0
    assert of_items(Event("a"), Event("a", "like", value=-1))["a"] == weights(Event("a"))[0]


def test_an_event_counts_half_after_the_half_life():
    assert weights(day(10), day(30), day(20), half_life_days=10) == [0.25, 1, 0.5]


def test_age_is_taken_from_the_newest_event_so_the_answer_does_not_change_overnight():
    assert weights(day(0), day(7), half_life_days=7) == weights(day(1000), day(1007), half_life_days=7)


def test_an_event_without_a_time_does_not_age():
    assert weights(Event("a"), day(0), day(10), half_life_days=10) == [1, 0.5, 1]


def test_without_a_half_life_age_does_not_matter():
    assert weights(day(0), day(10_000)) == [1, 1]


def test_a_rating_counts_by_its_place_on_the_scale():
    ratings = (Event("a", "rate", value=value) for value in (1, 2, 3, 4, 5))
    assert weights(*ratings) == [-1, -0.5, 0, 0.5, 1]
    assert weights(Event("a", "rate", value=10), rating_scale=(0, 10)) == [1]


def test_a_dislike_ages_too():
    assert weights(day(0, kind="dislike"), day(10), half_life_days=10) == [-0.5, 1]


@pytest.mark.parametrize("value", [0, 5.5])
def test_a_rating_off_the_scale(value):
    with pytest.raises(ConfigError, match=r"rating .* of item 'a' is outside the scale 1 to 5"):
        weights(Event("a", "rate", value=value))


def test_a_kind_without_a_weight_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"'listen'.*Known kinds: buy, cart, click, dislike, like"):
        weights(Event("a", "listen"))
    assert weights(Event("a", "listen"), kind_weights={"listen": 2.0}) == [2]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number(value):
    with pytest.raises(ConfigError, match="'a' has the value"):
        weights(Event("a", value=value))


@pytest.mark.parametrize("time", [float("nan"), float("inf"), float("-inf")])
def test_a_time_that_is_no_time(time):
    with pytest.raises(ConfigError, match="'a' has the time"):
        weights(Event("a", time=time), day(1), half_life_days=1)


def test_no_events_have_no_weights():
    assert weights() == []


# -- what an item counts -------------------------------------------------------------------------------

SCALE, BURST_S, NOW = (1.0, 5.0), 10.0, 1_700_000_000.0


def weights_and_ages(*events):
    said = event_weights(events, kind_weights=KIND_WEIGHTS, rating_scale=SCALE, half_life_days=None)
    return item_weights(events, said)


def of_items(*events):
    return weights_and_ages(*events)[0]


def usable(events):
    rules = CleaningRules()
    counting = CountingRules(KIND_WEIGHTS, SCALE, rules.earliest, NOW + rules.max_ahead_s)
    return usable_events(events, counting, burst_s=BURST_S)


def test_events_of_one_item_add_up():
    assert of_items(Event("b"), Event("a", "buy"), Event("b")) == {"b": 2, "a": 3}
    assert of_items() == {}


def test_of_several_ratings_the_last_counts():
    rated = [Event("a", "rate", value) for value in (1.0, 2.0, 5.0)]
    assert of_items(*rated, Event("a")) == {"a": 2}
    assert of_items(*rated, Event("a", "rate", 3.0)) == {"a": 0}


def test_who_changed_their_mind_takes_back_what_was_said():
    assert of_items(Event("a", "buy"), Event("a", "dislike")) == {"a": -1}
    assert of_items(Event("a", "dislike"), Event("a"), Event("a")) == {"a": 2}
    assert of_items(Event("a"), Event("a", "dislike"), Event("a", "buy")) == {"a": 3}


def test_the_age_of_an_item_counts_newer_liked_items():
    history = [Event("a"), Event("b"), Event("c", "dislike"), Event("b"), Event("d")]
    assert weights_and_ages(*history)[1] == {"a": 2, "b": 1, "c": 2, "d": 0}


def test_items_of_one_time_are_equally_old():
    """Who rated two films in the same second did not rate them one after the other."""
    history = [Event("a", time=5.0), Event("b", time=5.0), Event("c", time=9.0), Event("d"), Event("e")]
    assert weights_and_ages(*history)[1] == {"a": 3, "b": 3, "c": 2, "d": 1, "e": 0}


@st.composite
def logs(draw):
    kinds = st.sampled_from([*KIND_WEIGHTS, "sing"])
    times = [None, 0.0, 5.0, 5e8, 9e9, *(NOW - 100 + second for second in (0, 3, 8, 30, 39, 60))]
    amounts = [None, None, 0.0, 1.0, 6.0, -1.0, -6.0]
    events = [
        Event(
            draw(st.sampled_from("ab")),
            kind := draw(kinds),
            draw(st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0, 9.0, None] if kind == "rate" else amounts)),
            draw(st.sampled_from(times)),
        )
        for _ in range(draw(st.integers(0, 8)))
    ]
    return sorted(events, key=lambda event: -1.0 if event.time is None else event.time)


@settings(deadline=None, max_examples=60)
@given(logs())
def test_a_user_is_served_as_the_user_was_learned_from(log):
    """The weights of a stored history are the row of the matrices, whatever stands in the log."""
    learned = build_interactions(
        frame_of("u", log),
        kind_weights=KIND_WEIGHTS,
        items=["a", "b"],
        rating_scale=SCALE,
        rules=CleaningRules(burst_s=BURST_S),
        now=NOW,
    )
    row = (learned.matrix - learned.dislikes).toarray().sum(axis=0)
    found = of_items(*usable(log))
    assert [found.get(item, 0) for item in "ab"] == pytest.approx(row.tolist())


# -- interests -----------------------------------------------------------------------------------------


def around(axes, seed=0, spread=0.1, dimension=8):
    """Return unit vectors near the given axes."""
    noise = np.random.default_rng(seed).normal(size=(len(axes), dimension)) * spread / dimension**0.5
    rows = np.eye(dimension)[list(axes)] + noise
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def ones(n):
    return np.ones(n, np.float32)


def test_two_clear_interests_are_found_the_heavier_first():
    axes = [0, 1, 1, 0, 1]
    assert find_interests(around(axes), ones(5), 8).tolist() == [1, 0, 0, 1, 0]
    heavy_zero = np.array([9, 1, 1, 9, 1], np.float32)
    assert find_interests(around(axes), heavy_zero, 8).tolist() == [0, 1, 1, 0, 1]


def test_like_items_are_one_interest():
    assert find_interests(around([0] * 6), ones(6), 8).tolist() == [0] * 6


def test_there_are_at_most_so_many_interests():
    labels = find_interests(around([0, 1, 2, 3, 4, 5]), ones(6), 3)
    assert set(labels.tolist()) == {0, 1, 2}


def test_items_that_count_against_form_no_interest():
    given_weights = np.array([1, -1, 0, 1], np.float32)
    assert find_interests(around([0, 0, 1, 1]), given_weights, 8).tolist() == [0, -1, -1, 1]
    assert find_interests(around([0, 0]), -ones(2), 8).tolist() == [-1, -1]
    assert find_interests(around([0, 1]), np.array([-1, 1], np.float32), 8).tolist() == [-1, 0]


def test_an_empty_history_has_no_interests():
    assert find_interests(np.empty((0, 8), np.float32), np.empty(0, np.float32), 8).tolist() == []


def pair(cosine):
    """Return two unit vectors with this cosine."""
    return np.array([[1, 0], [cosine, (1 - cosine**2) ** 0.5]], np.float32)


@pytest.mark.parametrize(("cosine", "n_interests"), [(0.09, 2), (0.15, 1)])
def test_items_are_one_interest_from_a_cosine_of_about_an_eighth(cosine, n_interests):
    labels = find_interests(pair(cosine), ones(2), 8)
    assert len(set(labels.tolist())) == n_interests


def test_items_beyond_the_heaviest_join_the_nearest_interest():
    axes = [0 if place % 3 else 1 for place in range(800)]
    falling = np.linspace(2, 1, 800).astype(np.float32)
    labels = find_interests(around(axes), falling, 8)
    assert labels.tolist() == axes  # axis 0 has two thirds of the weight


@pytest.mark.parametrize(("n_heavy", "n_interests"), [(480, 2), (540, 1)])
def test_only_the_heaviest_half_thousand_form_interests(n_heavy, n_interests):
    """Clustering compares all pairs: a history of 10,000 items would take minutes."""
    axes = [0] * n_heavy + [1] * 20
    falling = np.linspace(2, 1, n_heavy + 20).astype(np.float32)
    labels = find_interests(around(axes), falling, 8)
    assert len(set(labels.tolist())) == n_interests


@given(
    st.integers(1, 40).flatmap(
        lambda n: st.tuples(
            st.lists(st.integers(0, 7), min_size=n, max_size=n),
            st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 3.0]), min_size=n, max_size=n),
        )
    ),
    st.integers(1, 8),
    st.sampled_from([0.1, 3.0]),
)
def test_labels_are_contiguous_complete_and_in_order_of_weight(case, max_interests, spread):
    axes, given_weights = case
    given_weights = np.array(given_weights, np.float32)
    labels = find_interests(around(axes, spread=spread), given_weights, max_interests)
    assert labels.dtype == np.int64
    assert ((labels >= 0) == (given_weights > 0)).all()
    found = sorted(set(labels[labels >= 0].tolist()))
    assert found == list(range(len(found)))
    assert len(found) <= max_interests
    heaviness = [given_weights[labels == label].sum() for label in found]
    assert heaviness == sorted(heaviness, reverse=True)


def test_identical_items_are_one_interest():
    assert find_interests(np.repeat(around([0]), 5, axis=0), ones(5), 8).tolist() == [0] * 5


def test_items_without_direction_still_belong_somewhere():
    assert (find_interests(np.zeros((3, 8), np.float32), ones(3), 8) >= 0).all()


def test_the_most_central_item_comes_first():
    rows = np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    labels = np.array([0, 0, 0, 1])
    # The middle of the first three is (0.6, 0.53, 0): closest to the second.
    assert central_items(rows, labels, 0).tolist() == [1, 0, 2]
    assert central_items(rows, labels, 1).tolist() == [3]


def test_the_items_of_a_pair_are_equally_central():
    rows = np.random.default_rng(0).normal(size=(40, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for first in range(0, 40, 2):
        labels = np.full(40, -1)
        labels[first : first + 2] = 0
        assert central_items(rows, labels, 0).tolist() == [first, first + 1]
