"""How many items of a catalog have nearly the same text as another one, estimated on the fixed sample."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from semrec.mathematics.rows import centre
from semrec.store.protocol import TEXT, Items
from semrec.types import Float1D

NEAR_DUPLICATE = 0.975
"""Cosine of centred text vectors from which two items are variants of one, such as sizes of a shirt.

Of 100 pairs that answers collapse on debian_deps, read by eye (`benchmarks/variants.py`), 98 are variants.
With 0.96, which collapses two and a half times as many pairs, it is 94.
"""

MANY = 0.01
"""Near-duplicates of an average item from which a catalog has many."""


class NearDuplicatePairs:
    """The near-duplicates of one generation; they are counted when a list first asks.

    Parameters
    ----------
    sample : a fixed random sample of the catalog, with text vectors.
    mean : float32 (dim,), mean text vector of the catalog.
    n_items : items of the catalog.
    """

    def __init__(self, sample: Items, mean: Float1D, n_items: int) -> None:
        self._sample = sample
        self._mean = mean
        self._n_items = n_items

    @cached_property
    def per_item(self) -> float:
        """Near-duplicates of an average item in the catalog, estimated by the pairs of the sample."""
        n = len(self._sample.keys)
        if n < 2:
            return 0.0
        vectors = centre(self._sample.vectors(TEXT), self._mean)
        n_ordered_pairs = int(np.count_nonzero(vectors @ vectors.T >= NEAR_DUPLICATE)) - n
        return n_ordered_pairs / n * (max(self._n_items, n) - 1) / (n - 1)

    @property
    def are_many(self) -> bool:
        """Whether the catalog has many near-duplicates."""
        return self.per_item >= MANY
