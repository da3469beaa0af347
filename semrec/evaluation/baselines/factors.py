"""Matrix factorisations of other libraries; a library is imported when its baseline is fitted.

The score is the inner product of a user and an item factor: score(u, i) = p_u·q_i.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from semrec.evaluation.baselines.baseline import Features, Scorer, liked, optional
from semrec.evaluation.splits import Csr


@dataclass(frozen=True, slots=True)
class Als:
    """Implicit-feedback ALS (Hu, Koren, Volinsky, 2008) by `implicit`.

    Parameters
    ----------
    n_factors, regularisation, alpha, n_epochs : as in the library; alpha is the weight of an event. The
        library's default regularisation of 0.01 is far from the best value: 10 gives NDCG@10 0.103 instead
        of 0.073 on film ratings (last fifth by time), 0.462 instead of 0.324 on project dependencies (random
        fifth).
    seed : of the initial factors.
    """

    n_factors: int = 128
    regularisation: float = 10.0
    alpha: float = 1.0
    n_epochs: int = 15
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        return _implicit(
            "als.AlternatingLeastSquares",
            train,
            factors=self.n_factors,
            regularization=self.regularisation,
            alpha=self.alpha,
            iterations=self.n_epochs,
            random_state=self.seed,
        )


@dataclass(frozen=True, slots=True)
class Bpr:
    """Bayesian personalised ranking (Rendle et al., 2009) by `implicit`; one thread, for repeatable runs."""

    n_factors: int = 64
    learning_rate: float = 0.05
    regularisation: float = 0.01
    n_epochs: int = 50
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        return _implicit(
            "bpr.BayesianPersonalizedRanking",
            train,
            factors=self.n_factors,
            learning_rate=self.learning_rate,
            regularization=self.regularisation,
            iterations=self.n_epochs,
            num_threads=1,
            random_state=self.seed,
        )


@dataclass(frozen=True, slots=True)
class TruncatedSvd:
    """PureSVD (Cremonesi, Koren, Turrin, 2010): p_u = x_u·Q with Q the largest right singular vectors."""

    n_factors: int = 64
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        return _scikit("TruncatedSVD", train, self.n_factors, random_state=self.seed)


@dataclass(frozen=True, slots=True)
class NonNegativeFactors:
    """Non-negative factorisation (Lee, Seung, 1999) by scikit-learn."""

    n_factors: int = 32
    n_epochs: int = 60
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        options = {"init": "nndsvda", "tol": 0, "max_iter": self.n_epochs, "random_state": self.seed}
        return _scikit("NMF", train, self.n_factors, **options)


@dataclass(frozen=True, slots=True)
class LightFm:
    """LightFM with the WARP loss (Kula, 2015), on events alone; one thread, so that runs are repeatable."""

    n_factors: int = 64
    n_epochs: int = 20
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        library = optional("lightfm", "lightfm")
        x = liked(train)
        model = library.LightFM(no_components=self.n_factors, loss="warp", random_state=self.seed)
        model.fit(x.tocoo(), epochs=self.n_epochs, num_threads=1)
        biases, items = model.get_item_representations()
        _, users = model.get_user_representations()
        ones = np.ones((len(users), 1))
        return _inner(np.hstack([users, ones]), np.hstack([items, biases[:, None]]))


def _implicit(name: str, train: Csr, **options: Any) -> Scorer:
    """Fit a model of `implicit`, with one BLAS thread, as the library starts threads of its own."""
    module, _, kind = name.partition(".")
    library = optional(f"implicit.cpu.{module}", "implicit")
    with optional("threadpoolctl", "threadpoolctl").threadpool_limits(1, "blas"):
        model = getattr(library, kind)(**options)
        model.fit(liked(train), show_progress=False)
    return _inner(model.user_factors, model.item_factors)


def _scikit(kind: str, train: Csr, n_factors: int, **options: Any) -> Scorer:
    """Fit a decomposition of scikit-learn, with at most as many factors as users or items."""
    x = liked(train)
    library = optional("sklearn.decomposition", "scikit-learn")
    model = getattr(library, kind)(min(n_factors, *x.shape), **options)
    return _inner(model.fit_transform(x), model.components_.T)


def _inner(users: Any, items: Any) -> Scorer:
    p, q = np.asarray(users, np.float32), np.asarray(items, np.float32)
    return lambda rows: p[rows] @ q.T
