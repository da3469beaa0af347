"""Sentence encoders: texts in, vectors of unit length out."""

from __future__ import annotations

from semrec.config import Settings
from semrec.encoder.protocol import Encoder

__all__ = ["Encoder", "load_encoder"]


def load_encoder(name: str | None, settings: Settings) -> Encoder:
    """Load the encoder of this name.

    Parameters
    ----------
    name : a hub name, a folder, or `bundled`; None is `bundled`.
    settings : device and batch size.

    Raises
    ------
    EncoderError
        The encoder cannot be loaded.
    """
    # Importing torch takes seconds; a recommendation from a history never needs it.
    from semrec.encoder.sentence_transformer import load_sentence_transformer

    return load_sentence_transformer(
        name or "bundled", device=settings.device, batch_tokens=settings.batch_tokens
    )
