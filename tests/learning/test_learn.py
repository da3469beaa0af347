import json

import numpy as np
import pytest
from event_data import checkerboard, random_events, unit
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from semrec.learning.cold import centred_text
from semrec.learning.ials import taste_terms

from semrec.learning import TrainingData, ease, learn, scores, selection
from semrec.learning.scoring import ages, standardise, with_recency
from semrec.signals.text import soft_nearest


@pytest.fixture(scope="module")
def board():
    data, likes = checkerboard(60, 40)
    return data, likes, learn(data, seed=0)


def text_of(n_items):
    return unit(np.random.default_rng(0).normal(size=(n_items, 3)))


TINY = {
    "one event": [[1, 0, 0]],
    "one user": [[1, 1, 1, 0]],
    "one item": [[1]],
    "all the same": [[1, 1, 0]] * 6,
    "no user with two events": np.eye(4).tolist(),
    "no events": [[0, 0, 0]],
    "two users, two items": [[1, 1], [1, 1]],
}


@pytest.mark.parametrize("events", TINY.values(), ids=TINY)
@pytest.mark.parametrize("timed", [False, True])
def test_tiny_data_gives_sensible_models(events, timed):
    matrix = sparse.csr_array(np.array(events, np.float32))
    order = matrix.copy() if timed else None
    text = text_of(matrix.shape[1])
    models = learn(TrainingData(matrix, order, text))
    answer = scores(models, text, matrix, order)
    assert answer.shape == matrix.shape
    assert np.isfinite(answer).all()
    assert np.isfinite(models.factors).all()
    table = np.array(models.weights.table)
    assert (table >= 0).all()
    assert (table.sum(axis=2) > 0).all()
    json.dumps(models.report.to_dict())


def test_what_could_not_be_validated_is_told():
    text = text_of(4)
    models = learn(TrainingData(sparse.csr_array(np.eye(4, dtype=np.float32)), None, text))
    assert any("no user has two events" in note for note in models.report.notes)


def test_no_users_at_all():
    models = learn(TrainingData(sparse.csr_array((0, 3), dtype=np.float32), None, text_of(3)))
    assert models.neighbours.nnz == 0


def test_the_checkerboard_is_solved(board):
    data, likes, models = board
    answer = scores(models, data.text_vectors, data.user_items)
    unseen = data.user_items.toarray() == 0
    for user in range(60):
        right, wrong = unseen[user] & likes[user], unseen[user] & ~likes[user]
        assert answer[user, right].min() > answer[user, wrong].max()


def test_a_new_item_of_the_checkerboard_goes_to_the_right_users():
    data, likes = checkerboard(60, 40)
    events = data.user_items.tolil()
    events[:, [4, 5]] = 0
    data = TrainingData(sparse.csr_array(events), None, data.text_vectors)
    models = learn(data)
    answer = scores(models, data.text_vectors, data.user_items)
    for user in range(60):
        mine, other = (4, 5) if likes[user, 4] else (5, 4)
        assert answer[user, mine] > answer[user, other]


def test_the_same_seed_learns_the_same(board):
    data, _, models = board
    again = learn(data, seed=0)
    np.testing.assert_array_equal(models.factors, again.factors)
    assert models.weights == again.weights
    assert (models.neighbours != again.neighbours).nnz == 0


def test_the_input_stays_as_it_is():
    data, _ = checkerboard(20, 10)
    before = [part.copy() for part in (data.user_items.data, data.user_items.indices, data.text_vectors)]
    learn(data)
    for part, old in zip(
        (data.user_items.data, data.user_items.indices, data.text_vectors), before, strict=True
    ):
        np.testing.assert_array_equal(part, old)


def test_the_report_tells_what_was_chosen_and_what_it_brings(board):
    _, _, models = board
    report = models.report
    assert report.chosen["neighbours_reg"] in selection.EASE_REGS
    assert set(report.gain) == {"text", "collaborative", "item_item", "popularity"}
    assert report.warm["blend"] >= max(report.warm[s] for s in report.gain) - 0.01
    assert json.loads(json.dumps(report.to_dict()))["n_validation"]["warm"] == 60


def test_progress_names_every_stage():
    told = []
    learn(checkerboard(20, 10)[0], progress=told.append)
    assert told[0] == "hide events"
    assert told[-1] == "train on everything"


def test_without_a_history_only_popularity_counts(board):
    data, _, models = board
    answer = scores(models, data.text_vectors, sparse.csr_array((1, 40), dtype=np.float32))
    by_score, by_events = (np.argsort(v, kind="stable") for v in (answer[0], models.events))
    np.testing.assert_array_equal(by_score, by_events)


