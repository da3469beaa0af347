"""The item-item weights that texts alone suggest, as a product of two small matrices.

EASE (Steck, WWW 2019) with the features of the items in place of the users:

    S = offdiag(F·M·Fᵀ·diag(d)),  M = (FᵀF + λ_F·I)⁻¹,  d_j = 1/(1 - f_jᵀ·M·f_j)

S has n × n weights and is never stored: its columns are F·a_j with a_j = d_j·M·f_j, and the diagonal is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semrec.types import Float2D

REG = 1.0
"""λ_F."""

LEAST_LEFT = 1e-3
"""Smallest 1 - f·M·f: bounds what an item counts whose features no other item has."""


@dataclass(frozen=True)
class TextPrior:
    """S in factors.

    Parameters
    ----------
    features : float32 (n_items, d), F.
    directions : float32 (n_items, d), row j is a_j.
    """

    features: Float2D
    directions: Float2D

    @classmethod
    def of(cls, features: Float2D, reg: float = REG) -> TextPrior:
        """Return S of items by their features, float32 (n_items, d); rows of about unit length."""
        gram = features.T.astype(np.float64) @ features
        gram[np.diag_indices_from(gram)] += reg
        directions = features @ np.linalg.inv(gram).astype(np.float32)
        left = 1 - np.einsum("ij,ij->i", directions, features)
        return cls(features, directions / np.maximum(left, LEAST_LEFT)[:, None])

    def at(self, items: NDArray[np.integer]) -> TextPrior:
        """Return the same for some of the items; their weights do not change."""
        return TextPrior(self.features[items], self.directions[items])

    def weights(self, others: NDArray[np.integer], item: int) -> NDArray[np.float32]:
        """Return S[others, item], float32 (n_others,)."""
        found = self.features[others] @ self.directions[item]
        return np.where(others == item, np.float32(0), found)
