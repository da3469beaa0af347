"""The content of the cache folder, counted and cleared: passage vectors, ONNX exports, measured speeds."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from semrec.encoder.cache_file import (
    FILES,
    VERSION,
    CachedVectors,
    connect,
    delete_encoder,
    files,
    remove,
    stored_encoders,
    version_of,
)
from semrec.encoder.speeds import FILE as SPEEDS
from semrec.errors import ConfigError
from semrec.types import Plain

EXPORTS = "onnx"
"""Folder of the encoders exported to ONNX, each a file or a folder named by its fingerprint."""


@dataclass(frozen=True, slots=True)
class CacheFacts(Plain):
    """The content of a cache folder.

    Parameters
    ----------
    folder : the folder.
    passage_bytes : size of the passage cache on the disk, including files of other versions.
    encoders : what the passage cache holds of each encoder, the last used first.
    exports : names of the encoders exported to ONNX.
    export_bytes : size of these exports.
    """

    folder: Path
    passage_bytes: int
    encoders: tuple[CachedVectors, ...]
    exports: tuple[str, ...]
    export_bytes: int

    @property
    def n_passages(self) -> int:
        """Number of vectors of all encoders."""
        return sum(one.n_passages for one in self.encoders)

    @property
    def n_bytes(self) -> int:
        """Size of passages and exports."""
        return self.passage_bytes + self.export_bytes


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was removed from a cache folder."""

    n_passages: int
    n_exports: int
    n_bytes: int


def cache_facts(folder: Path) -> CacheFacts:
    """Return the content of a cache folder; a missing folder is empty, and is not created."""
    encoders: list[CachedVectors] = []
    for path in _readable(folder):
        with closing(connect(path)) as connection:
            encoders += stored_encoders(connection)
    exports = _exports(folder)
    return CacheFacts(
        folder,
        sum(map(_size, folder.glob(FILES + "*"))),
        tuple(sorted(encoders, key=lambda one: -one.last_used)),
        tuple(path.name for path in exports),
        sum(map(_size, exports)),
    )


def clear_cache(folder: Path, fingerprint: str | None = None) -> Cleared:
    """Clear the cache; processes that use it at this moment are not disturbed.

    Parameters
    ----------
    folder : the cache folder.
    fingerprint : the beginning of the fingerprint of an encoder, in full or as `short` shows it; None: clear
        everything.

    Raises
    ------
    ConfigError
        Nothing is cached of such an encoder, or the cache cannot be removed.
    """
    before = cache_facts(folder)
    try:
        if fingerprint is None:
            for path in files(folder):
                remove(path)
            _remove_exports(_exports(folder))
            (folder / SPEEDS).unlink(missing_ok=True)
        else:
            _clear_encoder(folder, fingerprint)
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"cannot clear the cache in {folder}: {error}.") from error
    after = cache_facts(folder)
    return Cleared(
        before.n_passages - after.n_passages,
        len(before.exports) - len(after.exports),
        before.n_bytes - after.n_bytes,
    )


def short(fingerprint: str) -> str:
    """Return a fingerprint for display: 12 digits of the hash, and the precision if it is not float32."""
    digits, dash, precision = fingerprint.partition("-")
    return digits[:12] + dash + precision


def _clear_encoder(folder: Path, fingerprint: str) -> None:
    facts = cache_facts(folder)
    stored = [one.fingerprint for one in facts.encoders if _matches(one.fingerprint, fingerprint)]
    exports = [path for path in _exports(folder) if _matches(path.name, fingerprint)]
    if not (stored or exports):
        raise ConfigError(
            f"the cache in {folder} has no encoder {fingerprint!r}. To list its content: semrec cache"
        )
    for path in _readable(folder):
        with closing(connect(path)) as connection:
            for one in stored:
                delete_encoder(connection, one)
    _remove_exports(exports)


def _matches(fingerprint: str, given: str) -> bool:
    return bool(given) and (fingerprint.startswith(given) or short(fingerprint).startswith(given))


def _readable(folder: Path) -> list[Path]:
    """Return the files of the passage cache that have this version."""
    readable = []
    for path in files(folder):
        with suppress(sqlite3.Error):
            if version_of(path) == VERSION:
                readable.append(path)
    return readable


def _exports(folder: Path) -> list[Path]:
    exports = folder / EXPORTS
    return sorted(exports.iterdir()) if exports.is_dir() else []


def _remove_exports(exports: list[Path]) -> None:
    for path in exports:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder."""
    if path.is_dir():
        return sum(map(_size, path.iterdir()))
    return path.stat().st_size
