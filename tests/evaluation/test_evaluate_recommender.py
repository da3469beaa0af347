"""An evaluation on small planted data: a better method scores higher, and the test part stays unseen."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

import semrec.evaluation.evaluate_recommender as steps
from semrec.config import KIND_WEIGHTS, Settings
from semrec.errors import ConfigError
from semrec.evaluation.baselines import FittedBaselines
from semrec.evaluation.evaluate_recommender import (
    BLEND,
    evaluate_recommender,
    parts_note,
    rating_measures,
    split_interactions,
    training_part,
    weights_by_length,
)
from semrec.events.frame import SCHEMA
from semrec.events.interactions import build_interactions
from semrec.learning.models import Models

N_USERS, CLUBS, CLUB_SIZE = 90, 5, 8
START, HOUR = 1_600_000_000.0, 3600.0
ITEMS = [f"{club}-{place}" for club in range(CLUBS) for place in range(CLUB_SIZE)] + ["new"]
CLUB_OF = [*np.repeat(np.arange(CLUBS), CLUB_SIZE), 0]
VECTORS = np.hstack(
    [np.random.default_rng(2).normal(size=(len(ITEMS), 6)), 2 * np.eye(CLUBS)[CLUB_OF]]
).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
TEXTS = [f"text of item {item}" for item in ITEMS]
SETTINGS = Settings()


def rows(kind="view", dislikes=False, timed=True):
    """Users use five of the eight items of their club, and one of another."""
    choose = random.Random(5)
    found = []
    for user in range(N_USERS):
        club = user % CLUBS
        items = choose.sample([f"{club}-{place}" for place in range(CLUB_SIZE)], 5)
        items.insert(choose.randrange(6), f"{(club + 2) % CLUBS}-{choose.randrange(CLUB_SIZE)}")
        for place, item in enumerate(items):
            value = None
            if kind == "rate":
                value = 5.0 if item.startswith(str(club)) else 1.0
            at = START + (place * N_USERS + user) * HOUR if timed else None
            found.append((f"u{user:03}", item, kind, value, at))
        if dislikes:
            found.append((f"u{user:03}", f"{(club + 1) % CLUBS}-0", "dislike", None, START + 900 * HOUR))
    return found


def interactions_of(found, **options):
    frame = pl.DataFrame(found, schema=SCHEMA, orient="row")
    return build_interactions(frame, kind_weights=KIND_WEIGHTS, items=ITEMS, **options)


@pytest.fixture(scope="module")
def interactions():
    return interactions_of(rows())


def value_of(evaluation, recommender, metric="ndcg"):
    return {m.recommender: m.value for m in evaluation.find(metric)}[recommender]


def pairs(frame):
    return set(frame.select("user_id", "item_id").iter_rows())


# -- the split -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", sorted(steps.SPLITS))
def test_no_pair_of_the_test_is_learned_from(interactions, split):
    parts = split_interactions(interactions, split, 0.2, 1)
    data = training_part(parts, VECTORS)
    everything = interactions.matrix.toarray() > 0
    learned, asked = data.user_items.toarray() > 0, parts.test.toarray() > 0
    assert asked.any()
    assert not (learned & asked).any()
    assert (learned | asked == everything).all()
    assert pairs(parts.train_events).isdisjoint(pairs(parts.test_events))


@pytest.mark.parametrize("split", ["random", "cold-items", "cold-users"])
def test_what_is_learned_from_is_all_that_learning_gets(interactions, split, monkeypatch):
    """Learning and the baselines never see more than the training part."""
    seen = []
    learn, fit_baselines = steps.learn, steps.fit_baselines

    def watched_learn(data, **options):
        seen.append(data.user_items.toarray() > 0)
        return learn(data, **options)

    def watched_baselines(baselines, train, features, progress):
        seen.append(train.toarray() != 0)
        popular = lambda users: np.tile(train.sum(axis=0), (len(users), 1))  # noqa: E731
        return FittedBaselines({"popular": popular}, {"popular": 0.0}, ())

    monkeypatch.setattr(steps, "learn", watched_learn)
    monkeypatch.setattr(steps, "fit_baselines", watched_baselines)
    assert fit_baselines is not steps.fit_baselines
    evaluate_recommender(interactions, VECTORS, TEXTS, SETTINGS, split=split, seed=1)
    parts = split_interactions(interactions, split, 0.2, 1)
    assert len(seen) == 2
    for matrix in seen:
        assert (matrix == (parts.train.toarray() != 0)).all()
        assert not matrix[parts.test.toarray() > 0].any()


def test_one_event_without_a_time_does_not_hide_the_order_of_the_rest():
    found = interactions_of([*rows(), ("u000", "new", "view", None, None)])
    part = training_part(split_interactions(found, "random", 0.2, 1), VECTORS)
    assert part.order is not None
    assert (part.order.indices == part.user_items.indices).all()


def test_events_of_one_time_have_one_place_in_the_order():
    found = interactions_of([(*row[:4], START) for row in rows()])
    order = training_part(split_interactions(found, "random", 0.2, 1), VECTORS).order
    assert set(order.data.tolist()) == {1.0}


@pytest.mark.parametrize(("at", "has_order"), [(None, True), (START, False)], ids=["times", "one time"])
def test_baselines_get_the_order_if_there_is_one(at, has_order, monkeypatch):
    found = interactions_of([(*row[:4], row[4] if at is None else at) for row in rows()])
    seen = []

    def watched(baselines, train, features, progress):
        seen.append(features.order)
        return FittedBaselines({}, {}, ())

    monkeypatch.setattr(steps, "fit_baselines", watched)
    evaluate_recommender(found, VECTORS, TEXTS, SETTINGS, split="random", seed=1)
    assert (seen[0] is not None) == has_order


def test_the_order_of_events_is_learned_from_where_times_are_known(interactions):
    timed = training_part(split_interactions(interactions, "time", 0.2, 1), VECTORS)
    assert timed.order is not None
    assert (timed.order.indices == timed.user_items.indices).all()
    place = {pair: at for *pair_and_kind, _, at in rows() for pair in [tuple(pair_and_kind[:2])]}
    for user in (0, 17):
        row = timed.order[[user]]
        by_order = row.indices[np.argsort(row.data)]
        times = [place[interactions.users[user], ITEMS[item]] for item in by_order]
        assert times == sorted(times)
    assert (
        training_part(split_interactions(interactions_of(rows(timed=False)), "random", 0.2, 1), VECTORS).order
        is None
    )


def test_dislikes_are_seen_and_not_learned_as_likes():
    liked = interactions_of(rows(dislikes=True))
    assert liked.dislikes.nnz
    parts = split_interactions(liked, "time", 0.2, 1)
    disliked = liked.dislikes.toarray() > 0
    # When they happened is not known any more; they stand in the training part, as seen.
    assert (parts.train.toarray()[disliked] < 0).all()
    assert not training_part(parts, VECTORS).user_items.toarray()[disliked].any()
    assert not parts.test.toarray()[disliked].any()


def test_dislikes_that_are_held_out_are_nothing_to_find():
    parts = split_interactions(interactions_of(rows(dislikes=True)), "random", 0.3, 1)
    assert parts.counts["test_events_not_liked"] > 0
    assert (parts.test.data > 0).all()


def test_a_split_by_time_without_times_is_refused():
    with pytest.raises(ConfigError, match="needs a time for every event"):
        evaluate_recommender(interactions_of(rows(timed=False)), VECTORS, TEXTS, SETTINGS, split="time")


def test_an_unknown_split_names_the_known_ones(interactions):
    with pytest.raises(ConfigError, match=r"no split 'tomorrow'; take one of .*cold-items"):
        evaluate_recommender(interactions, VECTORS, TEXTS, SETTINGS, split="tomorrow")


def test_nothing_to_test_is_an_error():
    alone = [(f"u{n}", ITEMS[n], "view", None, None) for n in range(20)]
    with pytest.raises(ConfigError, match="leaves nothing to test"):
        evaluate_recommender(interactions_of(alone), VECTORS, TEXTS, SETTINGS)


def test_the_notes_tell_what_was_left_out(interactions):
    parts = split_interactions(interactions, "random", 0.2, 1)
    counts = {"events": 9, "unknown_items": 1200, "repeated": 0, "users_without_test": 3}
    assert parts_note(replace(parts, counts=counts)) == ("1,200 unknown items", "3 users without test")


# -- what is measured ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured(interactions):
    return evaluate_recommender(interactions, VECTORS, TEXTS, SETTINGS, split="random", seed=1)


def test_the_blend_beats_popularity_by_far(measured):
    found = measured.evaluation
    assert found.recommenders[0] == BLEND
    assert value_of(found, BLEND) > 2 * value_of(found, "popularity")
    (ndcg,) = (m for m in found.find("ndcg") if m.recommender == BLEND)
    assert ndcg.low < ndcg.value < ndcg.high
    assert (found.k, found.split, found.counts["users"]) == (10, "random", N_USERS)


def test_the_baselines_answer_the_same_questions(measured):
    found = measured.evaluation
    assert {"popularity", BLEND} < set(found.recommenders)
    assert len(found.recommenders) > 6
    assert len({m.n_users for m in found.find("ndcg")}) == 1


def test_texts_that_know_half_of_it_find_less(measured):
    found = measured.evaluation
    by_text = [m.value for m in found.find("ndcg") if "text" in m.recommender.lower()]
    assert by_text
    assert max(by_text) < value_of(found, BLEND)


def test_random_events_are_not_predicted():
    """No method can find what has no reason; only a leak of the test part would."""
    choose = random.Random(3)
    found = [
        (f"u{user:03}", item, "view", None, START + place * HOUR)
        for user in range(80)
        for place, item in enumerate(choose.sample(ITEMS, 5))
    ]
    result = evaluate_recommender(interactions_of(found), VECTORS, TEXTS, SETTINGS, seed=1, baselines="none")
    # One of 37 unseen items is right: NDCG@10 of a random list is about 0.12.
    assert value_of(result.evaluation, BLEND) < 0.25


def test_without_baselines_there_is_only_the_blend(interactions):
    result = evaluate_recommender(interactions, VECTORS, TEXTS, SETTINGS, seed=1, baselines="none", k=5)
    assert result.evaluation.recommenders == (BLEND,)
    assert result.evaluation.k == 5


def test_the_same_seed_measures_the_same(interactions):
    one, other = (
        evaluate_recommender(interactions, VECTORS, TEXTS, SETTINGS, seed=4, baselines="none")
        for _ in range(2)
    )
    one_timeless, other_timeless = (replace(found.evaluation, training_s={}) for found in (one, other))
    assert one_timeless.to_json() == other_timeless.to_json()
    assert one.weights == other.weights


def test_progress_names_the_steps(interactions):
    named = []
    evaluate_recommender(interactions, VECTORS, TEXTS, SETTINGS, baselines="none", progress=named.append)
    assert named[0] == "splitting the events"
    assert named[-1] == "measuring"


# -- ratings -------------------------------------------------------------------------------------------


def test_ratings_are_predicted_better_than_their_mean():
    rated = interactions_of(rows("rate"), rating_scale=(1.0, 5.0))
    found = rating_measures(rated, "random", 0.2, 1)
    by_name = {(m.recommender, m.metric): m.value for m in found if m.group == "all"}
    assert set(by_name) == {(who, what) for who in (BLEND, "mean rating") for what in ("rmse", "mae")}
    assert by_name[BLEND, "rmse"] < by_name["mean rating", "rmse"]
    assert 0 < by_name[BLEND, "mae"] <= by_name[BLEND, "rmse"]


def test_an_evaluation_of_ratings_holds_both_kinds_of_measures():
    rated = interactions_of(rows("rate"), rating_scale=(1.0, 5.0))
    found = evaluate_recommender(rated, VECTORS, TEXTS, SETTINGS, seed=1, baselines="none").evaluation
    assert {m.recommender for m in found.find("rmse")} == {BLEND, "mean rating"}
    assert value_of(found, BLEND) > 0


def test_without_ratings_there_is_no_error_of_them(interactions, measured):
    assert rating_measures(interactions, "random", 0.2, 1) == ()
    assert measured.evaluation.find("rmse") == ()


def test_ratings_of_which_none_is_above_0_are_left_out(interactions):
    nothing = csr_matrix(interactions.matrix.shape, dtype=np.float32)
    assert rating_measures(replace(interactions, ratings=nothing), "random", 0.2, 1) == ()


# -- weights -------------------------------------------------------------------------------------------


def test_weights_are_named_by_the_lengths_they_are_for(measured):
    assert list(measured.weights) == ["0", "1", "2–3", "4–7", "8–15", "16–31", "32–63", "64+"]
    for by_signal in measured.weights.values():
        assert list(by_signal) == ["text", "collaborative", "item_item", "popularity"]
        assert sum(by_signal.values()) == pytest.approx(1, abs=1e-5)
    assert measured.weights["0"]["popularity"] == 1
    long = measured.weights["4–7"]
    assert long["collaborative"] + long["item_item"] > long["text"] + long["popularity"]


def test_the_labels_are_those_of_the_edges():
    from semrec.signals.blend import BlendWeights

    table = tuple((((0.0, 0.0)), (row, 1.0)) for row in (1.0, 2.0, 3.0))
    models = object.__new__(Models)
    object.__setattr__(models, "weights", BlendWeights(("a", "b"), (0, 1, 5), (0, 1), table))
    assert weights_by_length(models) == {
        "0": {"a": 1.0, "b": 1.0},
        "1–4": {"a": 2.0, "b": 1.0},
        "5+": {"a": 3.0, "b": 1.0},
    }
