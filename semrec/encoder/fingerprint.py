"""Fingerprints of encoders: what tells whether their vectors can be compared. Nothing heavy is loaded."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from semrec.encoder.files import model_path
from semrec.types import Precision

FINGERPRINT_FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
"""What decides the vectors: weights, configuration, vocabulary."""


def known_fingerprint(name: str, precision: Precision) -> str | None:
    """Return the fingerprint that the encoder of this name has; None when only loading it tells.

    Parameters
    ----------
    name : a hub name, a folder, or `bundled`.
    precision : the numbers it computes with.

    Raises
    ------
    EncoderError
        It can only be a folder, and is not there.
    """
    folder = Path(model_path(name))
    return with_precision(folder_fingerprint(folder), precision) if folder.is_dir() else None


def folder_fingerprint(folder: Path) -> str:
    """Return a hash of a model's files: 32 hexadecimal digits."""
    files = sorted({file for pattern in FINGERPRINT_FILES for file in folder.rglob(pattern)})
    stats = (file.stat() for file in files)
    return _fingerprint(folder, tuple(files), tuple((stat.st_size, stat.st_mtime_ns) for stat in stats))


@lru_cache(maxsize=16)  # a process asks several times, and weights are long
def _fingerprint(folder: Path, files: tuple[Path, ...], stats: tuple[tuple[int, int], ...]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        digest.update(file.relative_to(folder).as_posix().encode())
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def with_precision(fingerprint: str, precision: Precision) -> str:
    """Return the fingerprint of an encoder that computes with these numbers."""
    return fingerprint if precision == "float32" else f"{fingerprint}-{precision}"
