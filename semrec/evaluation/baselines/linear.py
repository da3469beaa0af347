"""Item-item linear models in closed form: EASE, and L3AE, which is drawn to what the texts suggest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semrec.errors import ConfigError
from semrec.evaluation.baselines.baseline import Features, LeftOutError, Scorer, liked
from semrec.evaluation.baselines.validation import best_of
from semrec.evaluation.splits import Csr
from semrec.mathematics.rows import centre
from semrec.signals.models import ease
from semrec.signals.models.next_items import whole
from semrec.signals.models.text_prior import TextPrior
from semrec.types import Float2D

MOST_ITEMS = 20_000
"""Most items with events of a dense item-item model: its matrix takes 1.6 GB, and some copies of it."""


@dataclass(frozen=True, slots=True)
class Ease:
    """score(u, i) = Σ_h x_uh·B[h, i], B = argmin ‖X - X·B‖² + λ‖B‖² with a diagonal of 0.

    H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019.

    Parameters
    ----------
    regularisations : λ, each above 0; of several, the best one on the validation part is taken. Small values
        are best for sparse data (project dependencies: 10), large ones for dense data (film ratings: 500).
    seed : of the validation part.
    """

    regularisations: tuple[float, ...] = (10.0, 100.0, 500.0)
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        if not self.regularisations or min(self.regularisations) <= 0:
            raise ConfigError(f"EASE needs regularisations above 0, not {self.regularisations}")
        x = liked(train)
        return _learn_ease(x, features, best_of(self.regularisations, _learn_ease, x, features, self.seed))


def _learn_ease(x: Csr, _: Features, regularisation: float) -> Scorer:
    return _scorer(x, lambda used: ease_weights(x[:, used], regularisation))


@dataclass(frozen=True, slots=True)
class L3ae:
    """score(u, i) = Σ_h x_uh·B[h, i], B = argmin ‖X - X·B‖² + λ‖B‖² + β‖B - S‖² with a diagonal of 0.

    S is EASE on the text vectors of the items, see `TextPrior`. J. Moon et al., "LLM-Enhanced Linear
    Autoencoders for Recommendation", CIKM 2025.

    Parameters
    ----------
    strengths : (λ, β), each above 0; of several, the best pair on the validation part is taken.
    seed : of the validation part.
    """

    strengths: tuple[tuple[float, float], ...] = ((3.0, 30.0), (30.0, 150.0), (200.0, 200.0))
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        if features.vectors is None:
            raise LeftOutError("it needs the text vectors of the items")
        x = liked(train)
        return _learn_l3ae(x, features, best_of(self.strengths, _learn_l3ae, x, features, self.seed))


def _learn_l3ae(x: Csr, features: Features, strengths: tuple[float, float]) -> Scorer:
    assert features.vectors is not None
    vectors = np.asarray(features.vectors, np.float32)
    prior = TextPrior.of(centre(vectors, vectors.mean(axis=0)))
    reg, strength = strengths
    return _scorer(x, lambda used: ease_weights(x[:, used], reg, ease.Pull(prior.at(used), strength)))


def used_items(x: Csr) -> NDArray[np.int64]:
    """Return the columns with events, int64 (n_used,), ascending; raise LeftOutError if they are too many."""
    used = np.unique(x.indices).astype(np.int64)
    if len(used) > MOST_ITEMS:
        raise LeftOutError(
            f"it weighs every pair of items, and {len(used):,} items have events (at most {MOST_ITEMS:,})"
        )
    return used


def ease_weights(x: Csr, regularisation: float, pull: ease.Pull | None = None) -> Float2D:
    """Return B, float32 (n_items, n_items), diagonal 0; see `semrec.signals.models.ease`.

    Parameters
    ----------
    x : CSR (n_users, n_items), 1 for every event; every item has one.
    regularisation : λ.
    pull : what B is drawn to; None: nothing.
    """
    n_items = x.shape[1]
    return whole(ease.columns(x, regularisation, pull), n_items).numpy().T


def weighted_sums(questions: Csr, used: NDArray[np.int64], weights: Float2D) -> Scorer:
    """Return the scorer Σ_h q_uh·W[h, i]; items without events have the score 0.

    Parameters
    ----------
    questions : CSR (n_users, n_items), the weights q of every user's items.
    used : int64 (n_used,), the items of `weights`.
    weights : float32 (n_used, n_used).
    """
    known = questions[:, used]

    def scores(users: NDArray[np.int64]) -> Float2D:
        result = np.zeros((len(users), questions.shape[1]), np.float32)
        result[:, used] = known[users] @ weights
        return result

    return scores


def _scorer(x: Csr, weights_of: Callable[[NDArray[np.int64]], Float2D]) -> Scorer:
    used = used_items(x)
    return weighted_sums(x, used, weights_of(used))
