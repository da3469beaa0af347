"""Encoders that change how another encoder works."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from semrec.encoder.encoder import Encoder
from semrec.types import Float2D


class EncoderWrapper(Encoder):
    """Base of encoders around another one: what a subclass does not override is the other encoder's.

    Parameters
    ----------
    encoder : the other encoder.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name = encoder.name
        self.fingerprint = encoder.fingerprint
        self.precision = encoder.precision
        self.dimension = encoder.dimension
        self.passage_tokens = encoder.passage_tokens
        self.query_prompt = encoder.query_prompt
        self.document_prompt = encoder.document_prompt
        self.device = encoder.device

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """See `Encoder.count_tokens`."""
        return self._encoder.count_tokens(texts)

    def count_unknown_tokens(self, texts: Sequence[str]) -> list[int]:
        """See `BatchedEncoder.count_unknown_tokens`; 0 where the other encoder cannot tell."""
        count = getattr(self._encoder, "count_unknown_tokens", None)
        return count(texts) if count else [0] * len(texts)

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """See `Encoder.encode_queries`."""
        return self._encoder.encode_queries(texts)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """See `Encoder.encode_documents`."""
        return self._encoder.encode_documents(texts, progress)
