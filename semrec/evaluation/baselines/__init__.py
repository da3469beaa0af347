"""Baselines: strong simple methods to compare a recommender with, in the same evaluation."""

from semrec.evaluation.baselines.baseline import Baseline, Features, LeftOutError, Scorer, fit_baselines
from semrec.evaluation.baselines.factors import Als, Bpr, LightFm, NonNegativeFactors, TruncatedSvd
from semrec.evaluation.baselines.linear import Ease
from semrec.evaluation.baselines.simple import Popularity
from semrec.evaluation.baselines.text_similarity import CentredMean, PooledCosine, SoftNearest
from semrec.evaluation.baselines.word_vectors import bag_of_words_vectors, tfidf_vectors, word2vec_vectors

__all__ = [
    "Als",
    "Baseline",
    "Bpr",
    "CentredMean",
    "Ease",
    "Features",
    "LeftOutError",
    "LightFm",
    "NonNegativeFactors",
    "PooledCosine",
    "Popularity",
    "Scorer",
    "SoftNearest",
    "TruncatedSvd",
    "bag_of_words_vectors",
    "default_baselines",
    "fit_baselines",
    "tfidf_vectors",
    "word2vec_vectors",
]


def default_baselines(seed: int = 42) -> dict[str, Baseline]:
    """Return all baselines with their defaults, by their names in the report."""
    return {
        "popularity": Popularity(),
        "raw mean, cosine": PooledCosine(),
        "centred mean": CentredMean(),
        "text alone (soft nearest)": SoftNearest(),
        "TF-IDF text": SoftNearest(words=tfidf_vectors),
        "bag-of-words text": SoftNearest(words=bag_of_words_vectors),
        "word2vec text": SoftNearest(words=word2vec_vectors),
        "implicit ALS": Als(seed=seed),
        "implicit BPR": Bpr(seed=seed),
        "truncated SVD": TruncatedSvd(seed=seed),
        "NMF": NonNegativeFactors(seed=seed),
        "EASE": Ease(seed=seed),
        "LightFM": LightFm(seed=seed),
    }
