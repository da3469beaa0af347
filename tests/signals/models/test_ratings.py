"""Predicted ratings, against numbers worked out by hand and against plain slow versions."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from semrec.errors import ConfigError
from semrec.signals.models.ratings import fit_ratings, fold_in, objective, predict, predict_pairs

FILMS = Path(__file__).resolve().parents[4] / "shared" / "data" / "ml_latest_small" / "interactions.parquet"

ARTICLE = np.array([[3, 4, 2], [2, 3, 4], [4, 2, 3], [1, 2, 4], [3, 3, 3]], float)
"""The example of the article: 5 users and 3 items, all rated."""


def rmse(predicted, actual):
    return float(np.sqrt(np.mean((np.asarray(predicted, np.float64) - actual) ** 2)))


def training_rmse(model, ratings):
    pairs = ratings.tocoo()
    return rmse(predict_pairs(model, ratings, pairs.row, pairs.col), pairs.data)


def without(table, user, item):
    """All of a table but one entry."""
    rows, columns = np.indices(table.shape)
    kept = (rows != user) | (columns != item)
    return sparse.csr_array((table[kept], (rows[kept], columns[kept])), shape=table.shape)


def plain_solution(vectors, values, mean, ridge, unit):
    """One user by the normal equations, in double precision: bias, then factor."""
    vectors = np.asarray(vectors, np.float64)
    terms = np.column_stack([np.ones(len(vectors)), vectors[:, 1:]])
    costs = np.diag([1.0] + [unit] * (vectors.shape[1] - 1)) * ridge * math.sqrt(len(vectors))
    return np.linalg.solve(terms.T @ terms + costs, terms.T @ (values - mean - vectors[:, 0]))


def vectors_of(model):
    return np.column_stack([model.item_biases, model.item_factors])


@pytest.fixture
def films_like():
    """2,000 users, 800 items, 60,000 ratings of rank 3 with biases and noise; known and hidden."""
    rng = np.random.default_rng(11)
    n_users, n_items, n_ratings = 2000, 800, 60_000
    x, v = rng.normal(size=(n_users, 3)), rng.normal(size=(n_items, 3)) * 0.5
    b_u, b_i = rng.normal(scale=0.4, size=n_users), rng.normal(scale=0.4, size=n_items)
    pairs = rng.choice(n_users * n_items, n_ratings, replace=False)
    users, items = np.divmod(pairs, n_items)
    noise = rng.normal(scale=0.2, size=n_ratings)
    ratings = np.clip(3 + b_u[users] + b_i[items] + (x[users] * v[items]).sum(axis=1) + noise, 1, 5)
    hidden = rng.random(n_ratings) < 0.1
    known = sparse.csr_array((ratings[~hidden], (users[~hidden], items[~hidden])), shape=(n_users, n_items))
    return known, users[hidden], items[hidden], ratings[hidden]


# By hand -------------------------------------------------------------------------------------------


def test_biases_of_two_by_two_by_hand():
    """Residuals 2, 0 / 0, −2 and a ridge of √2·√2 = 2: b = (2 − b' + 0 + b') / (2 + 2) = 1/2."""
    model = fit_ratings(sparse.csr_array([[5.0, 3.0], [3.0, 1.0]]), rank=0, ridge=math.sqrt(2), epochs=1)
    assert model.mean == 3
    np.testing.assert_allclose(model.item_biases, [0.5, -0.5], atol=1e-6)
    bias, factor = fold_in(model, [0, 1], [5, 3])
    assert bias == pytest.approx(0.5)
    assert factor.shape == (0,)
    np.testing.assert_allclose(predict(model, [0, 1], [5, 3], [0, 1]), [4, 3], atol=1e-6)
    np.testing.assert_allclose(predict(model, [0, 1], [3, 1], [0, 1]), [3, 2], atol=1e-6)


def test_factors_of_two_by_two_by_hand():
    """Residuals 1, −1 / −1, 1: x = (a, −a), v = (a, −a), and 4(1 − a²)² + 4a² is least at a² = 1/2."""
    model = fit_ratings(sparse.csr_array([[4.0, 2.0], [2.0, 4.0]]), rank=1, ridge=math.sqrt(0.5), epochs=200)
    np.testing.assert_allclose(model.item_biases, 0, atol=1e-5)
    np.testing.assert_allclose(model.item_factors[:, 0] ** 2, 0.5, atol=1e-4)
    np.testing.assert_allclose(predict(model, [0, 1], [4, 2], [0, 1]), [3.5, 2.5], atol=1e-4)


# The article's example -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_article_is_learned_at_rank_two(seed):
    ratings = without(ARTICLE, 4, 1)
    model = fit_ratings(ratings, rank=2, ridge=0.01, epochs=100, seed=seed)
    assert training_rmse(model, ratings) < 0.1


@pytest.mark.parametrize("ridge", [0.01, 1.3])
def test_article_predicts_what_was_held_out(ridge):
    model = fit_ratings(without(ARTICLE, 4, 1), rank=2, ridge=ridge, epochs=100)
    (predicted,) = predict(model, [0, 2], [3, 3], [1])
    assert math.isfinite(predicted)
    assert 1 <= predicted <= 5


# What training promises ----------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [0, 2, 8])
@pytest.mark.parametrize("ridge", [0.01, 1.3])
def test_no_epoch_raises_the_objective(rank, ridge):
    rng = np.random.default_rng(3)
    table = np.where(rng.random((30, 20)) < 0.4, rng.integers(1, 6, (30, 20)), 0).astype(float)
    ratings = sparse.csr_array(table)
    models = [fit_ratings(ratings, rank=rank, ridge=ridge, epochs=epochs) for epochs in range(1, 12)]
    losses = np.array([objective(model, ratings) for model in models])
    assert (np.diff(losses) <= 1e-9 * losses[:-1]).all()
    assert losses[-1] < losses[0]


def test_objective_is_the_formula():
    ratings = sparse.csr_array([[10.0, 0, 4], [0, 2, 6], [8, 8, 8], [0, 0, 0]])
    model = fit_ratings(ratings, rank=2, ridge=0.7, epochs=3, scale=(0.5, 10.5))
    total = 0.0
    for user in range(4):
        items = ratings.indices[ratings.indptr[user] : ratings.indptr[user + 1]]
        bias, factor = fold_in(model, items, ratings[[user]].data) if len(items) else (0.0, np.zeros(2))
        total += 0.7 * math.sqrt(len(items)) * (bias**2 + 2.5 * float(factor @ factor))
        for item in items:
            guess = model.mean + bias + model.item_biases[item] + float(factor @ model.item_factors[item])
            total += (ratings[user, item] - guess) ** 2
    for item, n_ratings in enumerate([2, 2, 3]):
        squares = model.item_biases[item] ** 2 + 2.5 * (model.item_factors[item] ** 2).sum()
        total += 0.7 * math.sqrt(n_ratings) * squares
    assert objective(model, ratings) == pytest.approx(total, rel=1e-5)


def test_fold_in_is_the_solution_of_training():
    """At rest both halves hold: users are ridge regressions on items, and items on folded-in users."""
    rng = np.random.default_rng(5)
    table = np.where(rng.random((12, 9)) < 0.6, rng.integers(0, 11, (12, 9)), np.nan)
    places = np.nonzero(~np.isnan(table))
    ratings = sparse.csr_array((table[places], places), shape=table.shape)
    model = fit_ratings(ratings, rank=3, ridge=0.5, epochs=500, scale=(0, 10))
    users = np.zeros((12, 4))
    for user in range(12):
        rated = np.flatnonzero(~np.isnan(table[user]))
        users[user, 0], users[user, 1:] = fold_in(model, rated, table[user, rated])
        plain = plain_solution(vectors_of(model)[rated], table[user, rated], model.mean, 0.5, 2.5)
        np.testing.assert_allclose(users[user], plain, atol=1e-5)
    for item in range(9):
        raters = np.flatnonzero(~np.isnan(table[:, item]))
        plain = plain_solution(users[raters], table[raters, item], model.mean, 0.5, 2.5)
        np.testing.assert_allclose(vectors_of(model)[item], plain, atol=2e-3)


def test_low_rank_ratings_are_found(films_like):
    known, users, items, ratings = films_like
    by_mean = rmse(np.full(len(ratings), known.data.mean()), ratings)
    by_biases, by_default, by_rank = (
        rmse(predict_pairs(fit_ratings(known, **options), known, users, items), ratings)
        for options in ({"rank": 0}, {}, {"rank": 3, "ridge": 0.3})
    )
    assert by_default < 0.6 * by_mean
    assert by_default < 0.75 * by_biases
    assert by_rank < 0.35 * by_mean  # the noise alone is 0.2 of it


def test_a_seed_repeats_and_matters(films_like):
    known = films_like[0][:200]
    one, same, other = (fit_ratings(known, rank=4, epochs=2, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.item_factors, same.item_factors)
    np.testing.assert_array_equal(one.item_biases, same.item_biases)
    assert not np.array_equal(one.item_factors, other.item_factors)


def test_stretching_the_scale_stretches_predictions(films_like):
    """1 … 5 to 0 … 100: r → 25·(r − 1)."""
    known = films_like[0][:200]
    wide = sparse.csr_array((25 * (known.data - 1), known.indices, known.indptr), shape=known.shape)
    narrow_model = fit_ratings(known, rank=4, epochs=3)
    wide_model = fit_ratings(wide, rank=4, epochs=3, scale=(0, 100))
    users, items = np.divmod(np.arange(500), 25)
    narrow_answers = predict_pairs(narrow_model, known, users, items)
    wide_answers = predict_pairs(wide_model, wide, users, items)
    np.testing.assert_allclose(wide_answers, 25 * (narrow_answers - 1), atol=0.01)


def test_inputs_stay_and_types_are_fixed():
    ratings = sparse.csr_array(ARTICLE.astype(np.int64))
    before = ratings.toarray()
    heard = []
    model = fit_ratings(ratings, rank=2, epochs=3, progress=heard.append)
    assert heard == [1, 2, 3]
    np.testing.assert_array_equal(ratings.toarray(), before)
    assert ratings.dtype == np.int64
    assert model.item_biases.dtype == model.item_factors.dtype == np.float32
    assert model.item_factors.shape == (3, 2)
    for answer in (predict(model, [0], [3], [1, 2]), predict(model, [], [], []), fold_in(model, [], [])[1]):
        assert answer.dtype == np.float32


@pytest.mark.parametrize("ridge", [1e-6, 1e-3, 1.3])
def test_fewer_ratings_than_rank_stay_calm(ridge):
    """Every row has 1 to 3 ratings for 33 unknowns, two items are twins, and one user rates twice."""
    ratings = sparse.csr_array(
        (np.array([5.0, 1, 4, 4, 2, 5, 3]), np.array([0, 1, 0, 1, 2, 3, 3]), np.array([0, 2, 4, 5, 7])),
        shape=(4, 4),
    )
    model = fit_ratings(ratings, rank=32, ridge=ridge, epochs=30)
    assert np.abs(vectors_of(model)).max() < 10
    bias, factor = fold_in(model, [0, 1, 3], [5, 1, 5])
    assert max(abs(bias), np.abs(factor).max()) < 10


# Cold users and items ------------------------------------------------------------------------------


def test_nothing_known_falls_back():
    ratings = sparse.csr_array([[5.0, 4, 0], [3, 2, 0], [4, 4, 0], [0, 0, 0]])
    model = fit_ratings(ratings, rank=2)
    assert model.item_biases[2] == 0
    assert not model.item_factors[2].any()
    cold_user = predict(model, [], [], [0, 1, 2])
    np.testing.assert_allclose(cold_user, model.mean + model.item_biases, rtol=1e-6)
    np.testing.assert_array_equal(predict_pairs(model, ratings, [3, 3, 3], [0, 1, 2]), cold_user)
    bias, _ = fold_in(model, [0, 1], [5, 5])
    assert bias > 0
    assert predict(model, [0, 1], [5, 5], [2])[0] == pytest.approx(model.mean + bias)


def test_one_rating_of_a_cold_item_tells_about_the_user():
    model = fit_ratings(sparse.csr_array([[5.0, 1, 0], [4, 2, 0]]), rank=1)
    assert fold_in(model, [2], [5])[0] > 0 > fold_in(model, [2], [1])[0]


def test_a_single_rating_is_enough():
    model = fit_ratings(sparse.csr_array([[4.0]]), rank=3)
    assert predict(model, [0], [4], [0])[0] == 4


def test_stored_zeros():
    zeros = sparse.csr_array((np.array([0.0, 4.0]), np.array([0, 1]), np.array([0, 2])), shape=(1, 2))
    assert fit_ratings(zeros, rank=1, scale=(1, 5)).mean == 4
    assert fit_ratings(zeros, rank=1, scale=(0, 5)).mean == 2


def test_pairs_agree_with_single_histories(films_like):
    known = films_like[0][:50]
    model = fit_ratings(known, rank=3, epochs=2)
    users, items = np.array([7, 0, 7, 49]), np.array([1, 2, 3, 799])
    single = [
        predict(model, known[[user]].indices, known[[user]].data, [item])[0]
        for user, item in zip(users, items, strict=True)
    ]
    np.testing.assert_allclose(predict_pairs(model, known, users, items), single, rtol=1e-5)
    assert predict_pairs(model, known, [], []).shape == (0,)


# Properties ----------------------------------------------------------------------------------------

SCALES = st.sampled_from([(1.0, 5.0), (0.0, 1.0), (-1.0, 1.0), (0.5, 5.0), (0.0, 100.0), (0.1, 0.3)])


@st.composite
def problems(draw):
    """Some ratings of up to 6 users and 6 items, options, and a history."""
    low, high = draw(SCALES)
    n_users, n_items = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    rating = st.floats(low, high)
    cells = st.tuples(st.integers(0, n_users - 1), st.integers(0, n_items - 1))
    table = draw(st.dictionaries(cells, rating.filter(lambda value: value != 0), min_size=1))
    ratings = sparse.csr_array((list(table.values()), tuple(zip(*table, strict=True))), (n_users, n_items))
    options = {"rank": draw(st.integers(0, 8)), "ridge": draw(st.sampled_from([1e-6, 0.01, 1.0, 1e6]))}
    history = draw(st.lists(st.tuples(st.integers(0, n_items - 1), rating), max_size=8))
    return ratings, (low, high), options, history


@settings(max_examples=150, deadline=None)
@given(problems())
def test_predictions_are_always_on_the_scale(problem):
    ratings, scale, options, history = problem
    model = fit_ratings(ratings, scale=scale, epochs=3, **options)
    items, values = [item for item, _ in history], [value for _, value in history]
    everything = np.divmod(np.arange(ratings.shape[0] * ratings.shape[1]), ratings.shape[1])
    low, high = np.float32(scale)
    for predicted in (
        predict(model, items, values, np.arange(ratings.shape[1])),
        predict_pairs(model, ratings, *everything),
    ):
        assert np.isfinite(predicted).all()
        assert ((predicted >= low) & (predicted <= high)).all()


@settings(max_examples=50, deadline=None)
@given(problems())
def test_the_order_of_a_history_does_not_matter(problem):
    ratings, scale, options, history = problem
    model = fit_ratings(ratings, scale=scale, epochs=1, **(options | {"ridge": 1.0}))
    targets = np.arange(ratings.shape[1])
    forth, back = (
        predict(model, [item for item, _ in order], [value for _, value in order], targets)
        for order in (history, history[::-1])
    )
    np.testing.assert_allclose(forth, back, atol=1e-5 * (scale[1] - scale[0]))


# What is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, 5.5, 0.5, -1])
def test_a_bad_rating_is_refused_with_its_place(bad):
    table = ARTICLE.copy()
    table[3, 1] = bad
    with pytest.raises(ConfigError, match=r"user 3, item 1.*scale from 1 to 5"):
        fit_ratings(sparse.csr_array(table))
    model = fit_ratings(sparse.csr_array(ARTICLE), rank=1)
    with pytest.raises(ConfigError, match=r"place 1 of the history.*scale from 1 to 5"):
        fold_in(model, [0, 1], [3, bad])
    with pytest.raises(ConfigError, match="user 3, item 1"):
        predict_pairs(model, sparse.csr_array(table), [0], [0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": -1}, "rank"),
        ({"ridge": 0}, "ridge"),
        ({"ridge": math.nan}, "ridge"),
        ({"ridge": math.inf}, "ridge"),
        ({"epochs": 0}, "epochs"),
        ({"scale": (5, 1)}, "scale"),
        ({"scale": (3, 3)}, "scale"),
        ({"scale": (1, math.inf)}, "scale"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        fit_ratings(sparse.csr_array(ARTICLE), **options)


def test_no_ratings_are_refused():
    with pytest.raises(ConfigError, match="no ratings"):
        fit_ratings(sparse.csr_array((3, 2)))


def test_questions_that_do_not_fit_are_refused():
    model = fit_ratings(sparse.csr_array(ARTICLE), rank=1)
    histories = sparse.csr_array(ARTICLE)
    for ask, message in [
        (lambda: predict(model, [3], [4], [0]), "history item 3"),
        (lambda: predict(model, [0], [4], [0, -1]), r"target item -1 \(place 1\)"),
        (lambda: predict(model, [0.5], [4], [0]), "whole numbers"),
        (lambda: predict(model, [0, 1], [4], [0]), "2 items has 1 ratings"),
        (lambda: predict_pairs(model, histories, [5], [0]), "user 5"),
        (lambda: predict_pairs(model, histories, [0, 1], [0]), "no pairs"),
        (lambda: predict_pairs(model, histories[:, :2], [0], [0]), "of 2 items"),
    ]:
        with pytest.raises(ConfigError, match=message):
            ask()


# Real ratings --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not FILMS.exists(), reason="the film ratings are not here")
def test_film_ratings_are_predicted_better_than_by_biases():
    """A random tenth of ml_latest_small: biases alone 0.862, rank 16 0.840."""
    import polars as pl

    films = pl.read_parquet(FILMS)
    users, items = (
        films[name].rank("dense").to_numpy().astype(np.int64) - 1 for name in ("user_id", "item_id")
    )
    ratings = films["rating"].to_numpy()
    hidden = np.random.default_rng(7).random(len(ratings)) < 0.1
    shape = (users.max() + 1, items.max() + 1)
    known = sparse.csr_array((ratings[~hidden], (users[~hidden], items[~hidden])), shape=shape)
    errors = {}
    for rank in (0, 16):
        model = fit_ratings(known, rank=rank, scale=(0.5, 5))
        errors[rank] = rmse(predict_pairs(model, known, users[hidden], items[hidden]), ratings[hidden])
    assert errors[16] < 0.90
    assert errors[16] < errors[0] - 0.01
