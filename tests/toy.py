"""An encoder with known vectors, and small catalogs for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from semrec.encoder.encoder import Encoder

WORDS = ("red", "green", "blue", "round", "square")


class ToyEncoder(Encoder):
    """Every word it knows is an axis, all others share the last one; a vector is the count of the words.

    Tokens are the words between white space. `breaks_after` texts it fails, as a graphics card would that
    runs out of memory.
    """

    def __init__(self, passage_tokens: int = 8, breaks_after: float = float("inf")) -> None:
        self.name = "toy"
        self.fingerprint = "toy-fingerprint"
        self.precision = "float32"
        self.dimension = len(WORDS) + 1
        self.passage_tokens = passage_tokens
        self.query_prompt = self.document_prompt = ""
        self.device = "paper"
        self._texts_left = breaks_after

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        return self.encode_documents(texts)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> np.ndarray:
        self._texts_left -= len(texts)
        if self._texts_left < 0:
            raise RuntimeError("out of memory")
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split() or [""]:
                vectors[row, WORDS.index(word) if word in WORDS else -1] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
