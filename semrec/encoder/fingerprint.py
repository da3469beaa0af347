"""Fingerprints of encoders: equal fingerprints mean comparable vectors. No model is loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from semrec.encoder.digest import sha256_of
from semrec.encoder.model_path import model_path
from semrec.types import Precision

FINGERPRINT_FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
"""Files that determine the vectors: weights, configuration, vocabulary."""


def known_fingerprint(name: str, precision: Precision) -> str | None:
    """Return the fingerprint of the encoder of this name; None if it is only known after loading.

    Parameters
    ----------
    name : a hub name, a folder, or `bundled`.
    precision : what it computes in.

    Raises
    ------
    EncoderError
        The name can only be a folder, and the folder does not exist.
    """
    folder = Path(model_path(name))
    return with_precision(folder_fingerprint(folder), precision) if folder.is_dir() else None


def folder_fingerprint(folder: Path) -> str:
    """Return a hash of a model's files: 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted({file for pattern in FINGERPRINT_FILES for file in folder.rglob(pattern)}):
        digest.update(file.relative_to(folder).as_posix().encode())
        digest.update(bytes.fromhex(sha256_of(file)))
    return digest.hexdigest()


def with_precision(fingerprint: str, precision: Precision) -> str:
    """Return the fingerprint of the same model in another precision."""
    return fingerprint if precision == "float32" else f"{fingerprint}-{precision}"
