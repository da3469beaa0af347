"""EASE: the item-item linear model in closed form (Steck, WWW 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from semrec.errors import ConfigError
from semrec.evaluation.baselines.baseline import Features, LeftOutError, Scorer, liked
from semrec.evaluation.baselines.validation import best_of
from semrec.evaluation.splits import Csr
from semrec.types import Float2D

MOST_ITEMS = 20_000
"""Most items with events of a dense item-item model: its matrix takes 1.6 GB, and some copies of it."""


@dataclass(frozen=True, slots=True)
class Ease:
    """score(u, i) = Σ_h x_uh·B[h, i], B = argmin ‖X - X·B‖² + λ‖B‖² with a diagonal of 0.

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
        return _learn(x, features, best_of(self.regularisations, _learn, x, features, self.seed))


def _learn(x: Csr, _: Features, regularisation: float) -> Scorer:
    used = used_items(x)
    return weights_scorer(x, used, ease_weights(x[:, used], regularisation))


def used_items(x: Csr) -> NDArray[np.int64]:
    """Return the columns with events, int64 (n_used,), ascending; raise LeftOutError if they are too many."""
    used = np.unique(x.indices).astype(np.int64)
    if len(used) > MOST_ITEMS:
        raise LeftOutError(
            f"it weighs every pair of items, and {len(used):,} items have events (at most {MOST_ITEMS:,})"
        )
    return used


def weights_scorer(x: Csr, used: NDArray[np.int64], weights: Float2D) -> Scorer:
    """Return the scorer Σ_h x_uh·W[h, i]; items without events have the score 0.

    Parameters
    ----------
    x : CSR (n_users, n_items), 1 for every event.
    used : int64 (n_used,), the items of `weights`.
    weights : float32 (n_used, n_used).
    """
    known = x[:, used]

    def scores(users: NDArray[np.int64]) -> Float2D:
        result = np.zeros((len(users), x.shape[1]), np.float32)
        result[:, used] = known[users] @ weights
        return result

    return scores


def ease_weights(x: Csr, regularisation: float) -> Float2D:
    """Return B, float32 (n_items, n_items), diagonal 0.

    With P = (XᵀX + λI)⁻¹: B[h, i] = -P[h, i] / P[i, i].
    """
    gram = np.asarray((x.T @ x).todense(), np.float32, order="F")
    gram[np.diag_indices_from(gram)] += np.float32(regularisation)
    factor, failed = linalg.lapack.spotrf(gram, overwrite_a=True)
    inverse, also_failed = linalg.lapack.spotri(factor, overwrite_c=True)
    if failed or also_failed:
        raise ConfigError(f"EASE cannot be solved with λ = {regularisation}: use a larger value")
    upper = np.triu(inverse)
    precision = upper + np.triu(upper, 1).T
    weights = precision / -np.diag(precision)
    weights[np.diag_indices_from(weights)] = 0
    return np.ascontiguousarray(weights, np.float32)
