"""Numbers per user, as metrics return them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
"""float64 (n_users,): one number a user; NaN where it is undefined."""


def ratio(upper: NDArray[np.number], lower: NDArray[np.number], empty: float = 0.0) -> NDArray[np.float64]:
    """Divide; `empty` where the divisor is 0."""
    upper, lower = np.broadcast_arrays(upper, lower)
    quotient: NDArray[np.float64] = np.divide(upper, lower, out=np.full(upper.shape, empty), where=lower != 0)
    return quotient
