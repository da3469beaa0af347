"""Baselines: strong simple methods to compare a recommender with, in the same evaluation."""

from semrec.errors import ConfigError
from semrec.evaluation.baselines.baseline import (
    Baseline,
    Features,
    FittedBaselines,
    LeftOutError,
    Scorer,
    fit_baselines,
)
from semrec.evaluation.baselines.factorisation_machine import FactorisationMachine
from semrec.evaluation.baselines.factors import Als, Bpr, LightFm, NonNegativeFactors, TruncatedSvd
from semrec.evaluation.baselines.linear import Ease, L3ae
from semrec.evaluation.baselines.neighbours import ItemKnn
from semrec.evaluation.baselines.sasrec import SasRec
from semrec.evaluation.baselines.simple import Popularity
from semrec.evaluation.baselines.slist import Slist
from semrec.evaluation.baselines.text_similarity import CentredMean, PooledCosine, SoftNearest
from semrec.evaluation.baselines.word_vectors import bag_of_words_vectors, tfidf_vectors, word2vec_vectors

__all__ = [
    "BASELINE_SETS",
    "Als",
    "Baseline",
    "Bpr",
    "CentredMean",
    "Ease",
    "FactorisationMachine",
    "Features",
    "FittedBaselines",
    "ItemKnn",
    "L3ae",
    "LeftOutError",
    "LightFm",
    "NonNegativeFactors",
    "PooledCosine",
    "Popularity",
    "SasRec",
    "Scorer",
    "Slist",
    "SoftNearest",
    "TruncatedSvd",
    "bag_of_words_vectors",
    "baselines_named",
    "fit_baselines",
    "quick_baselines",
    "slow_baselines",
    "tfidf_vectors",
    "word2vec_vectors",
]


BASELINE_SETS = ("none", "quick", "all")
"""What may be compared with: nothing, methods that are trained in seconds to minutes, slow ones as well."""


def baselines_named(which: str, seed: int = 42) -> dict[str, Baseline]:
    """Return the baselines of one of `BASELINE_SETS`, by their names in the report.

    Raises
    ------
    ConfigError
        There is no such set.
    """
    if which not in BASELINE_SETS:
        raise ConfigError(f"there are no baselines {which!r}; take one of {', '.join(BASELINE_SETS)}.")
    if which == "none":
        return {}
    return quick_baselines(seed) if which == "quick" else {**quick_baselines(seed), **slow_baselines(seed)}


def quick_baselines(seed: int = 42) -> dict[str, Baseline]:
    """Return the baselines that are trained in seconds to minutes."""
    return {
        "popularity": Popularity(),
        "raw mean, cosine": PooledCosine(),
        "centred mean": CentredMean(),
        "text alone (soft nearest)": SoftNearest(),
        "TF-IDF text": SoftNearest(words=tfidf_vectors),
        "bag-of-words text": SoftNearest(words=bag_of_words_vectors),
        "word2vec text": SoftNearest(words=word2vec_vectors),
        "item-kNN": ItemKnn(seed=seed),
        "implicit ALS": Als(seed=seed),
        "implicit BPR": Bpr(seed=seed),
        "truncated SVD": TruncatedSvd(seed=seed),
        "NMF": NonNegativeFactors(seed=seed),
        "EASE": Ease(seed=seed),
        "L3AE": L3ae(seed=seed),
        "SLIST": Slist(seed=seed),
        "LightFM": LightFm(seed=seed),
    }


def slow_baselines(seed: int = 42) -> dict[str, Baseline]:
    """Return the baselines that are trained in minutes to hours."""
    return {"factorisation machine": FactorisationMachine(seed=seed), "SASRec": SasRec(seed=seed)}
