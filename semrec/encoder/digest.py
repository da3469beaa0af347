"""Hashes of model files, to check that they are complete and to compare them."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits; an unchanged file is read once a process.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    stat = file.stat()
    return _sha256(file, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)  # size and time of the last change stand for the content of a file
def _sha256(file: Path, size: int, mtime_ns: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
