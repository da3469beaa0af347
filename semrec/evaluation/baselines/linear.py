"""EASE: the item-item linear model in closed form (Steck, WWW 2019)."""

from __future__ import annotations

from collections.abc import Sequence
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
"""Most users in the validation that chooses the regularisation."""


@dataclass(frozen=True, slots=True)
class Ease:
    """score(u, i) = Σ_h x_uh·B[h, i], B = argmin ‖X - X·B‖² + λ‖B‖² with a diagonal of 0.

    Parameters
    ----------
    regularisations : λ, each above 0. Of several, the one with the best NDCG@10 on a validation part, a fifth
        of the training events, is chosen; then the model is trained on all training events. Small values are
        best for sparse data (project dependencies: 10), large ones for dense data (film ratings: hundreds).
    seed : of the validation part.
    """

    regularisations: tuple[float, ...] = (10.0, 100.0, 500.0)
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        if not self.regularisations or min(self.regularisations) <= 0:
            raise ConfigError(f"EASE needs regularisations above 0, not {self.regularisations}")
        x = liked(train)
        weights = ease_weights(x, choose_regularisation(x, self.regularisations, self.seed))
        return lambda users: np.asarray(x[users] @ weights, np.float32)


def choose_regularisation(
    x: Csr, regularisations: Sequence[float], seed: int, max_users: int = VALIDATION_USERS
) -> float:
    """Return the regularisation with the best NDCG@10 on a validation part of the events.

    Parameters
    ----------
    x : CSR (n_users, n_items), 1 for every event.
    regularisations : at least one; the first one is returned if there is no user to validate on.
    seed : of the validation part.
    max_users : most users to validate on.
    """
    if len(regularisations) == 1:
        return regularisations[0]
    known, hidden = hold_out(x, seed)
    users = np.flatnonzero((np.diff(known.indptr) > 0) & (np.diff(hidden.indptr) > 0))
    users = np.random.default_rng(seed).permutation(users)[:max_users]
    if not len(users):
        return regularisations[0]
    return max(regularisations, key=lambda value: validation_ndcg(known, hidden, users, value))


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


def hold_out(x: Csr, seed: int) -> tuple[Csr, Csr]:
    """Return a random four fifths and the other fifth of the entries."""
    hidden = np.random.default_rng(seed).random(x.nnz) < 0.2
    parts = []
    for keep in (~hidden, hidden):
        part = x.copy()
        part.data = x.data * keep
        part.eliminate_zeros()
        parts.append(part)
    return parts[0], parts[1]


def validation_ndcg(known: Csr, hidden: Csr, users: np.ndarray, regularisation: float) -> float:
    """Return the mean NDCG@10 of some users for their hidden events, learned from the known ones."""
    histories = known[users]
    scores = np.asarray(histories @ ease_weights(known, regularisation), np.float32)
    scores[histories.nonzero()] = -np.inf
    positives = hidden[users]
    return float(ndcg(find_hits(top_k(scores, 10, positives), positives)).mean())
