"""Items without events: their item-item weights predicted from the items whose text is nearest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from semrec.types import Float1D, Float2D

KEEP = 200
"""Weights that an item keeps."""

NEAR = 100
SHARPNESS = 5.0
NOISE = 1.0
"""Of the kernel regression that predicts columns: kernel exp(SHARPNESS·(cos - 1)), ridge NOISE."""

LESS_SURE = 0.3
"""What a predicted weight counts next to a trained one: EASE, too, trusts items with few events less."""

SELF_WEIGHT = 0.3
"""What it counts that a near item itself is in the history, next to its own column."""


def predict_columns(
    text: Float2D, model: sparse.csc_array, events: Float1D, keep: int = KEEP
) -> sparse.csc_array:
    """Give items without events the weights of the items whose text is nearest.

    B[:, i] = LESS_SURE·Σ_j s_ij·(B[:, j] + SELF_WEIGHT·e_j) over the nearest items j with events; see
    `shares`. Columns of items with events stay as they are.

    Parameters
    ----------
    text : float32 (n_items, dim), centred unit vectors.
    model : float32 (n_items, n_items).
    events : float32 (n_items,).
    """
    cold, warm = np.flatnonzero(events == 0), np.flatnonzero(events > 0)
    if not len(cold) or not len(warm):
        return model
    identity = sparse.eye_array(model.shape[0], dtype=np.float32, format="csc")
    source = with_themselves(model, identity)
    parts = [
        largest((source @ shares(text, some, warm).T).tocsc(), keep)
        for some in np.array_split(cold, -(-len(cold) // 2048))
    ]
    everything = sparse.hstack([model, *parts], format="csc")
    place = np.arange(model.shape[1])
    place[cold] = model.shape[1] + np.arange(len(cold))
    return sparse.csc_array(everything[:, place])


def with_themselves(columns: sparse.csc_array, own: sparse.csc_array) -> sparse.csc_array:
    """Return what near items give to others: LESS_SURE·(their columns + SELF_WEIGHT·themselves).

    Parameters
    ----------
    columns : float32 (n_items, n_near).
    own : the same shape, 1 where a column's item itself stands.
    """
    return sparse.csc_array(LESS_SURE * (columns + SELF_WEIGHT * own))


def shares(text: Float2D, cold: NDArray[np.integer], warm: NDArray[np.integer]) -> sparse.csr_array:
    """Return the weight of each of the nearest warm items for each cold one, float32 (n_cold, n_items).

    They are the weights of a kernel regression, s_i = (K + NOISE·I)⁻¹·k_i: two warm items that read alike
    share what one of them would get, and where nothing is near, all weights are small.
    """
    n_near = min(NEAR, len(warm))
    rows, places = [], []
    for some in np.array_split(cold, -(-len(cold) // 256)):
        cosines = text[some] @ text[warm].T
        best = np.argpartition(-cosines, n_near - 1, axis=1)[:, :n_near]
        near = text[warm[best]]
        kernel = np.exp(SHARPNESS * (near @ near.transpose(0, 2, 1) - 1))
        kernel[:, np.arange(n_near), np.arange(n_near)] += NOISE
        target = np.exp(SHARPNESS * (np.take_along_axis(cosines, best, 1) - 1))[:, :, None]
        rows.append(np.linalg.solve(kernel, target).ravel())
        places.append(warm[best.ravel()])
    indptr = np.arange(0, n_near * len(cold) + 1, n_near)
    values = np.concatenate(rows).astype(np.float32)
    return sparse.csr_array((values, np.concatenate(places), indptr), shape=(len(cold), len(text)))


def largest(columns: sparse.csc_array, keep: int) -> sparse.csc_array:
    """Keep the `keep` largest absolute entries of every column."""
    columns = columns.copy()
    for start, end in zip(columns.indptr[:-1], columns.indptr[1:], strict=True):
        if end - start > keep:
            part = columns.data[start:end]
            part[np.argpartition(np.abs(part), -keep)[:-keep]] = 0
    columns.eliminate_zeros()
    return columns
