"""EASE: its formula, and the choice of its regularisation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from semrec.errors import ConfigError
from semrec.evaluation.baselines import Ease, Features, L3ae, LeftOutError
from semrec.evaluation.baselines.linear import ease_weights
from semrec.evaluation.baselines.validation import hold_out


def test_ease_against_the_formula():
    x = (np.random.default_rng(3).random((40, 15)) < 0.3).astype(np.float64)
    precision = np.linalg.inv(x.T @ x + 7.0 * np.eye(15))
    expected = np.eye(15) - precision @ np.diag(1 / np.diag(precision))
    weights = ease_weights(sparse.csr_matrix(x.astype(np.float32)), 7.0)
    np.testing.assert_allclose(weights, expected, atol=1e-4)
    assert not weights.diagonal().any()


@pytest.mark.parametrize("values", [(), (0.0,), (5.0, -1.0)])
def test_ease_needs_regularisation(values, checkerboard):
    with pytest.raises(ConfigError, match="regularisations"):
        Ease(values).fit(checkerboard, Features())


def test_ease_takes_the_regularisation_that_is_best_on_the_validation_part():
    groups = np.arange(80) % 4
    likes = np.random.default_rng(5).random((80, 40)) < np.where(
        groups[:, None] == np.arange(40) % 4, 0.4, 0.1
    )
    x = sparse.csr_array(likes.astype(np.float32))
    part = hold_out(x, Features(), 42)
    values = (0.01, 10.0, 1000.0)
    found = {value: part.ndcg(Ease((value,)).fit(part.known, part.features)) for value in values}
    best = max(found, key=found.get)
    assert max(found.values()) > min(found.values()) + 0.02
    scores = Ease(values).fit(x, Features())(np.arange(3))
    np.testing.assert_array_equal(scores, Ease((best,)).fit(x, Features())(np.arange(3)))


def test_items_without_events_have_the_score_0(checkerboard):
    wider = sparse.csr_array(sparse.hstack([checkerboard, sparse.csr_array((12, 2))]))
    scores = Ease((1.0,)).fit(wider, Features())(np.arange(12))
    assert not scores[:, 12:].any()
    np.testing.assert_allclose(scores[:, :12], Ease((1.0,)).fit(checkerboard, Features())(np.arange(12)))


def test_l3ae_is_drawn_to_what_the_texts_suggest():
    """Against the formula: B = N - P·diag(N_jj / P_jj), N = P·(XᵀX + βS), P = (XᵀX + (λ + β)·I)⁻¹."""
    rng = np.random.default_rng(3)
    x = (rng.random((40, 15)) < 0.3).astype(np.float64)
    vectors = rng.normal(size=(15, 4)).astype(np.float32)
    features = vectors - vectors.mean(axis=0)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    inner = np.linalg.inv(features.T @ features + np.eye(4))
    prior = features @ inner @ features.T
    prior /= 1 - prior.diagonal()
    np.fill_diagonal(prior, 0)
    gram = x.T @ x
    inverse = np.linalg.inv(gram + 10 * np.eye(15))
    free = inverse @ (gram + 7 * prior)
    expected = free - inverse * (free.diagonal() / inverse.diagonal())
    likes = sparse.csr_array(x.astype(np.float32))
    scores = L3ae(((3.0, 7.0),)).fit(likes, Features(vectors))(np.arange(40))
    np.testing.assert_allclose(scores, x @ expected, atol=1e-3)


def test_l3ae_needs_text_vectors(checkerboard):
    with pytest.raises(LeftOutError, match="needs the text vectors"):
        L3ae().fit(checkerboard, Features())
