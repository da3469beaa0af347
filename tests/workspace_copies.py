"""Copies of workspaces as small as their contents.

The engine reserves hundreds of megabytes for an index, nearly all of it zeros. `shutil.copytree` would write
them all; here they stay holes in the files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

BLOCK = 1 << 16
ZEROS = bytes(BLOCK)


def copy_workspace(source: Path, target: Path) -> Path:
    """Copy a folder into another one, which may exist; return the copy."""
    return shutil.copytree(source, target, copy_function=_copy_file, dirs_exist_ok=True)


def _copy_file(source: str, target: str) -> None:
    with open(source, "rb") as old, open(target, "wb") as new:
        size = new.truncate(os.fstat(old.fileno()).st_size)
        for start in _stored_blocks(old.fileno(), size):
            block = os.pread(old.fileno(), BLOCK, start)
            if block != ZEROS[: len(block)]:
                os.pwrite(new.fileno(), block, start)
    shutil.copystat(source, target)


def _stored_blocks(file: int, size: int) -> Iterator[int]:
    """Yield where every block begins that is not in a hole."""
    start = 0
    while start < size:
        try:
            start = os.lseek(file, start, os.SEEK_DATA)
        except OSError:  # nothing but a hole
            return
        hole = os.lseek(file, start, os.SEEK_HOLE)
        yield from range(start, hole, BLOCK)
        start = hole
