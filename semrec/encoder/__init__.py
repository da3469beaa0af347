"""Sentence encoders: texts in, vectors of unit length out."""

from __future__ import annotations

from semrec.config import Settings
from semrec.encoder.protocol import Encoder
from semrec.types import Precision

__all__ = ["Encoder", "load_encoder"]


PRECISIONS: dict[str, Precision] = {
    "auto": "float32",
    "torch": "float32",
    "torch-bf16": "bfloat16",
    "onnx-int8": "int8",
}
"""What `Settings.encoder` asks for; `auto` begins with float32."""


def load_encoder(name: str | None, settings: Settings, *, precision: Precision | None = None) -> Encoder:
    """Load the encoder of this name.

    Parameters
    ----------
    name : a hub name, a folder, or `bundled`; None is `bundled`.
    settings : device, batch size, and the precision when none is given.
    precision : the numbers to compute with, for instance those of an index's manifest.

    Raises
    ------
    EncoderError
        The encoder cannot be loaded, or not compute in this precision on this machine.
    """
    # Importing torch takes seconds; a recommendation from a history never needs it.
    from semrec.encoder.sentence_transformer import load_sentence_transformer

    return load_sentence_transformer(
        name or "bundled",
        device=settings.device,
        batch_tokens=settings.batch_tokens,
        precision=precision or PRECISIONS[settings.encoder],
    )
