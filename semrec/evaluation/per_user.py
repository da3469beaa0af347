"""Values of metrics: one number for each user."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
"""float64 (n_users,): one number a user, NaN where the metric is undefined."""


def ratio(upper: NDArray[np.number], lower: NDArray[np.number], empty: float = 0.0) -> NDArray[np.float64]:
    """Return upper / lower, broadcast to one shape, and `empty` where lower is 0."""
    upper, lower = np.broadcast_arrays(upper, lower)
    quotient: NDArray[np.float64] = np.divide(upper, lower, out=np.full(upper.shape, empty), where=lower != 0)
    return quotient
