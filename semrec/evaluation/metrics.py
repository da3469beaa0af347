"""How good recommendations are: plain numbers per user, so that they can be sliced and resampled.

**Ties.** A positive that ties with other items ranks behind all of them: a recommender earns nothing by
giving many items the same score. **Padding.** A list may be shorter than k; its length says so, no
index stands for "nothing". **Undefined.** A user with nothing to find has the value NaN, not 0.
Scores are compared as float32, bigger is better, and -inf means "must not be recommended".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semrec.errors import ConfigError
from semrec.evaluation.splits import Csr
from semrec.types import Float2D

Values = NDArray[np.float64]
"""float64 (n_users,): one number a user; NaN where it is undefined."""

CHUNK_SCORES = 2**22
"""Scores that are ranked at once: bounds the memory of `top_k`."""


@dataclass(frozen=True, slots=True)
class TopK:
    """Ranked lists, best first.

    Parameters
    ----------
    items : int64 (n_users, k), item indices; entries from `lengths[u]` on mean nothing.
    lengths : int64 (n_users,), in [0, k].
    """

    items: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Bool (n_users, k): which entries are real."""
        return np.arange(self.items.shape[1]) < self.lengths[:, None]

    def rows(self, wanted: NDArray[np.integer] | NDArray[np.bool_]) -> TopK:
        """Return the lists of some users."""
        return TopK(self.items[wanted], self.lengths[wanted])


@dataclass(frozen=True, slots=True)
class Hits:
    """Which places of the lists hold a positive.

    Parameters
    ----------
    found : bool (n_users, k).
    n_relevant : int64 (n_users,), positives of each user in all.
    """

    found: NDArray[np.bool_]
    n_relevant: NDArray[np.int64]


