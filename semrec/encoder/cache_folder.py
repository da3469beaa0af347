"""What lies in the cache folder, for people: passage vectors and ONNX exports, counted and cleared."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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

EXPORTS = "onnx"
"""The folder in it with encoders exported to ONNX: a file or a folder each, named by fingerprint."""


@dataclass(frozen=True, slots=True)
class CacheFacts:
    """What lies in a cache folder.

    Parameters
    ----------
    folder : where.
    passage_bytes : size of the passage cache on the disk, with files that only another version can read.
    encoders : what it holds, the last used first.
    exports : names of the encoders exported to ONNX.
    export_bytes : their size.
    """

    folder: Path
    passage_bytes: int
    encoders: tuple[CachedVectors, ...]
    exports: tuple[str, ...]
    export_bytes: int

    @property
    def n_passages(self) -> int:
        """Vectors of all encoders."""
        return sum(one.n_passages for one in self.encoders)

    @property
    def n_bytes(self) -> int:
        """Everything."""
        return self.passage_bytes + self.export_bytes

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return {**asdict(self), "folder": str(self.folder)}


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was removed from a cache folder."""

    n_passages: int
    n_exports: int
    n_bytes: int


def cache_facts(folder: Path) -> CacheFacts:
    """Return what lies in a cache folder; one that is not there holds nothing, and is not made."""
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
    """Remove what is cached. Who uses it at this moment goes on undisturbed.

    Parameters
    ----------
    folder : the cache folder.
    fingerprint : how the fingerprint of an encoder begins, as it is or as `short` shows it; None: everything.

    Raises
    ------
    ConfigError
        There is nothing of such an encoder, or it cannot be removed.
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
    """Return a fingerprint as people see it: 12 digits of the hash, and the precision where one is named."""
    digits, dash, precision = fingerprint.partition("-")
    return digits[:12] + dash + precision


def _clear_encoder(folder: Path, fingerprint: str) -> None:
    facts = cache_facts(folder)
    stored = [one.fingerprint for one in facts.encoders if _begins(one.fingerprint, fingerprint)]
    exports = [path for path in _exports(folder) if _begins(path.name, fingerprint)]
    if not (stored or exports):
        raise ConfigError(
            f"the cache in {folder} holds nothing of an encoder {fingerprint!r}. What it holds: semrec cache"
        )
    for path in _readable(folder):
        with closing(connect(path)) as connection:
            for one in stored:
                delete_encoder(connection, one)
    _remove_exports(exports)


def _begins(fingerprint: str, given: str) -> bool:
    return bool(given) and (fingerprint.startswith(given) or short(fingerprint).startswith(given))


def _readable(folder: Path) -> list[Path]:
    """Return the files of the cache that this version can read."""
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
