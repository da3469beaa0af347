"""Which items are used together more than their popularity explains, and which only read alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from semrec.mathematics.rows import centre
from semrec.types import Float2D

MOST_OF_A_USER = 200
"""Items of one user that make pairs; more of them say little, and there are too many pairs."""

NEAR = 30
"""Items nearest by text among which hard negatives are looked for."""

BLOCK_ITEMS = 1024
"""Items whose cosines with all items are in memory at the same time."""


def partners(user_items: csr_array, seed: int) -> csr_array:
    """Return how much two items belong together, float32 (n_items, n_items), symmetric, diagonal 0.

    A user with n items gives each pair 1 / n. The sum is divided by the root of both items' numbers of users:
    the correction for frequency, without which every item's best partner is the most popular one.

    Parameters
    ----------
    user_items : (n_users, n_items); what is stored has been used.
    seed : of the choice of `MOST_OF_A_USER` items.
    """
    used = _cut(user_items, np.random.default_rng(seed))
    sizes = np.maximum(np.diff(used.indptr), 1)
    counts = np.bincount(used.indices, minlength=used.shape[1])
    together = csr_array(used.T @ (diags_array(1 / sizes) @ used))
    together.setdiag(0)
    together.eliminate_zeros()
    roots = diags_array(1 / np.sqrt(np.maximum(counts, 1)))
    return csr_array(roots @ together @ roots, dtype=np.float32)


def hard_negatives(vectors: Float2D, together: csr_array, n_events: NDArray[np.integer]) -> csr_array:
    """Return the items with events that are near by text and were never used together, (n_items, n_items).

    Parameters
    ----------
    vectors : float32 (n_items, dim), of the encoder before the training.
    together : as `partners` returns it.
    n_events : int (n_items,).
    """
    centred = centre(vectors, vectors.mean(axis=0))
    n_near = min(NEAR, len(centred) - 1)
    near = np.empty((len(centred), n_near + 1), np.int64)
    for first in range(0, len(centred), BLOCK_ITEMS):
        cosines = centred[first : first + BLOCK_ITEMS] @ centred.T
        near[first : first + BLOCK_ITEMS] = np.argpartition(-cosines, n_near, axis=1)[:, : n_near + 1]
    rows = np.repeat(np.arange(len(centred)), n_near + 1)
    columns = near.ravel()
    usable = (rows != columns) & (np.asarray(n_events)[columns] > 0)
    found = csr_array(
        (np.ones(usable.sum(), np.float32), (rows[usable], columns[usable])), shape=together.shape
    )
    found = csr_array(found - found.multiply(together != 0))
    found.eliminate_zeros()
    return found


def _cut(user_items: csr_array, random: np.random.Generator) -> csr_array:
    """Return the items of every user as ones, at most `MOST_OF_A_USER` of each."""
    own = [
        items if len(items) <= MOST_OF_A_USER else random.choice(items, MOST_OF_A_USER, replace=False)
        for items in np.split(user_items.indices, user_items.indptr[1:-1])
    ]
    starts = np.concatenate([[0], np.cumsum([len(items) for items in own])])
    columns = np.concatenate(own) if own else np.empty(0, np.int64)
    return csr_array((np.ones(len(columns), np.float32), columns, starts), shape=user_items.shape)