def top_k(scores: Float2D, k: int, test: Csr | None = None) -> TopK:
    """Return the k best items of every row; a positive loses every tie.

    Float32 scores are compared as float64 with the positives moved down by the smallest possible step:
    less than any difference of two float32 numbers, so only ties change.

    Parameters
    ----------
    scores : float32 (n_users, n_items), without NaN; -inf is never recommended.
    k : length of the lists, at least 1; fewer when there are fewer items.
    test : CSR (n_users, n_items), the positives; None: ties fall as they fall.

    Raises
    ------
    ConfigError
        k is below 1, or a score is NaN.
    """
    if k < 1:
        raise ConfigError(f"k={k}: a list needs at least one place")
    n_users, n_items = scores.shape
    step = max(1, CHUNK_SCORES // max(1, n_items))
    parts = [
        _top_of_chunk(_lowered(scores, test, slice(start, start + step)), min(k, n_items))
        for start in range(0, n_users, step)
    ]
    if not parts:
        return TopK(np.zeros((0, min(k, n_items)), np.int64), np.zeros(0, np.int64))
    return TopK(np.concatenate([p.items for p in parts]), np.concatenate([p.lengths for p in parts]))


def rank_with_ties(scores: Float2D, test: Csr) -> NDArray[np.int64]:
    """Return the rank of every positive, 1 is best; one row of scores is ranked at a time.

    rank(p) = 1 + #{negatives n : s_n ≥ s_p} + #{positives ranked before p}

    Returns
    -------
    int64 (n_positives,), in the order of `test.indices`.
    """
    ranks = np.zeros(test.nnz, dtype=np.int64)
    for user, row in enumerate(np.asarray(scores, np.float32)):
        mine = slice(test.indptr[user], test.indptr[user + 1])
        above, _ = _negatives_above(row, test.indices[mine])
        order = np.argsort(-row[test.indices[mine]], kind="stable")
        ranks[mine][order] = 1 + above[order] + np.arange(len(order))
    return ranks


def auc(scores: Float2D, test: Csr) -> Values:
    """Return the share of (positive, negative) pairs in the right order; a tie counts as wrong.

    AUC(u) = mean over positives p of #{negatives n : s_n < s_p} / #{negatives}. Items with the score
    -inf are no negatives. NaN without a positive or without a negative.
    """
    values = np.full(len(scores), np.nan)
    for user, row in enumerate(np.asarray(scores, np.float32)):
        positives = test.indices[test.indptr[user] : test.indptr[user + 1]]
        above, n_negatives = _negatives_above(row, positives, only_candidates=True)
        if len(positives) and n_negatives:
            values[user] = 1 - above.mean() / n_negatives
    return values


def find_hits(top: TopK, test: Csr, k: int | None = None) -> Hits:
    """Return where the lists hold a positive.

    Parameters
    ----------
    top : lists of n_users.
    test : CSR (n_users, n_items); row u belongs to list u.
    k : look at the first k places only; None: at all.
    """
    n_users, n_items = test.shape
    items = top.items[:, :k]
    rows = np.arange(n_users)[:, None]
    n_relevant = np.diff(test.indptr).astype(np.int64)
    positives = np.repeat(np.arange(n_users), n_relevant) * n_items + test.indices
    found = np.isin(rows * n_items + items, positives) & top.shown[:, :k]
    return Hits(found, n_relevant)


def precision(hits: Hits) -> Values:
    """P@k = #hits / k, also for a list that is shorter than k (as trec_eval does)."""
    return _where_relevant(hits, hits.found.sum(axis=1) / hits.found.shape[1])


def recall(hits: Hits) -> Values:
    """R@k = #hits / #relevant."""
    return _where_relevant(hits, ratio(hits.found.sum(axis=1), hits.n_relevant))


def f1(hits: Hits) -> Values:
    """F1@k = 2·P·R / (P + R), and 0 without a hit."""
    p, r = precision(hits), recall(hits)
    return _where_relevant(hits, ratio(2 * p * r, p + r))


def hit_rate(hits: Hits) -> Values:
    """HR@k = 1 with a hit among the first k, else 0."""
    return _where_relevant(hits, np.asarray(hits.found.any(axis=1), np.float64))


def mrr(hits: Hits) -> Values:
    """RR@k = 1 / rank of the first hit, and 0 without one; its mean over users is MRR."""
    first = hits.found.argmax(axis=1)
    return _where_relevant(hits, np.asarray(hits.found.any(axis=1) / (1.0 + first)))


def average_precision(hits: Hits) -> Values:
    """AP@k = Σ_{r ≤ k, r a hit} P@r / #relevant (trec_eval's map_cut); its mean over users is MAP."""
    ranks = np.arange(1, hits.found.shape[1] + 1)
    precision_at = np.cumsum(hits.found, axis=1) / ranks
    return _where_relevant(hits, ratio((precision_at * hits.found).sum(axis=1), hits.n_relevant))


def ndcg(hits: Hits) -> Values:
    """NDCG@k = DCG / ideal DCG with DCG = Σ_{r ≤ k, r a hit} 1 / log2(r + 1) (Järvelin, Kekäläinen, 2002).

    The ideal list holds min(k, #relevant) hits.
    """
    k = hits.found.shape[1]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(hits.n_relevant, k)]
    return _where_relevant(hits, ratio(hits.found @ discounts, ideal))


ACCURACY: Mapping[str, Callable[[Hits], Values]] = {
    "ndcg": ndcg,
    "recall": recall,
    "precision": precision,
    "f1": f1,
    "map": average_precision,
    "mrr": mrr,
    "hit_rate": hit_rate,
}
"""What is measured on hits, by name."""


def novelty(top: TopK, popularity: NDArray[np.integer], n_users: int) -> Values:
    """Return the mean self-information of each list, in bits: -log2((c_i + 1) / (n_users + 1)).

    c_i is the number of training events of item i (Zhou et al., 2010); the added ones keep items
    without events finite. NaN for an empty list.
    """
    bits = -np.log2((np.asarray(popularity) + 1) / (n_users + 1))
    return _mean_shown(top, bits[top.items])


