"""Compressed files: gzip, Zstandard and zip, recognised by their first bytes."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

import zstandard

from semrec.errors import CatalogError

Open: TypeAlias = Callable[[], BinaryIO]

GZIP, ZSTD, ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
SUFFIXES = (".gz", ".zst", ".zip")
READ_ERRORS = (zstandard.ZstdError, zipfile.BadZipFile)


def decompressed(stream: BinaryIO, head: bytes) -> BinaryIO | None:
    """Return the content of a compressed stream; None if it is not compressed, or an archive.

    Parameters
    ----------
    stream : from its first byte on.
    head : its first bytes, at least 4.
    """
    if head.startswith(GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=stream))
    if head.startswith(ZSTD):
        reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, reader)))
    return None


def file_members(path: Path) -> list[tuple[str, Open]]:
    """Return the files that a path holds, each with its name and a function that opens its content.

    Any file holds itself, decompressed; a zip archive holds its files.

    Raises
    ------
    CatalogError
        A zip archive cannot be read, is encrypted or is empty.
    """
    with path.open("rb") as stream:
        head = stream.read(4)
    if not head.startswith(ZIP):
        return [(str(path), lambda: _open_file(path, head))]
    try:
        with zipfile.ZipFile(path) as archive:
            found = [
                entry for entry in archive.infolist() if not entry.is_dir() and not _is_hidden(entry.filename)
            ]
    except zipfile.BadZipFile as error:
        raise CatalogError(f"{path}: cannot be read: {error}") from error
    if not found:
        raise CatalogError(f"{path}: holds no file")
    if any(entry.flag_bits & 1 for entry in found):
        raise CatalogError(f"{path}: is encrypted; unpack it first")
    return [(f"{path}/{entry.filename}", _member_opener(path, entry.filename)) for entry in found]


def _member_opener(path: Path, member: str) -> Open:
    def open_member() -> BinaryIO:
        archive = zipfile.ZipFile(path)
        content = io.BufferedReader(_Member(archive, member))
        return cast(BinaryIO, content)

    return open_member


class _Member(io.RawIOBase):
    """A file of an archive; closing it closes the archive."""

    def __init__(self, archive: zipfile.ZipFile, member: str) -> None:
        self._archive = archive
        self._content = archive.open(member)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self._content.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._content.close()
        self._archive.close()
        super().close()


def _is_hidden(name: str) -> bool:
    """Return whether a file of an archive was added by an operating system."""
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _open_file(path: Path, head: bytes) -> BinaryIO:
    if head.startswith(GZIP):  # closing a `GzipFile` does not close the file that it was given
        return cast(BinaryIO, gzip.open(path, "rb"))
    stream = path.open("rb")
    return decompressed(stream, head) or stream
