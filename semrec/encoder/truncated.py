"""Shorter vectors: the first numbers of those that an encoder makes, at unit length again.

Encoders trained for it (Kusupati et al., "Matryoshka Representation Learning", 2022) put what matters most
into the first numbers. Others lose more: benchmarks/encode.py measures what the bundled one loses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from semrec.encoder.encoder import Encoder
from semrec.errors import ConfigError
from semrec.mathematics.rows import unit_rows
from semrec.types import Float2D


class TruncatedEncoder(Encoder):
    """An encoder whose vectors are cut; see `Encoder` for its attributes.

    Parameters
    ----------
    encoder : makes the whole vectors.
    dimension : how many numbers of each are kept, at most as many as there are.

    Raises
    ------
    ConfigError
        The encoder's vectors are shorter than that.
    """

    def __init__(self, encoder: Encoder, dimension: int) -> None:
        if not 1 <= dimension <= encoder.dimension:
            raise ConfigError(
                f"the encoder {encoder.name!r} has vectors of {encoder.dimension} numbers; "
                f"text_dimension can be 1 to {encoder.dimension}, not {dimension}."
            )
        self._encoder = encoder
        self.name, self.precision, self.device = encoder.name, encoder.precision, encoder.device
        self.fingerprint = with_dimension(encoder.fingerprint, dimension)
        self.dimension, self.passage_tokens = dimension, encoder.passage_tokens
        self.query_prompt, self.document_prompt = encoder.query_prompt, encoder.document_prompt

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of every text, without prompt and special tokens."""
        return self._encoder.count_tokens(texts)

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; (0, dimension) for no texts."""
        return truncated(self._encoder.encode_queries(texts), self.dimension)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; `progress` hears of each batch's size."""
        return truncated(self._encoder.encode_documents(texts, progress), self.dimension)


def cut(encoder: Encoder, dimension: int | None) -> Encoder:
    """Return the encoder with vectors cut to this length; None, or as long as they are: the encoder itself.

    Raises
    ------
    ConfigError
        They are shorter than that.
    """
    return encoder if dimension in (None, encoder.dimension) else TruncatedEncoder(encoder, dimension)


def truncated(vectors: Float2D, dimension: int) -> Float2D:
    """Return the first numbers of every row, float32 (n, dimension), at unit length; zeros stay zeros."""
    return unit_rows(vectors[:, :dimension])


def with_dimension(fingerprint: str, dimension: int) -> str:
    """Return the fingerprint of an encoder whose vectors are cut to this length."""
    return f"{fingerprint}-{dimension}d"
