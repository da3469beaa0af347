"""Texts of like length are encoded together, so that little padding is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from semrec.types import Float2D


def token_batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Group texts of like length, so that a padded batch holds at most `batch_tokens` tokens.

    Small budgets keep a batch inside the processor's cache and leave little padding; a text that is
    longer than the budget is a batch of its own.

    Parameters
    ----------
    lengths : tokens of every text.
    batch_tokens : the budget, padding included.

    Yields
    ------
    Positions of the texts of one batch; all batches together hold each position once, longest first.
    """
    batch: list[int] = []
    longest = 0
    for position in sorted(range(len(lengths)), key=lambda p: -lengths[p]):
        longest = max(longest, lengths[position], 1)
        if batch and longest * (len(batch) + 1) > batch_tokens:
            yield batch
            batch, longest = [], max(lengths[position], 1)
        batch.append(position)
    if batch:
        yield batch


def unit_length(vectors: Float2D) -> Float2D:
    """Return the rows (n, dim) divided by their lengths; a row of zeros stays."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
