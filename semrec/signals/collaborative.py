"""The `taste` signal: items that the same people like, by matrix factorisation.

An item is a factor v_i. A history becomes a user's factor in closed form (the fold-in of iALS; Rendle et
al., "Revisiting the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022, eq. 5 and 8):

    u = A⁻¹ Σ_h c_h v_h,   A = α·G + Σ_h |c_h| v_h v_hᵀ + λ(Σ_h |c_h| + α·n_items)^ν · I,

G the Gram matrix of all factors. So the score v_i·u is a sum over the history: c_h · v_iᵀ A⁻¹ v_h.

What reads like a text is told to have the taste that such texts have (`TextMap`): that is the factor of an
item without events, and a text query asks as the user of one such item would.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from semrec.signals.signal import Question, Signal, SignalQuery
from semrec.signals.standard import standard
from semrec.store.protocol import Index, Search, VectorField
from semrec.types import Float1D, Float2D, Keys

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
        settings = {"alpha": self.alpha, "reg": self.reg, "nu": self.nu, "n_items": self.n_items}
        return {"rank": len(self.gram), "gram": _packed(self.gram), **settings}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> FoldIn:
        """Return what `to_dict` wrote."""
        gram = _unpacked(stored["gram"]).reshape(stored["rank"], stored["rank"])
        return cls(gram, *(stored[name] for name in ("alpha", "reg", "nu", "n_items")))


@dataclass(frozen=True, slots=True)
class TextMap:
    """What tells taste from text, as `semrec.learning.cold` learned it.

    Parameters
    ----------
    centre : float32 (dim,), mean of the text vectors that it was learned from.
    weights : float32 (dim + 1, rank); the last row is for a constant 1.
    """

    centre: Float1D
    weights: Float2D

    def predicted_taste(self, text_vectors: Float2D) -> Float2D:
        """Return the factors of items that read like this, float32 (n, rank).

        Parameters
        ----------
        text_vectors : float32 (n, dim), unit length, as the encoder gives them.
        """
        return centred_unit(text_vectors, self.centre) @ self.weights[:-1] + self.weights[-1]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return {
            "rank": self.weights.shape[1],
            "centre": _packed(self.centre),
            "weights": _packed(self.weights),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> TextMap:
        """Return what `to_dict` wrote."""
        centre = _unpacked(stored["centre"])
        return cls(centre, _unpacked(stored["weights"]).reshape(len(centre) + 1, stored["rank"]))


def centred_unit(vectors: Float2D, centre: Float1D) -> Float2D:
    """Return vectors minus the centre, of unit length; a vector that is the centre becomes 0."""
    centred = vectors - centre
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    unit: Float2D = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 1e-6)
    return unit


def _packed(numbers: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers, "<f4").tobytes()).decode()


def _unpacked(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


class TasteSignal(Signal):
    """The signal on one generation.

    Parameters
    ----------
    index : the generation.
    sample : keys of the items by which scores are standardised.
    fold_in : what turns a history into a factor.
    text_map : what turns a text into one; None: this signal has nothing to say of a text.
    """

    name = TASTE

    def __init__(self, index: Index, sample: Keys, fold_in: FoldIn, text_map: TextMap | None = None) -> None:
        self._index = index
        self._fold_in = fold_in
        self._text_map = text_map
        self._sample_keys = sample
        self._sample = index.vectors(TASTE, sample)

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part for the text and one for the history, where given."""
        parts = []
        if question.text_vector is not None and self._text_map is not None:
            factor = self._text_map.predicted_taste(question.text_vector[None])
            parts.append(self._part("text", factor, np.ones(1, np.float32), question))
        if len(question.history):
            factors = self._index.vectors(TASTE, question.history)
            parts.append(self._part("history", factors, question.weights, question))
        return parts

    def _part(
        self, origin: Literal["text", "history"], factors: Float2D, confidences: Float1D, question: Question
    ) -> SignalQuery:
        """Return the question of a user who has used items with these factors, float32 (n_terms, rank)."""
        system = self._fold_in.system(factors, np.abs(confidences))
        solved = np.linalg.solve(system, factors.T.astype(np.float64)) * confidences
        reasons = solved.astype(np.float32)  # (rank, n_terms): what each of them pulls towards

        def terms(keys: Keys) -> Float2D:
            return self._index.vectors(TASTE, keys) @ reasons

        user = reasons.sum(axis=1)
        searches = (Search(TASTE, user, question.limit),) if np.any(user) else ()
        scale = standard(self._sample @ reasons, self._sample_keys, question.history)
        return SignalQuery(TASTE, origin, searches, terms, *scale)
