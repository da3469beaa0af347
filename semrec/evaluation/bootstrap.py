"""Bootstrap intervals: users are drawn with replacement (Efron, 1979)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from semrec.evaluation.per_user import Values, ratio
from semrec.evaluation.splits import Csr

BATCH_DRAWS = 2**22
"""Users that are drawn at once: limits the memory."""


def bootstrap_interval(
    values: Values, seed: int, *, n_resamples: int = 1000, weights: Values | None = None
) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean over users ; see `bootstrap_means`."""
    means = bootstrap_means(values[:, None], seed, n_resamples=n_resamples, weights=weights)
    low, high = percentiles(means)
    return float(low[0]), float(high[0])


def bootstrap_means(
    values: NDArray[np.float64],
    seed: int,
    *,
    n_resamples: int = 1000,
    weights: Values | None = None,
    batch_draws: int = BATCH_DRAWS,
) -> NDArray[np.float64]:
    """Return the means of resamples of users; NaN values are not counted.

    All columns have the same resamples, so the difference of two columns is a resampled difference.

    Parameters
    ----------
    values : float64 (n_users, n_columns).
    seed : of the draws.
    weights : float64 (n_users,), the weight of a user in the mean; None: equal weights.
    batch_draws : users that are drawn at once.

    Returns
    -------
    float64 (n_resamples, n_columns); NaN where a resample has no value.
    """
    defined = ~np.isnan(values)
    weight = defined * (1.0 if weights is None else weights[:, None])
    weighted = np.where(defined, values, 0.0) * weight
    parts = [
        ratio(counts @ weighted, counts @ weight, empty=np.nan)
        for counts in _resample_counts(len(values), seed, n_resamples, batch_draws)
    ]
    return np.concatenate(parts) if parts else np.empty((0, values.shape[1]))


def percentiles(resampled: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 2.5 % and 97.5 % percentile of each column; NaN for a column without a number."""
    bounds = np.full((2, resampled.shape[1]), np.nan)
    usable = ~np.isnan(resampled).all(axis=0)
    if usable.any():
        bounds[:, usable] = np.nanpercentile(resampled[:, usable], (2.5, 97.5), axis=0)
    return bounds[0], bounds[1]


def catalog_interval(
    measure: Callable[[NDArray[np.number]], float], shown: Csr, seed: int, *, n_resamples: int = 200
) -> tuple[float, float]:
    """Return a 95 % interval of a metric of all lists together (`coverage`, `gini`).

    A resample has fewer distinct users than the original, and so fewer distinct items in its lists. This bias
    is removed: the interval is shifted so that the mean of the resamples is the measured value, and then
    limited to [0, 1].

    Parameters
    ----------
    measure : counts (n_candidates,) -> number in [0, 1].
    shown : CSR (n_users, n_candidates), 1 where a candidate is in a user's list.
    seed : of the draws.
    """
    value = measure(shown.sum(axis=0))
    resampled = [
        measure(counts)
        for chunk in _resample_counts(shown.shape[0], seed, n_resamples)
        for counts in (shown.T @ chunk.T).T
    ]
    if not resampled or np.isnan(resampled).all():
        return value, value
    low, high = np.nanpercentile(resampled, (2.5, 97.5)) + value - np.nanmean(resampled)
    return max(0.0, float(low)), min(1.0, float(high))


def _resample_counts(
    n_users: int, seed: int, n_resamples: int, batch_draws: int = BATCH_DRAWS
) -> Iterator[NDArray[np.float64]]:
    """Yield how often each user is drawn, float64 (n_rows, n_users); n_resamples rows in total."""
    rng = np.random.default_rng(seed)
    step = max(1, batch_draws // max(1, n_users))
    for start in range(0, n_resamples if n_users else 0, step):
        n_rows = min(step, n_resamples - start)
        draws = rng.integers(n_users, size=(n_rows, n_users)) + np.arange(n_rows)[:, None] * n_users
        yield (
            np.bincount(draws.ravel(), minlength=n_rows * n_users).reshape(n_rows, n_users).astype(np.float64)
        )
