"""Baselines: one right answer for each, and their formulas."""

import sys

import numpy as np
import pytest

from semrec.errors import ConfigError
from semrec.evaluation.baselines import (
    Als,
    Bpr,
    CentredMean,
    Ease,
    FactorisationMachine,
    Features,
    ItemKnn,
    L3ae,
    LightFm,
    NonNegativeFactors,
    PooledCosine,
    Popularity,
    SoftNearest,
    TruncatedSvd,
    bag_of_words_vectors,
    baselines_named,
    fit_baselines,
    quick_baselines,
    tfidf_vectors,
)

EVERYONE = np.arange(12)


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
        L3ae(((1.0, 1.0),)),
        ItemKnn(),
        ItemKnn((2,), (0.0,)),
        FactorisationMachine((1e-5,), n_factors=4, n_epochs=60),
        LightFm(n_factors=4),
    ],
    ids=lambda b: f"{type(b).__name__} {getattr(getattr(b, 'words', None), '__name__', '')}",
)
def test_checkerboard_has_one_right_answer(baseline, checkerboard, features):
    fitted = fit_baselines({"it": baseline}, checkerboard, features)
    if fitted.notes:
        pytest.skip(fitted.notes[0])
    scorer = fitted.scorers["it"]
    scores = scorer(EVERYONE)
    assert scores.dtype == np.float32
    assert scores.shape == checkerboard.shape
    scores = np.where(checkerboard.toarray() > 0, -np.inf, scores)
    assert scores.argmax(axis=1).tolist() == EVERYONE.tolist()
    np.testing.assert_allclose(scorer(EVERYONE[3:5])[:, 0], scorer(EVERYONE)[3:5, 0], rtol=1e-4)
    assert fitted.seconds["it"] >= 0


def test_the_training_matrix_is_not_changed(checkerboard, features):
    before = checkerboard.copy()
    fit_baselines({"a": Popularity(), "b": Ease(), "c": SoftNearest()}, checkerboard, features)
    assert (before != checkerboard).nnz == 0


def test_a_baseline_that_fails_on_the_data_is_left_out_with_a_note(checkerboard):
    """Texts of one letter leave no words."""
    features = Features(np.eye(checkerboard.shape[1], dtype=np.float32), ["a"] * checkerboard.shape[1])
    fitted = fit_baselines(quick_baselines(), checkerboard, features)
    assert {"popularity", "EASE", "text alone (soft nearest)"} <= set(fitted.scorers)
    assert "TF-IDF text" not in fitted.seconds
    assert any(
        note.startswith("TF-IDF text is left out: ") and "empty vocabulary" in note for note in fitted.notes
    )


def test_a_baseline_without_its_library_is_left_out_with_a_note(checkerboard, monkeypatch):
    for name in ("implicit.cpu.als", "implicit.cpu.bpr", "gensim.models", "lightfm"):
        monkeypatch.setitem(sys.modules, name, None)
    fitted = fit_baselines(quick_baselines(), checkerboard, Features())
    assert set(fitted.scorers) == {"popularity", "truncated SVD", "NMF", "EASE", "item-kNN"}
    notes = fitted.notes
    assert len(notes) == 11
    assert "SLIST is left out: it needs the order of the events" in notes
    assert "implicit ALS is left out: implicit cannot be imported; pip install implicit" in notes
    assert "centred mean is left out: it needs the text vectors of the items" in notes
    assert "TF-IDF text is left out: it needs the texts of the items" in notes


def test_a_model_of_all_pairs_of_items_is_left_out_for_a_large_catalog(monkeypatch, checkerboard):
    monkeypatch.setattr("semrec.evaluation.baselines.linear.MOST_ITEMS", 11)
    fitted = fit_baselines({"EASE": Ease(), "popularity": Popularity()}, checkerboard, Features())
    assert list(fitted.scorers) == ["popularity"]
    assert fitted.notes == (
        "EASE is left out: it weighs every pair of items, and 12 items have events (at most 11)",
    )


def test_the_sets_of_baselines():
    assert baselines_named("none") == {}
    assert set(baselines_named("quick")) < set(baselines_named("all"))
    with pytest.raises(ConfigError, match="no baselines 'slow'; take one of none, quick, all"):
        baselines_named("slow")
