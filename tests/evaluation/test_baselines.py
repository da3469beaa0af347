import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from semrec.errors import ConfigError
from semrec.evaluation.baselines import (
    Als,
    Bpr,
    CentredMean,
    Ease,
    Features,
    LightFm,
    NonNegativeFactors,
    PooledCosine,
    Popularity,
    SoftNearest,
    TruncatedSvd,
    bag_of_words_vectors,
    default_baselines,
    fit_baselines,
    linear,
    tfidf_vectors,
    word2vec_vectors,
)
from semrec.evaluation.baselines.linear import ease_weights
from semrec.evaluation.baselines.text_similarity import CentredCosines

EVERYONE = np.arange(12)
WORDS = [" ".join(["red apple tree"] * 3 if i % 2 else ["blue ocean wave"] * 3) for i in range(12)]


@pytest.fixture
def features():
    """Even items point one way, odd items the other, all with a large common part and a little noise."""
    noise = np.random.default_rng(0).normal(0, 0.02, (12, 4))
    side = np.where(EVERYONE % 2, 1.0, -1.0)[:, None] * [[0, 0.5, 0, 0]]
    vectors = (np.array([[3.0, 0, 0, 0]]) + side + noise).astype(np.float32)
    return Features(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), WORDS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "baseline",
    [
        PooledCosine(),
        CentredMean(),
        SoftNearest(),
        SoftNearest(words=tfidf_vectors),
        SoftNearest(words=bag_of_words_vectors),
        Als(n_factors=4, regularisation=0.1, n_epochs=10),
        Bpr(n_factors=4, n_epochs=200),
        TruncatedSvd(n_factors=2),
        NonNegativeFactors(n_factors=2),
        Ease((1.0,)),
        Ease(),
        LightFm(n_factors=4),
    ],
    ids=lambda b: f"{type(b).__name__} {getattr(getattr(b, 'words', None), '__name__', '')}",
)
def test_checkerboard_has_one_right_answer(baseline, checkerboard, features):
    scorers, notes = fit_baselines({"it": baseline}, checkerboard, features)
    if notes:
        pytest.skip(notes[0])
    scores = scorers["it"](EVERYONE)
    assert scores.dtype == np.float32
    assert scores.shape == checkerboard.shape
    scores = np.where(checkerboard.toarray() > 0, -np.inf, scores)
    assert scores.argmax(axis=1).tolist() == EVERYONE.tolist()
    np.testing.assert_allclose(scorers["it"](EVERYONE[3:5])[:, 0], scorers["it"](EVERYONE)[3:5, 0], rtol=1e-4)


def test_popularity_counts_who_likes():
    train = sparse.csr_array(np.array([[1, 5.0, 0], [0, 2.0, -1.0]], np.float32))
    assert Popularity().fit(train, Features())(np.array([1, 0])).tolist() == [[1, 2, 0], [1, 2, 0]]


def test_the_training_matrix_is_not_changed(checkerboard, features):
    before = checkerboard.copy()
    fit_baselines({"a": Popularity(), "b": Ease(), "c": SoftNearest()}, checkerboard, features)
    assert (before != checkerboard).nnz == 0


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


def test_soft_nearest_against_the_formula(features):
    train = sparse.csr_array((np.random.default_rng(1).random((5, 12)) < 0.4).astype(np.float32))
    scores = SoftNearest(sharpness=5).fit(train, features)(np.arange(5))
    centred = features.vectors - features.vectors.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    expected = train.toarray() @ np.exp(5 * centred @ centred.T)
    np.testing.assert_allclose(scores, expected, rtol=1e-3)


def test_sparse_and_dense_cosines_agree():
    vectors = sparse.random_array((9, 20), density=0.3, format="csr", dtype=np.float32, rng=1)
    rows = np.array([0, 4])
    dense = CentredCosines.of(vectors.toarray()).rows(rows)
    np.testing.assert_allclose(CentredCosines.of(vectors).rows(rows), dense, atol=1e-5)
    np.testing.assert_allclose(dense[[0, 1], rows], 1, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_word2vec_repeats_and_knows_empty_texts():
    pytest.importorskip("gensim")
    texts = [*WORDS, ""]
    one, other = word2vec_vectors(texts, n_dimensions=8), word2vec_vectors(texts, n_dimensions=8)
    np.testing.assert_array_equal(one, other)
    assert one.dtype == np.float32
    assert not one[-1].any()
    assert not word2vec_vectors(["", ""], n_dimensions=8).any()


def test_what_is_missing_is_left_out_and_said(checkerboard, monkeypatch):
    for name in ("implicit.cpu.als", "implicit.cpu.bpr", "gensim.models", "lightfm"):
        monkeypatch.setitem(sys.modules, name, None)
    scorers, notes = fit_baselines(default_baselines(), checkerboard, Features())
    assert set(scorers) == {"popularity", "truncated SVD", "NMF", "EASE"}
    assert len(notes) == 9
    assert "implicit ALS is left out: implicit cannot be imported; pip install implicit" in notes
    assert "centred mean is left out: it needs the text vectors of the items" in notes
    assert "TF-IDF text is left out: it needs the texts of the items" in notes


def test_lightfm_scores_with_item_biases(monkeypatch):
    """The library rarely installs, so a stand-in checks how its parts are put together."""

    class Model:
        def __init__(self, **options):
            assert options["loss"] == "warp"

        def fit(self, interactions, **options):
            self.shape = interactions.shape

        def get_item_representations(self):
            return np.array([10.0, 20.0]), np.array([[1.0, 0.0], [0.0, 1.0]])

        def get_user_representations(self):
            return np.array([99.0]), np.array([[3.0, 4.0]])

    monkeypatch.setitem(sys.modules, "lightfm", SimpleNamespace(LightFM=Model))
    scorer = LightFm().fit(sparse.csr_array(np.ones((1, 2), np.float32)), Features())
    assert scorer(np.array([0])).tolist() == [[13, 24]]


def test_ease_chooses_on_a_part_of_the_training_events(monkeypatch, checkerboard):
    def quality(known, hidden, users, value):
        assert known.multiply(hidden).nnz == 0
        assert (known + hidden != checkerboard).nnz == 0
        assert set(users) <= set(hidden.nonzero()[0])
        return -abs(value - 100)

    monkeypatch.setattr(linear, "_quality", quality)
    chosen = Ease((1.0, 100.0, 500.0)).fit(checkerboard, Features())(EVERYONE)
    np.testing.assert_array_equal(chosen, Ease((100.0,)).fit(checkerboard, Features())(EVERYONE))
