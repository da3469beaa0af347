"""Validation: what is hidden, how histories are cut short, and which settings a trial prefers."""

from __future__ import annotations

import numpy as np
import pytest
from event_data import random_events, unit
from scipy import sparse

from semrec.learning import TrainingData
from semrec.learning.selection import (
    Queries,
    Validation,
    ValidationTrial,
    cut_short,
    hide_events,
    hide_items,
)


def data_of(matrix, order=None):
    text = unit(np.random.default_rng(0).normal(size=(matrix.shape[1], 3)))
    return TrainingData(matrix, order, text)


def in_order(matrix, values):
    return sparse.csr_array((values, matrix.indices, matrix.indptr), matrix.shape)


def users_of_lengths(lengths, n_items):
    """Return users with so many events, each on the first items."""
    return sparse.csr_array((np.arange(n_items) < np.asarray(lengths)[:, None]).astype(np.float32))


# -- what is hidden --------------------------------------------------------------------------------------


def test_hidden_events_are_the_last_and_never_all():
    rng = np.random.default_rng(0)
    matrix = random_events(50, 30, 1)
    order = in_order(matrix, rng.permutation(matrix.nnz) + 1.0)
    validation = hide_events(data_of(matrix, order), seed=0)
    known, queries = validation.training, validation.queries
    assert known.user_items.nnz + queries.targets.nnz == matrix.nnz
    for row in range(len(queries)):
        hidden = order[[row]].toarray()[0][queries.targets[[row]].indices]
        assert queries.histories[[row]].nnz > 0
        assert queries.order[[row]].data.max() < hidden.min()


def test_a_fifth_of_the_events_of_a_user_is_hidden():
    lengths = [1, 2, 4, 7, 8, 10, 12, 13, 100]
    queries = hide_events(data_of(users_of_lengths(lengths, 100)), seed=0).queries
    assert np.diff(queries.targets.indptr).tolist() == [1, 1, 1, 2, 2, 2, 3, 20]
    np.testing.assert_array_equal(
        np.diff(queries.histories.indptr) + np.diff(queries.targets.indptr), lengths[1:]
    )


def test_users_that_are_not_asked_train_in_full():
    matrix = users_of_lengths([2] * 2100, 2)
    validation = hide_events(data_of(matrix), seed=0)
    assert len(validation.queries) == 2000
    assert validation.training.user_items.nnz == 2000 + 2 * 100


def test_hidden_items_are_a_fifth_of_those_with_events_and_have_none_left():
    matrix = sparse.hstack([random_events(50, 30, 2), sparse.csr_array((50, 20), dtype=np.float32)]).tocsr()
    validation = hide_items(data_of(matrix), seed=0)
    left = np.bincount(validation.training.user_items.indices, minlength=50)
    hidden = validation.queries.allowed
    assert hidden.sum() == 6
    assert not left[hidden].any()
    assert not hidden[30:].any()
    assert set(validation.queries.targets.indices) <= set(np.flatnonzero(hidden))


def test_hidden_items_are_also_asked_among_all_items_with_events():
    matrix = sparse.hstack([random_events(50, 30, 2), sparse.csr_array((50, 20), dtype=np.float32)]).tocsr()
    found = hide_items(data_of(sparse.csr_array(matrix)), seed=0)
    among, hidden = found.among_others, found.queries.allowed
    assert among.allowed.tolist() == [True] * 30 + [False] * 20
    targets = set(among.targets.indices)
    assert targets & set(np.flatnonzero(hidden))
    assert targets - set(np.flatnonzero(hidden))
    assert not among.targets.multiply(among.histories).nnz


def test_short_queries_keep_the_last_events():
    matrix = random_events(20, 30, 3)
    order = in_order(matrix, np.arange(matrix.nnz) + 1.0)
    queries = hide_events(data_of(matrix, order), seed=0).queries
    short = cut_short(queries, 2, seed=0)
    assert set(np.diff(short.histories.indptr)) == {2}
    assert short.excluded.nnz > short.histories.nnz
    assert short.order.nnz == short.histories.nnz
    times = np.split(queries.order.data, queries.order.indptr[1:-1])
    assert set(short.order.data) == {time for own in times if len(own) > 2 for time in np.sort(own)[-2:]}


