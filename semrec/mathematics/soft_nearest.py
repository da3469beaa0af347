"""Soft nearest neighbours: items score by their similarity to the nearest items of a history."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from semrec.types import Float2D

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK_CELLS = 1 << 22
"""Cosines in memory at the same time."""


def soft_nearest(
    weights: csr_array,
    cosines: Callable[[slice], Float2D],
    n_targets: int,
    sharpness: float,
    *,
    block_cells: int = BLOCK_CELLS,
) -> Float2D:
    """Return Σ_h w_h·exp(β·cos(x_h, x_i)) for many histories and all target items i.

    Parameters
    ----------
    weights : float32 (n, n_used), the weight w of each used item in each history.
    cosines : some of the used items -> float32 (n_some, n_targets), their cosines with the targets; the
        result is overwritten.
    n_targets : number of targets.
    sharpness : β, above 0; with a large value only the nearest item of a history counts.
    block_cells : cosines in memory at the same time.

    Returns
    -------
    float32 (n, n_targets).
    """
    columns = weights.tocsc()
    scores = np.zeros((weights.shape[0], n_targets), np.float32)
    step = max(1, block_cells // max(1, n_targets))
    for first in range(0, weights.shape[1], step):
        some = slice(first, first + step)
        near = cosines(some)
        near *= np.float32(sharpness)
        scores += columns[:, some] @ np.exp(near, out=near)
    return scores
