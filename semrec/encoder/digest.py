"""Hashes of the files of models: what tells whether they are whole, and whether they are the same."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits; a file that has not changed is read once.

    Raises
    ------
    OSError
        It cannot be read.
    """
    stat = file.stat()
    return _sha256(file, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)  # a process asks several times, and weights are long
def _sha256(file: Path, size: int, mtime_ns: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
