"""Text only: three ways to score all items by the text vectors of a history.

All liked items of a history have the weight 1. Vectors may be dense or sparse: centred cosines are computed
as (x - μ)·(y - μ) = x·y - x·μ - μ·y + μ·μ, so a sparse matrix stays sparse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semrec.evaluation.baselines.baseline import Features, LeftOutError, Scorer, liked
from semrec.evaluation.splits import Csr
from semrec.mathematics.rows import unit_rows
from semrec.mathematics.soft_nearest import soft_nearest
from semrec.types import Float1D, Float2D


@dataclass(frozen=True, slots=True)
class PooledCosine:
    """score(u, i) = cos(mean of the history's vectors, x_i), as in many tutorials."""

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        x, vectors = liked(train), unit_rows(_encoded(features))
        return lambda users: unit_rows(x[users] @ vectors) @ vectors.T


@dataclass(frozen=True, slots=True)
class CentredMean:
    """score(u, i) = (mean of the history's vectors - μ)·x_i, μ the mean of the catalog."""

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        x, vectors = liked(train), unit_rows(_encoded(features))
        centred = vectors - vectors.mean(axis=0)
        return lambda users: unit_rows(x[users] @ centred) @ vectors.T


@dataclass(frozen=True, slots=True)
class SoftNearest:
    """score(u, i) = Σ_h exp(β·cos(x_h - μ, x_i - μ)), μ the mean of the catalog.

    Parameters
    ----------
    sharpness : β, above 0; with a large value only the nearest item counts.
    words : texts -> vectors (n_items, dim), dense or sparse; None: the encoder's vectors are used.
    """

    sharpness: float = 5.0
    words: Callable[[Sequence[str]], Any] | None = None

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        x = liked(train)
        cosines = CentredCosines.of(self._vectors(features))
        return lambda users: _soft_nearest(x[users], cosines, self.sharpness)

    def _vectors(self, features: Features) -> Any:
        if self.words is None:
            return _encoded(features)
        if features.texts is None:
            raise LeftOutError("it needs the texts of the items")
        return self.words(features.texts)


@dataclass(frozen=True, slots=True)
class CentredCosines:
    """Cosines between items, after subtracting the mean of the catalog.

    Parameters
    ----------
    vectors : (n_items, dim), dense or sparse.
    along_mean : float32 (n_items,), x·μ.
    mean_square : μ·μ.
    lengths : float32 (n_items,), ‖x - μ‖, 1 where that is 0.
    """

    vectors: Any
    along_mean: Float1D
    mean_square: float
    lengths: Float1D

    @classmethod
    def of(cls, vectors: Any) -> CentredCosines:
        """Return the cosines of items with these vectors, centred by their mean."""
        mean = np.asarray(vectors.mean(axis=0)).ravel()
        along = np.asarray(vectors @ mean).ravel()
        square = float(mean @ mean)
        own = vectors.multiply(vectors) if hasattr(vectors, "multiply") else vectors * vectors
        squares = np.asarray(own.sum(axis=1)).ravel() - 2 * along + square
        lengths = np.sqrt(np.maximum(squares, 0))
        lengths = np.where(lengths > 1e-6, lengths, 1).astype(np.float32)
        return cls(vectors, along.astype(np.float32), square, lengths)

    def rows(self, items: NDArray[np.integer]) -> Float2D:
        """Return float32 (len(items), n_items), in [-1, 1]."""
        products = self.vectors[items] @ self.vectors.T
        if hasattr(products, "toarray"):
            products = products.toarray()
        products = np.asarray(products, np.float32)
        products -= self.along_mean[items, None]
        products -= self.along_mean - np.float32(self.mean_square)
        products /= self.lengths[items, None]
        products /= self.lengths
        return np.clip(products, -1, 1, out=products)


def _soft_nearest(histories: Csr, cosines: CentredCosines, sharpness: float) -> Float2D:
    used = np.flatnonzero(np.diff(histories.tocsc().indptr))
    n_items = histories.shape[1]
    return soft_nearest(histories[:, used], lambda some: cosines.rows(used[some]), n_items, sharpness)


def _encoded(features: Features) -> Float2D:
    if features.vectors is None:
        raise LeftOutError("it needs the text vectors of the items")
    return np.asarray(features.vectors, np.float32)
