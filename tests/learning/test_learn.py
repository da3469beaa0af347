"""Learning from events: what is learned of small data, and the blend as it is served."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from event_data import checkerboard, unit
from scipy import sparse

from semrec.learning import TrainingData, learn, scores
from semrec.learning.stages import COLD_FACTORS
from semrec.mathematics.rows import centre
from semrec.signals.models.links import PULLS, REGS

SIGNALS = ("text", "collaborative", "item_item", "popularity")


def item_vectors(models, name):
    """Return the vectors of the items that were learned for a signal with one field."""
    return models.fitted[name].vectors[name]


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
    answer = scores(models, matrix, order)
    assert answer.shape == matrix.shape
    assert np.isfinite(answer).all()
    assert np.isfinite(item_vectors(models, "collaborative")).all()
    table = np.array(models.weights.table)
    assert (table >= 0).all()
    assert (table.sum(axis=2) > 0).all()
    json.dumps(models.report.to_dict())


def test_a_note_says_what_could_not_be_validated():
    models = learn(without_pairs())
    assert any("no user has two events" in note for note in models.report.notes)


def test_without_validation_the_expected_weights_count_and_new_items_a_little_less():
    """The weights that signals expect of themselves; items without events get three quarters of theirs."""
    models = learn(without_pairs())
    new, cold, known = models.weights.table[-1]
    np.testing.assert_allclose(known, [0.25, 0.2, 0.5, 0.05], atol=1e-6)
    np.testing.assert_allclose(new, 0.5 * np.array([0.65, 0.125, 0.225, 0]), atol=1e-6)  # half is text
    np.testing.assert_allclose(cold, 0.75 * np.array([0.3, 0.25, 0.45, 0]), atol=1e-6)
    assert models.report.chosen["cold_factor"] == 0.75
    assert models.report.chosen["new_factor"] == 0.5


def without_pairs():
    """Return data in which no user has two events."""
    return TrainingData(sparse.csr_array(np.eye(4, dtype=np.float32)), None, text_of(4))


def test_no_users_at_all():
    models = learn(TrainingData(sparse.csr_array((0, 3), dtype=np.float32), None, text_of(3)))
    assert item_vectors(models, "item_item").nnz == 0


def test_the_checkerboard_is_solved(board):
    data, likes, models = board
    answer = scores(models, data.user_items)
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
    answer = scores(models, data.user_items)
    for user in range(60):
        mine, other = (4, 5) if likes[user, 4] else (5, 4)
        assert answer[user, mine] > answer[user, other]


def test_the_same_seed_learns_the_same(board):
    data, _, models = board
    again = learn(data, seed=0)
    np.testing.assert_array_equal(item_vectors(models, "collaborative"), item_vectors(again, "collaborative"))
    assert models.weights == again.weights
    assert (item_vectors(models, "item_item") != item_vectors(again, "item_item")).nnz == 0


def test_the_input_stays_as_it_is():
    data, _ = checkerboard(20, 10)
    arrays = (data.user_items.data, data.user_items.indices, data.text_vectors)
    before = [array.copy() for array in arrays]
    learn(data)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_the_report_tells_what_was_chosen_and_what_it_brings(board):
    _, _, models = board
    report = models.report
    assert report.chosen["item_item_reg"] in (*REGS, *(reg for reg, _ in PULLS))
    assert report.chosen["cold_factor"] in COLD_FACTORS
    assert tuple(report.gain) == SIGNALS
    assert report.warm["blend"] >= max(report.warm[s] for s in report.gain) - 0.01
    assert json.loads(json.dumps(report.to_dict()))["n_validation"]["warm"] == 60


def test_progress_names_every_stage():
    stages = []
    learn(checkerboard(20, 10)[0], progress=stages.append)
    assert stages[0] == "compare users"
    assert {f"tune {name}" for name in SIGNALS} < set(stages)
    assert stages[-1] == "train on everything"


def test_without_a_history_only_popularity_counts(board):
    data, _, models = board
    answer = scores(models, sparse.csr_array((1, 40), dtype=np.float32))
    by_score, by_events = (np.argsort(values, kind="stable") for values in (answer[0], data.events))
    np.testing.assert_array_equal(by_score, by_events)


def test_the_blend_is_what_one_computes_for_one_query(board):
    """The scores of every signal by its formula, standardised over the other items, times the weights."""
    data, _, models = board
    history = data.user_items[[3]].indices
    others = np.setdiff1d(np.arange(40), history)
    text = centre(data.text_vectors, data.text_vectors.mean(axis=0))
    by_signal = {
        "text": np.exp(5 * text @ text[history].T).sum(axis=1),
        "collaborative": collaborative_scores(models, history),
        "item_item": item_vectors(models, "item_item").toarray()[history].sum(axis=0),
        "popularity": np.log1p(data.events),
    }
    weights = models.weights.of(len(history), data.events)
    expected = np.zeros(40)
    for column, name in enumerate(SIGNALS):
        values = by_signal[name]
        scale = values[others].std()
        if scale > 1e-6:
            expected += weights[:, column] * (values - values[others].mean()) / scale
    answer = scores(models, data.user_items[[3]])
    np.testing.assert_allclose(answer[0], expected, atol=2e-3)


def collaborative_scores(models, history):
    """Return v_i·u with u = (α·G + Σ_h v_h v_hᵀ + λ·(n_h + α·n_items)^ν·I)⁻¹ Σ_h v_h."""
    factors = item_vectors(models, "collaborative").astype(np.float64)
    learned = models.fitted["collaborative"].parameters
    ridge = learned["reg"] * (len(history) + learned["alpha"] * len(factors)) ** learned["nu"]
    left = learned["alpha"] * learned["gram"] + factors[history].T @ factors[history]
    user = np.linalg.solve(left + ridge * np.eye(len(left)), factors[history].sum(axis=0))
    return factors @ user


def test_a_sample_of_all_items_is_the_same_as_none(board):
    data, _, models = board
    everything = scores(models, data.user_items)
    sampled = scores(models, data.user_items, sample=np.arange(40))
    np.testing.assert_array_equal(everything, sampled)


def test_columns_need_not_be_sorted(board):
    data, _, models = board
    row = data.user_items[[0]]
    turned = sparse.csr_array((row.data[::-1], row.indices[::-1], row.indptr), shape=row.shape)
    np.testing.assert_array_equal(scores(models, row), scores(models, turned))


# -- what the tuning constants do ------------------------------------------------------------------------


def test_half_of_the_weight_of_new_items_is_for_what_their_text_says():
    """Also where predicted taste, which is learned among new items alone, leaves nothing for the text."""
    data, _ = checkerboard(60, 40)
    flat = replace(data, text_vectors=np.full_like(data.text_vectors, 0.5))
    for models in (learn(data), learn(flat)):
        new, cold, _ = (np.array(weights) for weights in models.weights.table[-1])
        by_text = np.array([1, 0, 0, 0])
        expected = 0.5 * by_text + 0.5 * cold / cold.sum()
        np.testing.assert_allclose(new, models.report.chosen["new_factor"] * expected, rtol=1e-4)


def test_a_few_cold_queries_move_the_weights_of_new_items_a_little():
    """300 queries would count as much as what is expected; 40 count 40 / (40 + 300)."""
    clubs = np.repeat(np.arange(5), 4)
    events = (clubs[:, None] == clubs[None, :]).astype(np.float32)
    data = TrainingData(sparse.csr_array(events), None, np.eye(5, dtype=np.float32)[clubs])
    models = learn(data, seed=0)
    n_queries = models.report.n_validation["cold"]
    assert 20 <= n_queries <= 40  # items are hidden twice
    assert models.report.cold["text"] == 1  # so all samples of the queries want nothing but text
    share = n_queries / (n_queries + 300)
    by_text, by_taste, *_ = models.weights.table[-1][1]
    assert by_text / by_taste == pytest.approx((share + (1 - share) * 0.3) / ((1 - share) * 0.25), rel=1e-4)