def tail_share(top: TopK, popularity: NDArray[np.integer], candidates: NDArray[np.bool_]) -> Values:
    """Return the share of each list outside the most popular fifth of the candidates.

    NaN for an empty list.
    """
    order = np.argsort(np.where(candidates, -np.asarray(popularity, np.int64), 1), kind="stable")
    is_tail = np.ones(len(candidates), dtype=bool)
    is_tail[order[: int(np.ceil(candidates.sum() / 5))]] = False
    return _mean_shown(top, is_tail[top.items].astype(np.float64))


def diversity(top: TopK, item_vectors: Float2D) -> Values:
    """Return the mean cosine distance of all pairs of each list (Ziegler et al., 2005).

    Σ_{a≠b} x_a·x_b = ‖Σ x‖² - Σ ‖x‖², so no pair is ever formed. NaN for fewer than two items.
    """
    lengths = np.linalg.norm(item_vectors, axis=1, keepdims=True)
    unit = np.divide(item_vectors, lengths, out=np.zeros_like(item_vectors), where=lengths > 0)
    total = np.zeros((len(top.items), unit.shape[1]))
    squares = np.zeros(len(top.items))
    for items, shown in zip(top.items.T, top.shown.T, strict=True):
        vectors = unit[items] * shown[:, None]
        total += vectors
        squares += np.einsum("ud,ud->u", vectors, vectors)
    n_pairs = (top.lengths * (top.lengths - 1)).astype(np.float64)
    cosines = np.einsum("ud,ud->u", total, total) - squares
    return np.where(n_pairs > 0, 1 - ratio(cosines, n_pairs), np.nan)


def coverage(counts: NDArray[np.number]) -> float:
    """Return the share of candidates that anyone was shown; `counts` (n_candidates,): how often each was."""
    return float(np.mean(np.asarray(counts) > 0)) if len(counts) else float("nan")


def gini(counts: NDArray[np.number]) -> float:
    """Return how unequally the candidates are shown: 0 all alike, near 1 one item takes all.

    G = Σ_i (2i - n - 1)·c_(i) / (n·Σ c), c_(i) ascending; NaN when nothing was shown.
    """
    ordered = np.sort(np.asarray(counts, np.float64))
    n, total = len(ordered), ordered.sum()
    if not total:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))


