"""Users with nearly the same history: many accounts of one person, or one log read under several names.

The users of such a group count as one user together: each has the weight 1 / (size of the group). So a group
of fake users moves the models by no more than a single user does, whatever its size. Statistical models of
proteins treat nearly identical sequences in the same way (Morcos et al., "Direct-coupling analysis of residue
coevolution", PNAS 2011, equation 1).

The distance of two histories is the share of their items that only one of them has (Jaccard). They are nearly
the same if it is at most `CLOSE` of the usual distance between a user and the nearest other one: in a small
catalog, many honest users are near each other. On ml_latest_small, citeulike_a, debian_deps and goodbooks the
usual distance is 0.83 to 0.95, so the limit is about 0.3.

Candidates are found by MinHash with bands (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter
3): of two histories with the distance 0.3, a band has the same smallest hashes with a probability of 0.24, so
one of the 16 bands has with 0.988.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from semrec.signals.fitting import TrainingData
from semrec.types import Float1D

CLOSE = 1 / 3
"""Largest distance of nearly identical histories, over the usual distance."""

USUAL = 0.75
"""Quantile of the distances to the nearest user that is the usual one: so many of the users may be fakes."""

SAMPLE_USERS = 500
"""Users among whom the usual distance is measured."""

LEAST_ITEMS = 10
"""Shorter histories are the same by chance: many users have only used the same few popular items."""

N_BANDS = 16
BAND_HASHES = 4

Users = NDArray[np.int64]


def find_groups(user_items: sparse.csr_array, seed: int = 0) -> list[Users]:
    """Return the groups of users with nearly the same history.

    Parameters
    ----------
    user_items : (n_users, n_items), columns sorted; which items are stored counts, not their values.
    seed : of the hashes.

    Returns
    -------
    Rows of the users of every group, ascending; each group has two users or more, the largest comes first.
    """
    lengths = np.diff(user_items.indptr)
    users = np.flatnonzero(lengths >= LEAST_ITEMS)
    if len(users) < 2:
        return []
    histories = presence(user_items[users])
    limit = CLOSE * usual_distance(histories, seed)
    pairs = [pairs for band in _bands(histories, seed) for pairs in _near_pairs(histories, band, limit)]
    first, second = np.concatenate(pairs, axis=1)
    linked = sparse.coo_array((np.ones(len(first), bool), (first, second)), shape=(len(users), len(users)))
    _, group_of_user = connected_components(linked, directed=False)
    by_group = np.argsort(group_of_user, kind="stable")
    starts = np.flatnonzero(np.diff(group_of_user[by_group])) + 1
    groups = [users[members] for members in np.split(by_group, starts) if len(members) > 1]
    return sorted(groups, key=len, reverse=True)


def counted_once(data: TrainingData, groups: Sequence[Users]) -> TrainingData:
    """Return the data in which every user of a group has the weight 1 / (size of the group)."""
    if not groups:
        return data
    weights = np.ones(data.user_items.shape[0], np.float32)
    for users in groups:
        weights[users] = 1 / len(users)
    return replace(data, user_weights=weights)


def without(data: TrainingData, groups: Sequence[Users]) -> TrainingData:
    """Return the data without the users of the groups."""
    if not groups:
        return data
    stays = np.ones(data.user_items.shape[0], bool)
    stays[np.concatenate(groups)] = False
    order, times = (None if one is None else one[stays] for one in (data.order, data.times))
    return replace(data, user_items=data.user_items[stays], order=order, times=times)


def presence(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return the matrix with 1 for every stored entry, float32."""
    ones = np.ones(matrix.nnz, np.float32)
    return sparse.csr_array((ones, matrix.indices, matrix.indptr), shape=matrix.shape)


def usual_distance(histories: sparse.csr_array, seed: int = 0) -> float:
    """Return the `USUAL` quantile of the distance to the nearest user, in a sample of the users; in [0, 1].

    Parameters
    ----------
    histories : (n_users, n_items) of ones; two users or more.
    """
    chosen = np.random.default_rng(seed).permutation(histories.shape[0])[:SAMPLE_USERS]
    some = histories[np.sort(chosen)]
    shared = (some @ some.T).toarray()
    lengths = np.diff(some.indptr)
    similarity = shared / (lengths[:, None] + lengths - shared)
    np.fill_diagonal(similarity, 0)
    return float(np.quantile(1 - similarity.max(axis=1), USUAL))


def _bands(histories: sparse.csr_array, seed: int) -> Iterator[NDArray[np.uint32]]:
    """Yield, for each band, the smallest hashes of every history, uint32 (n, BAND_HASHES)."""
    random = np.random.default_rng(seed)
    n_items = histories.shape[1]
    for _ in range(N_BANDS):
        hashes = [random.permutation(n_items).astype(np.uint32) for _ in range(BAND_HASHES)]
        smallest = [np.minimum.reduceat(one[histories.indices], histories.indptr[:-1]) for one in hashes]
        yield np.column_stack(smallest)


def _near_pairs(
    histories: sparse.csr_array, band: NDArray[np.uint32], limit: float
) -> Iterator[NDArray[np.int64]]:
    """Yield int64 (2, n_pairs), histories that are nearly the same as one with the same hashes in a band.

    Each is compared with the first one that has its hashes, and with the one before it: the pairs connect a
    group, and their number grows with the number of users only.
    """
    _, bucket = np.unique(band, axis=0, return_inverse=True)
    order = np.argsort(bucket, kind="stable")
    starts = np.append(True, np.diff(bucket[order]) > 0)
    first_of_bucket = order[np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))]
    for others in (first_of_bucket[~starts], order[:-1][~starts[1:]]):
        pairs = np.stack([others, order[~starts]])
        yield pairs[:, _distance(histories, *pairs) <= limit]


def _distance(histories: sparse.csr_array, some: Users, others: Users) -> Float1D:
    """Return the distance of pairs of histories, float32 (n_pairs,)."""
    shared = np.asarray((histories[some] * histories[others]).sum(axis=1), np.float32)
    lengths = np.diff(histories.indptr)
    distance: Float1D = 1 - shared / (lengths[some] + lengths[others] - shared)
    return distance
