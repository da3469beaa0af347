"""Rows of a matrix: unit length, and centring."""

from __future__ import annotations

import numpy as np

from semrec.types import Float1D, Float2D


def unit_rows(vectors: Float2D) -> Float2D:
    """Return the rows scaled to unit length; rows of zeros stay zeros.

    Parameters
    ----------
    vectors : float32 (n, dim).

    Returns
    -------
    float32 (n, dim).
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32, copy=False)


def centre(vectors: Float2D, mean: Float1D) -> Float2D:
    """Return the vectors minus the mean, scaled to unit length.

    Parameters
    ----------
    vectors : float32 (n, dim).
    mean : float32 (dim,), for instance the mean vector of a catalog.

    Returns
    -------
    float32 (n, dim).
    """
    return unit_rows(vectors - mean)
