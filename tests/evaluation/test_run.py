"""Evaluation of recommenders: the best and the worst, slices, and wrong answers."""

import math

import numpy as np
import pytest

from semrec.errors import ConfigError
from semrec.evaluation import TopK, evaluate, evaluate_ratings
from semrec.evaluation.accuracy import find_hits, ndcg
from semrec.evaluation.splits import split_cold_items, split_random
from semrec.evaluation.top_k import top_k


@pytest.fixture
def split(events):
    return split_random(events)


def knows_all(split):
    return lambda users: split.test[users].toarray().astype(np.float32)


def knows_nothing(split):
    return lambda users: np.zeros((len(users), len(split.items)), np.float32)


def value(evaluation, recommender, metric):
    return next(m for m in evaluation.find(metric) if m.recommender == recommender)


def test_the_best_and_the_worst(split):
    vectors = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    both = {"all": knows_all(split), "nothing": knows_nothing(split)}
    result = evaluate(both, split, k=5, item_vectors=vectors, n_resamples=50)
    for metric in ("ndcg", "recall", "mrr", "hit_rate", "auc", "map"):
        best = value(result, "all", metric)
        assert (best.value, best.low, best.high) == (1, 1, 1), metric
        assert best.n_users == len(split.test_users)
    assert value(result, "nothing", "auc").value == 0
    assert value(result, "nothing", "ndcg").value < 0.2
    assert result.recommenders == ("all", "nothing")
    names = {m.metric for m in result.measures}
    assert {"coverage", "gini", "novelty", "tail_share", "diversity", "precision", "f1"} <= names
    for m in result.measures:
        assert m.low <= m.value + 1e-12
        assert m.value <= m.high + 1e-12


def test_a_note_names_each_recommender_that_is_better_than_the_first(split):
    middling = split.test.toarray().astype(np.float32)
    middling[::2] = 0
    recommenders = {
        "ours": lambda users: middling[users],
        "worse": knows_nothing(split),
        "best": knows_all(split),
    }
    found = evaluate(recommenders, split, k=5, n_resamples=50, notes=("last",))
    better, last = found.notes
    assert better.startswith("best is better than ours: NDCG@5 1.0000 against 0.")
    assert "95 % interval of the difference 0." in better
    assert "chance" not in better
    assert last == "last"
    assert not evaluate({"best": knows_all(split), "worse": knows_nothing(split)}, split).notes


def test_a_difference_that_may_be_chance_is_named_so(split):
    scores = np.random.default_rng(3).random((60, 20)).astype(np.float32)
    other = scores.copy()
    user = split.test_users[0]
    other[user] = split.test[[user]].toarray()[0]
    both = {"ours": lambda users: scores[users], "other": lambda users: other[users]}
    (note,) = evaluate(both, split, k=20, n_resamples=200).notes
    assert note.startswith("other is better than ours: ")
    assert note.endswith(": it may be chance")


def test_training_times_are_kept(split):
    found = evaluate({"best": knows_all(split)}, split, training_s={"best": 1.5}, n_resamples=5)
    assert found.training_s == {"best": 1.5}


def test_known_items_and_non_candidates_are_not_recommended(events):
    split = split_cold_items(events)
    seen = []

    def recommend(users):
        scores = np.random.default_rng(0).random((len(users), 20)).astype(np.float32)
        seen.append((users, scores.copy()))
        return scores

    result = evaluate({"random": recommend}, split, k=20, n_resamples=10)
    assert value(result, "random", "recall").value == 1
    assert value(result, "random", "precision").value == pytest.approx(
        np.mean(np.diff(split.test.indptr)[split.test_users]) / 20
    )
    assert value(result, "random", "coverage").value == 1


def test_batches_do_not_change_the_result(split):
    scores = np.random.default_rng(4).random((60, 20)).astype(np.float32)
    whole = evaluate({"r": lambda users: scores[users]}, split, n_resamples=20)
    assert evaluate({"r": lambda users: scores[users]}, split, n_resamples=20, batch_scores=120) == whole


def test_the_recommenders_scores_are_not_changed(split):
    scores = np.ones((60, 20), np.float32)
    evaluate({"r": lambda users: scores[: len(users)]}, split, n_resamples=5)
    assert (scores == 1).all()


def test_lists_are_used_unchanged(split):
    def first_test_item(users):
        test = split.test[users]
        return TopK(test.indices[test.indptr[:-1]][:, None].astype(np.int64), np.ones(len(users), np.int64))

    result = evaluate({"lists": first_test_item}, split, k=5, n_resamples=20)
    assert value(result, "lists", "mrr").value == 1
    assert value(result, "lists", "precision").value == pytest.approx(0.2)
    assert not result.find("auc")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda n: np.zeros((n, 3), np.float32), "scored"),
        (lambda n: np.full((n, 20), np.nan, np.float32), "NaN"),
        (lambda n: TopK(np.zeros((1, 2), np.int64), np.ones(1, np.int64)), "gave 1 lists"),
        (lambda n: TopK(np.full((n, 1), 20), np.ones(n, np.int64)), "outside"),
        (lambda n: TopK(np.full((n, 1), -1), np.ones(n, np.int64)), "outside"),
        (lambda n: TopK(np.zeros((n, 2), np.int64), np.full(n, 2)), "twice"),
    ],
)
def test_invalid_answers_are_an_error(split, answer, message):
    with pytest.raises(ConfigError, match=message):
        evaluate({"bad": lambda users: answer(len(users))}, split)


def test_an_evaluation_needs_a_recommender(split):
    with pytest.raises(ConfigError, match="no recommender"):
        evaluate({}, split)


def test_slices_are_means_over_their_users(split):
    scores = np.random.default_rng(8).random((60, 20)).astype(np.float32)
    result = evaluate({"r": lambda users: scores[users]}, split, k=3, n_resamples=20)
    asked = split.test_users
    masked = np.where(split.train[asked].toarray() > 0, -np.inf, scores[asked]).astype(np.float32)
    test = split.test[asked]
    per_user = ndcg(find_hits(top_k(masked, 3, test), test))
    lengths = np.diff(split.train.indptr)[asked]
    by_length = {m.slice: m for m in result.find("ndcg", "history length")}
    assert by_length["1"].value == pytest.approx(per_user[lengths == 1].mean())
    assert by_length["4–7"].n_users == ((lengths >= 4) & (lengths < 8)).sum()
    popularity = np.bincount(split.train.indices, minlength=20)
    warm = (popularity >= 4) & (popularity < 20)
    only = split.test[asked].multiply(warm).tocsr()
    only.eliminate_zeros()
    by_item = {m.slice: m for m in result.find("ndcg", "items")}
    assert by_item["warm"].value == pytest.approx(np.nanmean(ndcg(find_hits(top_k(masked, 3, test), only))))


def test_ratings(events):
    split = split_random(events.with_columns(value=pl_ratings(events)))
    exact = {(u, i): r for u, i, r in zip(*split.test.nonzero(), split.test.data, strict=True)}

    def off_by_one(users, items):
        return np.array([exact[u, i] + 1 for u, i in zip(users, items, strict=True)])

    rmse, mae = evaluate_ratings({"one off": off_by_one}, split)
    assert (rmse.metric, rmse.value, rmse.low, rmse.high) == ("rmse", 1, 1, 1)
    assert (mae.metric, mae.value) == ("mae", 1)
    with pytest.raises(ConfigError, match="finite"):
        evaluate_ratings({"nan": lambda users, items: np.full(len(users), math.nan)}, split)


def pl_ratings(events):
    return np.random.default_rng(0).integers(1, 6, len(events)).astype(float)
