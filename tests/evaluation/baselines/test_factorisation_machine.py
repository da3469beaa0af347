"""The factorisation machine: its score, its training examples, and its library."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy import sparse

from semrec.evaluation.baselines import FactorisationMachine, Features, fit_baselines
from semrec.evaluation.baselines import factorisation_machine as module

WORDS = ["red apple", "red pear", "blue sea", "blue lake"]


def test_the_score_is_that_of_the_library(checkerboard):
    """The same differences between items as the library's own prediction for user and item features."""
    library = pytest.importorskip("modern_fm")
    rng = np.random.default_rng(0)
    of_items = sparse.csr_array(np.hstack([np.eye(4), rng.random((4, 3))]))
    rows = np.array([[*np.eye(2)[user], *of_items.toarray()[item]] for user in range(2) for item in range(4)])
    model = library.FMClassifier(n_factors=3, max_iter=5, random_state=1).fit(rows, [1, 0, 1, 0, 0, 1, 0, 1])
    scores = module._scorer(2, of_items, model.w_, model.V_)(np.array([1, 0]))
    chance = model.predict_proba(rows)[:, 1].reshape(2, 4)[[1, 0]]
    expected = np.log(chance / (1 - chance))
    np.testing.assert_allclose(scores - scores[:, :1], expected - expected[:, :1], rtol=1e-4, atol=1e-5)
    assert scores.dtype == np.float32


def test_drawn_items_are_not_liked(checkerboard):
    users, items, labels = FactorisationMachine(n_negatives=3)._examples(checkerboard)
    board = checkerboard.toarray()
    assert (board[users, items] == labels).all()
    assert labels.sum() == checkerboard.nnz
    assert checkerboard.nnz < (labels == 0).sum() < 3 * checkerboard.nnz


def test_words_connect_items(checkerboard):
    pytest.importorskip("modern_fm")
    likes = sparse.csr_array(np.array([[1, 0, 0, 0], [0, 0, 1, 0]] * 20, np.float32))
    scores = FactorisationMachine((1e-5,)).fit(likes, Features(texts=WORDS))(np.array([0, 1]))
    assert scores[0, 1] > scores[0, 3], "a red item for a user who likes the other red item"
    assert scores[1, 3] > scores[1, 1]


def test_only_the_most_telling_words_of_an_item_count():
    features = Features(texts=["red red apple", "pear apple tree", "blue blue sea", "blue lake"])
    found = FactorisationMachine(n_words=1)._item_features(4, features).toarray()
    assert (found[:, :4] == np.eye(4)).all()
    assert (found[:, 4:] > 0).sum(axis=1).tolist() == [1, 1, 1, 1]
    everything = FactorisationMachine()._item_features(4, features).toarray()
    assert (everything[:, 4:] > 0).sum(axis=1).tolist() == [2, 3, 2, 2]
    np.testing.assert_allclose(found[:, 4:].max(axis=1), everything[:, 4:].max(axis=1))


def test_without_its_library_it_is_left_out_with_advice(monkeypatch, checkerboard):
    monkeypatch.setitem(sys.modules, "modern_fm", None)
    fitted = fit_baselines({"factorisation machine": FactorisationMachine()}, checkerboard, Features())
    assert fitted.notes == (
        "factorisation machine is left out: modern-fm cannot be imported; pip install modern-fm",
    )


def test_a_large_log_is_left_out(monkeypatch, checkerboard):
    pytest.importorskip("modern_fm")
    monkeypatch.setattr(module, "MOST_EVENTS", 10)
    fitted = fit_baselines({"it": FactorisationMachine()}, checkerboard, Features())
    assert fitted.notes == ("it is left out: 60 events would take too long (at most 10)",)
