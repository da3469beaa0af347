"""An encoder for several threads: tokenizers are for one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np

from semrec.encoder.protocol import Encoder
from semrec.types import Float2D

_TURN_TEXTS, _FAST_TURN_TEXTS = 128, 4096
"""Texts encoded before another thread's turn, on a processor and on anything faster: those of like length lie
together, and nobody waits long."""


class SharedEncoder(Encoder):
    """Does what another encoder does, for one thread at a time."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._turn = Lock()
        self._counting = Lock()  # passages are cut while others are encoded
        self.name = encoder.name
        self.fingerprint = encoder.fingerprint
        self.precision = encoder.precision
        self.dimension = encoder.dimension
        self.passage_tokens = encoder.passage_tokens
        self.query_prompt = encoder.query_prompt
        self.document_prompt = encoder.document_prompt
        self.device = encoder.device

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of every text, without prompt and special tokens."""
        with self._counting:
            return self._encoder.count_tokens(texts)

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; (0, dimension) for no texts."""
        with self._turn:
            return self._encoder.encode_queries(texts)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; `progress` hears of each batch's size."""
        rows = [np.empty((0, self.dimension), np.float32)]
        turn = _TURN_TEXTS if self.device == "cpu" else _FAST_TURN_TEXTS
        for start in range(0, len(texts), turn):
            with self._turn:
                rows.append(self._encoder.encode_documents(texts[start : start + turn], progress=progress))
        return np.concatenate(rows)