def test_the_blend_is_what_one_computes_for_one_query(board):
    """As the online path does it: terms of every signal, means over the others, weights of the query."""
    data, _, models = board
    text = centred_text(data.text_vectors)
    history = data.user_items[[3]].indices
    others = np.setdiff1d(np.arange(40), history)
    ones = np.ones(len(history), np.float32)
    ridge = models.reg * (len(history) + models.alpha * 40) ** models.nu
    terms = {
        "text": np.exp(5 * text @ text[history].T),
        "collaborative": taste_terms(
            models.factors, models.factors[history], ones, models.gram, models.alpha, ridge
        ),
        "item_item": models.neighbours.toarray()[history].T,
        "popularity": np.log1p(models.events)[:, None],
    }
    weights = models.weights.of(len(history), models.events)
    expected = np.zeros(40)
    for column, name in enumerate(models.weights.signals):
        values = terms[name].sum(axis=1)
        scale = values[others].std()
        if scale > 1e-6:
            expected += weights[:, column] * (values - values[others].mean()) / scale
    answer = scores(models, data.text_vectors, data.user_items[[3]])
    np.testing.assert_allclose(answer[0], expected, atol=2e-3)


def test_a_sample_of_all_items_is_the_same_as_none(board):
    data, _, models = board
    everything = scores(models, data.text_vectors, data.user_items)
    sampled = scores(models, data.text_vectors, data.user_items, sample=np.arange(40))
    np.testing.assert_array_equal(everything, sampled)


def test_columns_need_not_be_sorted(board):
    data, _, models = board
    row = data.user_items[[0]]
    turned = sparse.csr_array((row.data[::-1], row.indices[::-1], row.indptr), shape=row.shape)
    np.testing.assert_array_equal(
        scores(models, data.text_vectors, row), scores(models, data.text_vectors, turned)
    )


def test_ages_count_newer_events():
    order = sparse.csr_array(np.array([[5.0, 9.0, 7.0], [0.0, 3.0, 0.0]]))
    np.testing.assert_array_equal(ages(order), [2, 0, 1, 0])
    history = sparse.csr_array(np.array([[1.0, 2.0, 1.0], [0.0, 1.0, 0.0]], np.float32))
    decayed = with_recency(history, order, 1.0)
    np.testing.assert_allclose(decayed.toarray(), [[0.25, 2, 0.5], [0, 1, 0]])
    assert with_recency(history, order, None) is history


def test_soft_nearest_is_its_definition():
    text = centred_text(text_of(7))
    history = random_events(3, 7, 1)
    expected = history.toarray() @ np.exp(5 * text @ text.T)
    np.testing.assert_allclose(soft_nearest(text, history, text), expected, rtol=1e-5)
    np.testing.assert_allclose(soft_nearest(text, history, text[2:4]), expected[:, 2:4], rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_standardised_is_mean_zero_and_spread_one_outside_the_history(seed):
    history = random_events(4, 12, seed)
    raw = np.random.default_rng(seed).normal(size=(4, 12)).astype(np.float32)
    result = standardise(raw, history)
    for values, known in zip(result, history.toarray() > 0, strict=True):
        if (~known).sum() > 1:
            assert values[~known].mean() == pytest.approx(0, abs=1e-5)
            assert values[~known].std() == pytest.approx(1, abs=1e-4)


def test_a_constant_signal_says_nothing():
    assert not standardise(np.full((1, 5), 3.0, np.float32), sparse.csr_array((1, 5), dtype=np.float32)).any()


def test_hidden_events_are_the_last_and_never_all():
    rng = np.random.default_rng(0)
    matrix = random_events(50, 30, 1)
    order = sparse.csr_array((rng.permutation(matrix.nnz) + 1.0, matrix.indices, matrix.indptr), matrix.shape)
    validation = selection.hide_events(TrainingData(matrix, order, text_of(30)), seed=0)
    known, queries = validation.training, validation.queries
    assert known.user_items.nnz + queries.targets.nnz == matrix.nnz
    for row in range(len(queries)):
        hidden = order[[row]].toarray()[0][queries.targets[[row]].indices]
        assert queries.histories[[row]].nnz > 0
        assert queries.order[[row]].data.max() < hidden.min()


def test_hidden_items_have_no_events_left():
    matrix = random_events(50, 30, 2)
    validation = selection.hide_items(TrainingData(matrix, None, text_of(30)), seed=0)
    left = np.bincount(validation.training.user_items.indices, minlength=30)
    assert validation.queries.allowed.sum() == 6
    assert not left[validation.queries.allowed].any()


def test_short_queries_keep_the_last_events():
    matrix = random_events(20, 30, 3)
    order = sparse.csr_array((np.arange(matrix.nnz) + 1.0, matrix.indices, matrix.indptr), matrix.shape)
    queries = selection.hide_events(TrainingData(matrix, order, text_of(30)), seed=0).queries
    short = selection.cut_short(queries, 2, seed=0)
    assert set(np.diff(short.histories.indptr)) == {2}
    assert short.excluded.nnz > short.histories.nnz
    assert short.order.nnz == short.histories.nnz


def test_at_most_200_weights_are_stored_with_an_item():
    rng = np.random.default_rng(0)
    events = sparse.csr_array((rng.random((300, 260)) < 0.3).astype(np.float32))
    pruned = ease.train(events, 10.0)
    assert np.diff(pruned.indptr).max() == 200
