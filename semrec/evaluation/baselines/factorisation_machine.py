"""A factorisation machine of users, items and words of the items (S. Rendle, ICDM 2010), by `modern-fm`.

It is trained to tell the liked items of a user from items drawn at random (logistic loss, AdaGrad).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from semrec.evaluation.baselines.baseline import Features, LeftOutError, Scorer, liked, optional
from semrec.evaluation.baselines.neighbours import largest_of_each
from semrec.evaluation.baselines.validation import best_of
from semrec.evaluation.baselines.word_vectors import tfidf_vectors
from semrec.evaluation.splits import Csr

MOST_EVENTS = 1_000_000
"""Most events to train on: ten times as many drawn items are held in memory beside them."""


@dataclass(frozen=True, slots=True)
class FactorisationMachine:
    """score(u, i) = Σ_f x_if·w_f + ⟨v_u, Σ_f x_if·v_f⟩ + Σ_{f<g} x_if·x_ig·⟨v_f, v_g⟩.

    The features f of an item are its id (1) and the most telling words of its text (TF·IDF).

    Parameters
    ----------
    regularisations : of the weights w and the factors v; of several, the best one on the validation part is
        taken.
    n_factors, n_epochs, learning_rate : as in the library.
    n_negatives : items drawn at random for each event.
    n_words : words of an item, those with the largest TF·IDF: the time of the training grows with them.
    seed : of everything random.
    """

    regularisations: tuple[float, ...] = (1e-5, 1e-2)
    n_factors: int = 32
    n_epochs: int = 10
    learning_rate: float = 0.05
    n_negatives: int = 10
    n_words: int = 10
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        optional("modern_fm", "modern-fm")
        x = liked(train)
        if x.nnz > MOST_EVENTS:
            raise LeftOutError(f"{x.nnz:,} events would take too long (at most {MOST_EVENTS:,})")
        return self._learn(x, features, best_of(self.regularisations, self._learn, x, features, self.seed))

    def _learn(self, x: Csr, features: Features, regularisation: float) -> Scorer:
        users, items, labels = self._examples(x)
        of_items = self._item_features(x.shape[1], features)
        rows = sparse.hstack(
            [sparse.eye_array(x.shape[0], format="csr")[users], of_items[items]], format="csr"
        )
        model = optional("modern_fm", "modern-fm").FMClassifier(
            n_factors=self.n_factors,
            optimizer="adagrad",
            learning_rate=self.learning_rate,
            max_iter=self.n_epochs,
            l2_linear=regularisation,
            l2_factors=regularisation,
            random_state=self.seed,
        )
        model.fit(sparse.csr_matrix(rows), labels)
        return _scorer(x.shape[0], of_items, np.asarray(model.w_), np.asarray(model.V_))

    def _examples(self, x: Csr) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return users, items and labels: 1 for every event, 0 for drawn items without an event."""
        n_users, n_items = x.shape
        users = np.repeat(np.arange(n_users), np.diff(x.indptr))
        liked_pairs = users * n_items + x.indices
        drawn = np.random.default_rng(self.seed).integers(n_items, size=x.nnz * self.n_negatives)
        pairs = np.repeat(users, self.n_negatives) * n_items + drawn
        pairs = np.concatenate([liked_pairs, pairs[~np.isin(pairs, liked_pairs)]])
        labels = (np.arange(len(pairs)) < x.nnz).astype(np.float64)
        return *np.divmod(pairs, n_items), labels

    def _item_features(self, n_items: int, features: Features) -> Any:
        """Return float64 CSR (n_items, n_features)."""
        ids = sparse.eye_array(n_items, format="csr")
        if features.texts is None:
            return ids
        words = largest_of_each(sparse.csc_array(tfidf_vectors(features.texts).T), self.n_words).T
        return sparse.hstack([ids, words], format="csr", dtype=np.float64)


def _scorer(
    n_users: int, of_items: Any, weights: NDArray[np.float64], factors: NDArray[np.float64]
) -> Scorer:
    """Return the scorer; what is the same for all items of a user is left out.

    Parameters
    ----------
    n_users : the first so many features are the users.
    of_items : CSR (n_items, n_item_features).
    weights : w, float64 (n_features,).
    factors : v, float64 (n_features, n_factors).
    """
    item_factors = of_items @ factors[n_users:]
    squares = of_items.multiply(of_items) @ (factors[n_users:] ** 2)
    own = of_items @ weights[n_users:] + 0.5 * (item_factors**2 - squares).sum(axis=1)
    p, q, biases = (part.astype(np.float32) for part in (factors[:n_users], item_factors, own))
    return lambda users: p[users] @ q.T + biases
