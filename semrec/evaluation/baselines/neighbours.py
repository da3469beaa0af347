"""Item-kNN: the nearest items by who likes them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import sparse

from semrec.evaluation.baselines.baseline import Features, Scorer, liked
from semrec.evaluation.baselines.validation import best_of
from semrec.evaluation.splits import Csr

BLOCK_CELLS = 1 << 24
"""Similarities that are held at once."""


@dataclass(frozen=True, slots=True)
class ItemKnn:
    """score(u, i) = Σ x_uh·s_hi over the k items h that are most similar to i.

    s_hi = n_hi / (√n_h·√n_i + c) is the cosine with shrinkage: n_hi users like both items, and c makes few
    common users count less. With these details and tuned it is still a strong baseline (Dacrema, Cremonesi,
    Jannach, "Are We Really Making Much Progress?", RecSys 2019).

    Parameters
    ----------
    n_neighbours : k; of several, the best one on the validation part is taken.
    shrinkages : c, 0 or more; also chosen there.
    seed : of the validation part.
    """

    n_neighbours: tuple[int, ...] = (50, 200)
    shrinkages: tuple[float, ...] = (0.0, 10.0, 50.0)
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        x = liked(train)
        settings = tuple(product(self.n_neighbours, self.shrinkages))
        return _learn(x, features, best_of(settings, _learn, x, features, self.seed))


def _learn(x: Csr, _: Features, setting: tuple[int, float]) -> Scorer:
    similarities = nearest_items(x, *setting)
    return lambda users: (x[users] @ similarities).toarray()


def nearest_items(x: Csr, n_neighbours: int, shrinkage: float) -> sparse.csc_array:
    """Return s, float32 CSC (n_items, n_items): column i has the items that are most similar to i, not i.

    Parameters
    ----------
    x : CSR (n_users, n_items), 1 for every event.
    n_neighbours : at most so many items a column.
    shrinkage : c, see `ItemKnn`.
    """
    n_items = x.shape[1]
    by_item = sparse.csc_array(x)
    lengths = np.sqrt(np.diff(by_item.indptr)).astype(np.float32)
    step = max(1, BLOCK_CELLS // max(1, n_items))
    blocks = []
    for first in range(0, n_items, step):
        last = min(first + step, n_items)
        common = (by_item.T @ by_item[:, first:last]).tocoo()
        denominators = lengths[common.row] * lengths[first + common.col] + np.float32(shrinkage)
        cosines = np.where(common.row == first + common.col, 0, common.data / denominators)
        block = sparse.coo_array((cosines, (common.row, common.col)), shape=common.shape)
        blocks.append(largest_of_each(sparse.csc_array(block), n_neighbours))
    return sparse.csc_array(sparse.hstack(blocks, dtype=np.float32))


def largest_of_each(columns: sparse.csc_array, n_kept: int) -> sparse.csc_array:
    """Return the matrix with the largest entries of each column; equal ones by row."""
    column = np.repeat(np.arange(columns.shape[1]), np.diff(columns.indptr))
    largest_first = np.lexsort((columns.indices, -columns.data, column))
    rank = np.arange(columns.nnz) - np.repeat(columns.indptr[:-1], np.diff(columns.indptr))
    kept = largest_first[rank < n_kept]
    entries = (columns.data[kept], (columns.indices[kept], column[kept]))
    return sparse.csc_array(entries, shape=columns.shape)
