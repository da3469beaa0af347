"""Copies of folders with sparse files, such as those of Qdrant Edge: 330 MB long, 8 MB on the disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

_CHUNK_BYTES = 8 * 2**20


def copy_folder(source: Path, target: Path) -> None:
    """Copy all files below a folder into an existing one; holes stay holes.

    The copies are not synced to the disk: they are not needed after a crash.
    """
    for folder, _, names in os.walk(source):
        there = target / Path(folder).relative_to(source)
        there.mkdir(exist_ok=True)
        for name in names:
            if not (there / name).exists():  # `owner.json` is that of the copy
                _copy_file(Path(folder) / name, there / name)


def allocated_bytes(folder: Path) -> int:
    """Return the space that the files below a folder take on the disk."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(512 * path.stat().st_blocks for path in files)


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb", buffering=0) as here, target.open("wb", buffering=0) as there:
        size = os.fstat(here.fileno()).st_size
        for start, end in _data(here.fileno(), size):
            while start < end:
                chunk = os.pread(here.fileno(), min(_CHUNK_BYTES, end - start), start)
                if not chunk:
                    break
                start += os.pwrite(there.fileno(), chunk, start)
        os.ftruncate(there.fileno(), size)


def _data(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of the parts of a file that are not holes."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # the rest is a hole
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end
