"""Items without events: their factors predicted from their text, handed over as evidence grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from semrec.mathematics.rows import centre
from semrec.types import Float1D, Float2D

Stored = TypeVar("Stored")

TRUST_HALF = 5.0
"""Events at which an item counts half when the map from text to factors is learned."""

TEXT_REG = 10.0
HANDOVER_HALF = 3.0
"""Events at which an item's own factor counts as much as the predicted one."""


@dataclass(frozen=True, slots=True)
class TextMap:
    """Predicts the factors of an item from its text: v = [x - centre at unit length, 1] · weights.

    Parameters
    ----------
    centre : float32 (dim,), mean of the text vectors that it was learned from.
    weights : float32 (dim + 1, rank); the last row is for a constant 1.
    """

    centre: Float1D
    weights: Float2D

    @classmethod
    def of(cls, parameters: Mapping[str, object]) -> TextMap | None:
        """Return the map that parameters hold, as `stored` gave them; None where they have none."""
        if "text_weights" not in parameters:
            return None
        centre, weights = parameters["text_centre"], parameters["text_weights"]
        return cls(np.asarray(centre, np.float32), np.asarray(weights, np.float32))

    @property
    def stored(self) -> dict[str, np.ndarray]:
        """The map as parameters of a model."""
        return {"text_centre": self.centre, "text_weights": self.weights}

    def factors(self, text_vectors: Float2D) -> Float2D:
        """Return the factors of items that read like this, float32 (n, rank).

        Parameters
        ----------
        text_vectors : float32 (n, dim), unit length, as the encoder gives them.
        """
        return centre(text_vectors, self.centre) @ self.weights[:-1] + self.weights[-1]


def without_text_map(parameters: Mapping[str, Stored]) -> dict[str, Stored]:
    """Return parameters without their map, which knows only the vectors of one encoder."""
    return {name: value for name, value in parameters.items() if not name.startswith("text_")}


def mean_vector(vectors: Float2D) -> Float1D:
    """Return the mean of the rows, float32 (dim,)."""
    mean: Float1D = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def learn_text_map(
    text_vectors: Float2D, factors: Float2D, events: Float1D, reg: float = TEXT_REG
) -> TextMap:
    """Learn to predict an item's factors from its text, by a weighted ridge regression.

    W = argmin Σ_i g_i·|v_i - [x_i, 1]·W|² + reg·|W|² with g_i = n_i / (n_i + TRUST_HALF): the factor of
    an item with few events is mostly noise.

    Parameters
    ----------
    text_vectors : float32 (n_items, dim), unit length, as the encoder gives them; x_i are these, centred.
    factors : float32 (n_items, rank), trained.
    events : float32 (n_items,).

    Returns
    -------
    TextMap
        Of weights 0 when no item has events.
    """
    middle, known = mean_vector(text_vectors), events > 0
    if not known.any():
        return TextMap(middle, np.zeros((len(middle) + 1, factors.shape[1]), np.float32))
    text = centre(text_vectors[known], middle)
    rows = np.column_stack([text, np.ones(len(text))]).astype(np.float64)
    trusted = rows * (events[known] / (events[known] + TRUST_HALF))[:, None]
    left = rows.T @ trusted
    left[np.diag_indices_from(left)] += reg
    weights = np.linalg.solve(left, trusted.T @ factors[known])
    return TextMap(middle, weights.astype(np.float32))


def hand_over(factors: Float2D, predicted: Float2D, events: Float1D, half: float = HANDOVER_HALF) -> Float2D:
    """Return n/(n + half) of the own factor plus the rest of the predicted one."""
    own = (events / (events + half))[:, None].astype(np.float32)
    return own * factors + (1 - own) * predicted
