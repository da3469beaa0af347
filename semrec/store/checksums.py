"""Checksums of rows of numbers, computed for all rows at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_SEED = 0x73656D72
"""Of the weights. It is also the checksum of zeros, so that a hole in a file has no valid checksum."""


def checksums(rows: np.ndarray) -> NDArray[np.uint32]:
    """Return one checksum a row: the sum of its 32-bit words, each times a fixed odd number, modulo 2^32.

    An odd number has an inverse modulo 2^32. So damage to one word always changes the checksum, and damage to
    several words leaves it as it was in one case of 2^32.

    Parameters
    ----------
    rows : (n, m) of a type of 4 or 8 bytes.

    Returns
    -------
    uint32 (n,).
    """
    n_words = rows.shape[1] * rows.itemsize // 4
    words = np.ascontiguousarray(rows).view("<u4").reshape(len(rows), n_words)
    return (words * _weights(n_words)).sum(axis=1, dtype=np.uint32) + np.uint32(_SEED)


@lru_cache(maxsize=64)
def _weights(n_words: int) -> NDArray[np.uint32]:
    return np.random.default_rng(_SEED).integers(0, 2**32, n_words, np.uint32) | np.uint32(1)
