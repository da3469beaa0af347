"""The interface of sentence encoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from semrec.types import Float2D, Precision


class Encoder(Protocol):
    """Converts texts to vectors of unit length.

    Attributes
    ----------
    name : hub name or folder it was loaded from; `bundled` for the bundled model.
    fingerprint : hash of weights, tokenizer and configuration, with the precision unless it is float32.
        Vectors of encoders with equal fingerprints can be compared.
    precision : what it computes in.
    dimension : length of the vectors.
    passage_tokens : longest document text that the encoder reads to the end, in tokens, without prompt and
        special tokens.
    query_prompt, document_prompt : put before every text; may be empty.
    device : where it computes, for messages.
    """

    name: str
    fingerprint: str
    precision: Precision
    dimension: int
    passage_tokens: int
    query_prompt: str
    document_prompt: str
    device: str

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of every text, without prompt and special tokens."""

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; (0, dimension) for no texts."""

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; `progress` is called with each batch's size."""
