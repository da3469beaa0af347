"""Encoders by name and settings. torch is only imported if an encoder needs it: that takes seconds."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from semrec.config import Settings
from semrec.encoder.encoder import Encoder
from semrec.types import Precision

if TYPE_CHECKING:
    from semrec.encoder.sentence_transformer import SentenceTransformerEncoder

PRECISIONS: dict[str, Precision] = {
    "auto": "float32",
    "torch": "float32",
    "torch-bf16": "bfloat16",
    "onnx-int8": "int8",
}
"""The precision of each encoder setting; with `auto` float32 is loaded first."""


def load_encoder(name: str | None, settings: Settings, *, precision: Precision | None = None) -> Encoder:
    """Load the encoder of this name.

    Parameters
    ----------
    name : a hub name, a folder, or `bundled`; None is `bundled`.
    settings : device, batch size, and the precision if none is given.
    precision : what it computes in, for instance the precision in an index's manifest.

    Raises
    ------
    EncoderError
        The encoder cannot be loaded, or cannot compute in this precision on this machine.
    """
    name, precision = name or "bundled", precision or PRECISIONS[settings.encoder.backend]
    if precision == "int8":
        return _load_int8(name, settings)
    from semrec.encoder.sentence_transformer import load_sentence_transformer

    return load_sentence_transformer(
        name, device=settings.encoder.device, batch_tokens=settings.encoder.batch_tokens, precision=precision
    )


def load_reference(name: str, settings: Settings) -> Encoder:
    """Load the encoder of this name in float32, from its ONNX export if there is one: that needs no torch.

    Raises
    ------
    EncoderError
        The encoder cannot be loaded.
    """
    from semrec.encoder.fingerprint import known_fingerprint
    from semrec.encoder.onnx import DamagedExportError, OnnxEncoder, export_folder

    fingerprint = known_fingerprint(name, "float32")
    if fingerprint is not None:
        folder = export_folder(settings.cache.folder, fingerprint)
        with suppress(DamagedExportError):
            return OnnxEncoder(folder, name, settings.encoder.batch_tokens, "float32")
    return load_encoder(name, settings, precision="float32")


def precisions(settings: Settings) -> tuple[Precision, ...]:
    """Return the precisions besides float32 that may be faster on this machine; nothing is measured."""
    import torch

    from semrec.encoder.sentence_transformer import computes_bfloat16, pick_device

    device = torch.device(pick_device(settings.encoder.device))
    int8: tuple[Precision, ...] = ("int8",) if device.type == "cpu" else ()
    return (*int8, "bfloat16") if computes_bfloat16(device) else int8


def _load_int8(name: str, settings: Settings) -> Encoder:
    """Load the export of an encoder; a missing or damaged export is made first, which needs torch."""
    from semrec.encoder.fingerprint import known_fingerprint
    from semrec.encoder.onnx import DamagedExportError, OnnxEncoder, export_folder

    loaded = None
    fingerprint = known_fingerprint(name, "float32")
    if fingerprint is None:
        loaded = _load_float32(name, settings)
        fingerprint = loaded.fingerprint
    folder = export_folder(settings.cache.folder, fingerprint)
    try:
        return OnnxEncoder(folder, name, settings.encoder.batch_tokens)
    except DamagedExportError:
        from semrec.encoder.onnx_export import export

        return export(loaded or _load_float32(name, settings), folder, settings.encoder.batch_tokens)


def _load_float32(name: str, settings: Settings) -> SentenceTransformerEncoder:
    from semrec.encoder.sentence_transformer import load_sentence_transformer

    return load_sentence_transformer(name, device="cpu", batch_tokens=settings.encoder.batch_tokens)
