"""Near-duplicates: items with nearly the same text, and items with like texts whose titles agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from semrec.mathematics.rows import centre
from semrec.store.protocol import TEXT, Items
from semrec.types import Float1D, Float2D

NEAR_DUPLICATE = 0.975
"""Cosine of centred text vectors from which two items are variants of one, such as sizes of a shirt.

Of 100 pairs that answers collapse on debian_deps, read by eye (`benchmarks/variants.py`), 98 are variants.
With 0.96, which collapses two and a half times as many pairs, it is 94.
"""

SAME_TITLE = 0.92
"""The same for two items whose titles agree, see `titles_agree`.

Of 100 pairs between the two limits that answers collapse on debian_deps, read by eye, 97 are variants. The
four pairs of ml_latest_small are the same film twice.
"""

SHARED_WORDS = 0.6
"""Share of the words of the longer title that the shorter one has, if two titles agree."""

_WORD = re.compile(r"[^\W\d_]+")

MANY = 0.01
"""Near-duplicates of an average item from which a catalog has many."""


def title_words(title: str) -> frozenset[str]:
    """Return the words of a title in lower case, without numbers: the titles of releases differ by these."""
    return frozenset(_WORD.findall(title.lower()))


def titles_agree(one: frozenset[str], other: frozenset[str]) -> bool:
    """Return whether the words of one title are all in the other one, and are `SHARED_WORDS` of its words.

    So "Widget library" and "Widget library (manual)" agree. Two titles with a word of their own each, such as
    "Widget library for Qt" and "Widget library for GTK", do not.
    """
    shorter, longer = sorted((one, other), key=len)
    return bool(shorter) and shorter <= longer and len(shorter) >= SHARED_WORDS * len(longer)


def near_titles(
    vectors: Float2D, n_first: int, read: Callable[[Sequence[int]], Sequence[str]]
) -> dict[int, frozenset[str]]:
    """Return the words of the titles that decide which candidates are near-duplicates, by position.

    Parameters
    ----------
    vectors : float32 (n, dim), rows of unit length, of the candidates, best first.
    n_first : candidates that can be chosen.
    read : positions -> titles; called once at most.
    """
    cosines = vectors[:n_first] @ vectors.T
    places = np.unique(np.nonzero((cosines >= SAME_TITLE) & (cosines < NEAR_DUPLICATE))).tolist()
    return dict(zip(places, map(title_words, read(places)), strict=True)) if places else {}


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