def rmse(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """√(mean (p - a)²); NaN without ratings."""
    return float(np.sqrt(np.mean((predicted - actual) ** 2))) if len(actual) else float("nan")


def mae(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Mean |p - a|; NaN without ratings."""
    return float(np.mean(np.abs(predicted - actual))) if len(actual) else float("nan")


def bootstrap_interval(
    values: Values, seed: int, *, n_resamples: int = 1000, weights: Values | None = None
) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean over users (Efron, 1979); see `bootstrap_means`."""
    means = bootstrap_means(values[:, None], seed, n_resamples=n_resamples, weights=weights)
    low, high = percentiles(means)
    return float(low[0]), float(high[0])


def bootstrap_means(
    values: NDArray[np.float64], seed: int, *, n_resamples: int = 1000, weights: Values | None = None
) -> NDArray[np.float64]:
    """Return the means of resamples of users, drawn with replacement; NaN values are left out of a mean.

    All columns see the same resamples, so differences of columns can be resampled too.

    Parameters
    ----------
    values : float64 (n_users, n_columns).
    seed : of the draws.
    weights : float64 (n_users,), how much a user's value counts in the mean; None: all alike.

    Returns
    -------
    float64 (n_resamples, n_columns); NaN where a resample has no value.
    """
    defined = ~np.isnan(values)
    weight = defined * (1.0 if weights is None else weights[:, None])
    weighted = np.where(defined, values, 0.0) * weight
    parts = [
        ratio(counts @ weighted, counts @ weight, empty=np.nan)
        for counts in _resample_counts(len(values), seed, n_resamples)
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
    """Return a 95 % interval of a measure of all lists together (`coverage`, `gini`).

    A resample of users holds fewer different users and so shows fewer different items. The interval is
    therefore moved so that the mean of the resamples falls on the measured value, and cut to [0, 1].

    Parameters
    ----------
    measure : counts (n_candidates,) -> number in [0, 1].
    shown : CSR (n_users, n_candidates), 1 where an item is in a user's list.
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


def bins(counts: NDArray[np.integer], starts: Mapping[str, int]) -> dict[str, NDArray[np.bool_]]:
    """Return which counts fall in which bin.

    Parameters
    ----------
    counts : int (n,), events of each user or item.
    starts : name -> smallest count of the bin, ascending; a bin ends where the next begins.

    Returns
    -------
    name -> bool (n,), in the order of `starts`; together they hold every count from the first start on once.
    """
    edges = [*starts.values(), np.iinfo(np.int64).max]
    return {
        name: (counts >= low) & (counts < high)
        for name, low, high in zip(starts, edges[:-1], edges[1:], strict=True)
    }


TEMPERATURE = {"cold": 0, "warm": 4, "hot": 20}
"""Cold: at most 3 training events; warm: 4 to 19; hot: 20 or more. For users and for items."""


def _lowered(scores: Float2D, test: Csr | None, rows: slice) -> NDArray[np.float64]:
    """Return scores of some rows as float64, positives one step lower."""
    chunk = scores[rows].astype(np.float32).astype(np.float64)
    if np.isnan(chunk).any():
        raise ConfigError("a recommender scored an item with NaN: it cannot be ranked")
    if test is not None:
        part = test[rows]
        places = np.repeat(np.arange(len(chunk)), np.diff(part.indptr)), part.indices
        chunk[places] = np.nextafter(chunk[places], -np.inf)
    return chunk


def _top_of_chunk(scores: NDArray[np.float64], k: int) -> TopK:
    best = np.argpartition(scores, -k, axis=1)[:, -k:] if k < scores.shape[1] else _all_columns(scores)
    kept = np.take_along_axis(scores, best, axis=1)
    order = np.lexsort((best, -kept), axis=1)
    lengths = (kept > -np.inf).sum(axis=1)
    return TopK(np.take_along_axis(best, order, axis=1).astype(np.int64), lengths.astype(np.int64))


def _all_columns(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.broadcast_to(np.arange(scores.shape[1]), scores.shape)


def _negatives_above(
    row: NDArray[np.float32], positives: NDArray[np.integer], only_candidates: bool = False
) -> tuple[NDArray[np.int64], int]:
    """Return for each positive how many negatives score at least as much, and how many there are."""
    is_negative = row > -np.inf if only_candidates else np.ones(len(row), dtype=bool)
    is_negative[positives] = False
    negatives = np.sort(row[is_negative])
    return len(negatives) - np.searchsorted(negatives, row[positives], side="left"), len(negatives)


def _where_relevant(hits: Hits, values: Values) -> Values:
    return np.where(hits.n_relevant > 0, values, np.nan)


def ratio(upper: NDArray[np.number], lower: NDArray[np.number], empty: float = 0.0) -> NDArray[np.float64]:
    """Divide; `empty` where the divisor is 0."""
    upper, lower = np.broadcast_arrays(upper, lower)
    quotient: NDArray[np.float64] = np.divide(upper, lower, out=np.full(upper.shape, empty), where=lower != 0)
    return quotient


def _mean_shown(top: TopK, values: NDArray[np.float64]) -> Values:
    return ratio((values * top.shown).sum(axis=1), top.lengths, empty=np.nan)


def _resample_counts(n_users: int, seed: int, n_resamples: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each user is drawn, float64 (some, n_users), n_resamples rows in all."""
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK_SCORES // max(1, n_users))
    for start in range(0, n_resamples if n_users else 0, step):
        n_rows = min(step, n_resamples - start)
        draws = rng.integers(n_users, size=(n_rows, n_users)) + np.arange(n_rows)[:, None] * n_users
        yield (
            np.bincount(draws.ravel(), minlength=n_rows * n_users).reshape(n_rows, n_users).astype(np.float64)
        )