# -- the choice of a trial -------------------------------------------------------------------------------

N_USERS = 200
N_ITEMS = 20


def trial_of(timed=True, n_trained=N_ITEMS):
    """Return a trial of users with two known events, of which the first is older, and one hidden event.

    The first `n_trained` items have events in the training part; the hidden item is number 5.
    """
    histories = users_of_lengths([2] * N_USERS, N_ITEMS)
    targets = np.zeros((N_USERS, N_ITEMS), np.float32)
    targets[:, 5] = 1
    training = data_of(users_of_lengths([n_trained], N_ITEMS))
    queries = Queries(
        histories,
        in_order(histories, np.tile([1.0, 2.0], N_USERS)) if timed else None,
        histories,
        sparse.csr_array(targets),
        np.ones(N_ITEMS, bool),
    )
    return ValidationTrial(Validation(training, queries), seed=0)


def model_that_finds(shares):
    """Return a model that puts the hidden item of this share of the users first, by half life.

    The half life is read from the confidence of the older event, 0.5^(1 / half life).
    """

    def score(histories):
        confidence = histories.weights.data[0]
        half = None if confidence == 1 else round(-1 / np.log2(float(confidence)))
        found = np.arange(N_USERS) < round(shares.get(half, 0.0) * N_USERS)
        scores = np.tile(np.arange(N_ITEMS, dtype=np.float32), (N_USERS, 1))  # item 5 is not among ten
        scores[found, 5] = N_ITEMS
        return scores

    return score


def test_the_model_that_finds_most_with_any_half_life_is_chosen():
    trial = trial_of()
    models = [
        ("even", model_that_finds({None: 0.5, 100: 0.5, 50: 0.5, 25: 0.5, 12: 0.5})),
        ("sharp", model_that_finds({12: 0.8})),
        ("weak", model_that_finds({None: 0.6})),
    ]
    assert trial.choose_half_life(models) == "sharp"
    assert trial.half_life == 12


def test_the_middle_of_half_lives_that_are_nearly_as_good_is_kept():
    """Nearly as good is 98 in 100: 0.985 of the best is, 0.975 is not."""
    trial = trial_of()
    shares = {None: 0.975, 100: 0.985, 50: 0.985, 25: 1.0, 12: 0.5}
    assert trial.choose_half_life([("only", model_that_finds(shares))]) == "only"
    assert trial.half_life == 50


def test_models_are_compared_with_the_half_life_that_was_kept():
    trial = trial_of()
    other = model_that_finds({None: 0.25, 25: 0.75})
    assert trial.ndcg(other) == pytest.approx(0.25)
    trial.choose_half_life([("one", model_that_finds({25: 0.5}))])
    assert trial.ndcg(other) == pytest.approx(0.75)


def test_without_an_order_no_half_life_is_chosen():
    trial = trial_of(timed=False)
    assert trial.choose_half_life([("one", model_that_finds({None: 0.1}))]) == "one"
    assert trial.half_life is None


def test_where_no_model_finds_anything_none_is_chosen():
    trial = trial_of()
    assert trial.choose_half_life([("one", model_that_finds({})), ("two", model_that_finds({}))]) is None
    assert trial.half_life is None


def test_hidden_events_on_items_without_others_do_not_count():
    """A model cannot find an item that is not in the training part."""
    trial = trial_of(n_trained=4)
    assert trial.ndcg(model_that_finds({None: 1.0})) == -1


def test_among_events_at_the_same_time_chance_decides():
    """Films of one second stand in a file in order of their numbers: that teaches nothing."""
    matrix = users_of_lengths([10] * 300, 10)
    order = in_order(matrix, np.tile(np.repeat([1.0, 2.0], 5), 300))
    hidden = hide_events(data_of(matrix, order), seed=0).queries.targets
    counts = np.bincount(hidden.indices, minlength=10)
    assert not counts[:5].any()
    assert counts[5:].min() > 80
    queries = hide_events(data_of(matrix, order), seed=0).queries
    kept = cut_short(queries, 2, seed=0).histories
    assert np.bincount(kept.indices, minlength=10)[5:].min() > 80
