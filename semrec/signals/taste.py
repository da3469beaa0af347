"""The `taste` signal: items that the same people like, by matrix factorisation.

An item is a factor v_i. A history becomes a user's factor in closed form (the fold-in of iALS; Rendle et
al., "Revisiting the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022, eq. 5 and 8):

    u = A⁻¹ Σ_h c_h v_h,   A = α·G + Σ_h |c_h| v_h v_hᵀ + λ(Σ_h |c_h| + α·n_items)^ν · I,

G the Gram matrix of all factors. So the score v_i·u is a sum over the history: c_h · v_iᵀ A⁻¹ v_h.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from semrec.signals.protocol import Question, Signal, SignalQuery
from semrec.signals.standard import standard
from semrec.store.protocol import Index, Search, VectorField
from semrec.types import Float2D, Keys

TASTE = "taste"


def taste_fields(rank: int) -> tuple[VectorField, ...]:
    """Return what the signal keeps of every item: its factor."""
    return (VectorField(TASTE, "dense", rank, "dot"),)


@dataclass(frozen=True, slots=True)
class FoldIn:
    """What turns a history into a user's factor.

    Parameters
    ----------
    gram : float32 (rank, rank), Σ_i v_i v_iᵀ.
    alpha : weight of the items that a user has not touched.
    reg, nu : λ and ν of the frequency-scaled regularisation.
    n_items : items of the catalog.
    """

    gram: Float2D
    alpha: float
    reg: float
    nu: float
    n_items: int

    def system(self, factors: Float2D, confidences: np.ndarray) -> np.ndarray:
        """Return A for a history: float64 (rank, rank).

        Parameters
        ----------
        factors : float32 (n_history, rank).
        confidences : float32 (n_history,), |c_h|.
        """
        evidence = float(confidences.sum())
        ridge = self.reg * (evidence + self.alpha * self.n_items) ** self.nu
        scaled = factors.astype(np.float64)
        return (
            self.alpha * self.gram.astype(np.float64)
            + scaled.T @ (scaled * confidences[:, None])
            + ridge * np.eye(len(self.gram))
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        gram = base64.b64encode(np.ascontiguousarray(self.gram, "<f4").tobytes()).decode()
        settings = {"alpha": self.alpha, "reg": self.reg, "nu": self.nu, "n_items": self.n_items}
        return {"rank": len(self.gram), "gram": gram, **settings}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> FoldIn:
        """Return what `to_dict` wrote."""
        gram = np.frombuffer(base64.b64decode(stored["gram"]), "<f4").reshape(stored["rank"], stored["rank"])
        return cls(gram, *(stored[name] for name in ("alpha", "reg", "nu", "n_items")))


class TasteSignal(Signal):
    """The signal on one generation."""

    name = TASTE

    def __init__(self, index: Index, sample: Keys, fold_in: FoldIn) -> None:
        self._index = index
        self._fold_in = fold_in
        self._sample_keys = sample
        self._sample = index.vectors(TASTE, sample)

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part for the history, where given."""
        if not len(question.history):
            return []
        factors = self._index.vectors(TASTE, question.history)
        system = self._fold_in.system(factors, np.abs(question.weights))
        solved = np.linalg.solve(system, factors.T.astype(np.float64)) * question.weights
        reasons = solved.astype(np.float32)  # (rank, n_history): what each item of the history pulls towards

        def terms(keys: Keys) -> Float2D:
            return self._index.vectors(TASTE, keys) @ reasons

        user = reasons.sum(axis=1)
        searches = (Search(TASTE, user, question.limit),) if np.any(user) else ()
        others = self._sample[~np.isin(self._sample_keys, question.history)]
        return [SignalQuery(TASTE, "history", searches, terms, *standard(others @ reasons))]
