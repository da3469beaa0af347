"""EASE: the item-item linear model in closed form (Steck, WWW 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from semrec.errors import ConfigError
from semrec.evaluation.accuracy import find_hits, ndcg
from semrec.evaluation.baselines.baseline import Features, Scorer, liked
from semrec.evaluation.splits import Csr
from semrec.evaluation.top_k import top_k
from semrec.types import Float2D

VALIDATION_USERS = 2000
"""Users who choose between regularisations; enough to tell them apart."""


@dataclass(frozen=True, slots=True)
class Ease:
    """score(u, i) = Σ_h x_uh·B[h, i], B = argmin ‖X - X·B‖² + λ‖B‖² with a diagonal of 0.

    Parameters
    ----------
    regularisations : λ, each above 0. With several, the best NDCG@10 on a fifth of the training events
        chooses (never the test), and the model is trained again on all of them. Sparse data want small
        ones (project dependencies 10), dense data large ones (film ratings hundreds).
    seed : of that validation split.
    """

    regularisations: tuple[float, ...] = (10.0, 100.0, 500.0)
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        if not self.regularisations or min(self.regularisations) <= 0:
            raise ConfigError(f"EASE needs regularisations above 0, not {self.regularisations}")
        x = liked(train)
        weights = ease_weights(x, self._chosen(x))
        return lambda users: np.asarray(x[users] @ weights, np.float32)

    def _chosen(self, x: Csr) -> float:
        if len(self.regularisations) == 1:
            return self.regularisations[0]
        known, hidden = _hide(x, self.seed)
        asked = np.flatnonzero((np.diff(known.indptr) > 0) & (np.diff(hidden.indptr) > 0))
        asked = np.random.default_rng(self.seed).permutation(asked)[:VALIDATION_USERS]
        if not len(asked):
            return self.regularisations[0]
        return max(self.regularisations, key=lambda value: _quality(known, hidden, asked, value))


def ease_weights(x: Csr, regularisation: float) -> Float2D:
    """Return B, float32 (n_items, n_items), diagonal 0.

    With P = (XᵀX + λI)⁻¹: B[h, i] = -P[h, i] / P[i, i].
    """
    gram = np.asarray((x.T @ x).todense(), np.float32, order="F")
    gram[np.diag_indices_from(gram)] += np.float32(regularisation)
    factor, failed = linalg.lapack.spotrf(gram, overwrite_a=True)
    inverse, also_failed = linalg.lapack.spotri(factor, overwrite_c=True)
    if failed or also_failed:
        raise ConfigError(f"EASE cannot be solved with λ = {regularisation}: give a larger one")
    upper = np.triu(inverse)
    precision = upper + np.triu(upper, 1).T
    weights = precision / -np.diag(precision)
    weights[np.diag_indices_from(weights)] = 0
    return np.ascontiguousarray(weights, np.float32)


def _hide(x: Csr, seed: int) -> tuple[Csr, Csr]:
    """Split the entries at random, four fifths and one fifth."""
    hidden = np.random.default_rng(seed).random(x.nnz) < 0.2
    parts = []
    for keep in (~hidden, hidden):
        part = x.copy()
        part.data = x.data * keep
        part.eliminate_zeros()
        parts.append(part)
    return parts[0], parts[1]


def _quality(known: Csr, hidden: Csr, users: np.ndarray, regularisation: float) -> float:
    histories = known[users]
    scores = np.asarray(histories @ ease_weights(known, regularisation), np.float32)
    scores[histories.nonzero()] = -np.inf
    positives = hidden[users]
    return float(ndcg(find_hits(top_k(scores, 10, positives), positives)).mean())
