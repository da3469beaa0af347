"""An encoder without a model, for programs that measure everything but the encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b

import numpy as np

from semrec.types import Float1D, Float2D, Precision


class WordEncoder:
    """An encoder whose vectors are sums of random directions, one a word, and one that all texts share.

    Parameters
    ----------
    dimension : length of the vectors.
    passage_tokens : longest passage, in words.
    """

    precision: Precision = "float32"

    def __init__(self, dimension: int, passage_tokens: int = 256) -> None:
        self.name = self.fingerprint = "words"
        self.dimension = dimension
        self.passage_tokens = passage_tokens
        self.query_prompt = self.document_prompt = ""
        self.device = "none"

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of words of every text."""
        return [len(text.split()) for text in texts]

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """Return float32 (n, dimension), rows of unit length."""
        return self.encode_documents(texts)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """Return float32 (n, dimension), rows of unit length."""
        rows = np.empty((len(texts), self.dimension))
        for row, text in enumerate(texts):
            rows[row] = sum(_direction(word, self.dimension) for word in ("", *text.split()))
        if progress:
            progress(len(texts))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@cache
def _direction(word: str, dimension: int) -> Float1D:
    seed = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
    return np.random.default_rng(seed).normal(size=dimension).astype(np.float32)
