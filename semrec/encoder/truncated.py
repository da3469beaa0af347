"""Shorter vectors: the first components of an encoder's vectors, scaled to unit length again.

Encoders trained for it (Kusupati et al., "Matryoshka Representation Learning", 2022) put the most important
information into the first components. Other encoders lose more: benchmarks/encode.py measures that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from semrec.encoder.encoder import Encoder
from semrec.encoder.wrapper import EncoderWrapper
from semrec.errors import ConfigError
from semrec.mathematics.rows import unit_rows
from semrec.types import Float2D


class TruncatedEncoder(EncoderWrapper):
    """An encoder with truncated vectors; see `Encoder` for the attributes.

    Parameters
    ----------
    encoder : computes the full vectors.
    dimension : components that are kept, at most those of the full vectors.

    Raises
    ------
    ConfigError
        The encoder's vectors are shorter than `dimension`.
    """

    def __init__(self, encoder: Encoder, dimension: int) -> None:
        if not 1 <= dimension <= encoder.dimension:
            raise ConfigError(
                f"the encoder {encoder.name!r} has vectors of {encoder.dimension} components; "
                f"text_dimension can be 1 to {encoder.dimension}, not {dimension}."
            )
        super().__init__(encoder)
        self.fingerprint = truncated_fingerprint(encoder.fingerprint, dimension)
        self.dimension = dimension

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """See `Encoder.encode_queries`."""
        return truncate_rows(self._encoder.encode_queries(texts), self.dimension)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """See `Encoder.encode_documents`."""
        return truncate_rows(self._encoder.encode_documents(texts, progress), self.dimension)


def truncate_encoder(encoder: Encoder, dimension: int | None) -> Encoder:
    """Return the encoder with vectors of this length; None, or the full length: the encoder itself.

    Raises
    ------
    ConfigError
        The encoder's vectors are shorter than `dimension`.
    """
    return encoder if dimension in (None, encoder.dimension) else TruncatedEncoder(encoder, dimension)


def truncate_rows(vectors: Float2D, dimension: int) -> Float2D:
    """Return the first components of every row, float32 (n, dimension), unit length; zeros stay zeros."""
    return unit_rows(vectors[:, :dimension])


def truncated_fingerprint(fingerprint: str, dimension: int) -> str:
    """Return the fingerprint of an encoder with truncated vectors."""
    return f"{fingerprint}-{dimension}d"
