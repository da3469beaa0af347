"""The passage cache: a passage is encoded once, whatever index it belongs to.

A SQLite file in the user's cache folder holds the vector of every passage under a hash of everything that
determines it. Several processes may use the file at once, and each of them may be killed: a batch is stored
completely or not at all. No fault of the cache stops indexing: encoding goes on without the cache, and a note
says why.

When the cache is full, the passages that were used longest ago are deleted first. Reading writes nothing:
which passages a run has used is stored once, when the run ends or needs space. A run never deletes passages
that it has used itself, so a catalog that is larger than the cache does not delete its own first half before
the next run reads it.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semrec.encoder.cache_file import (
    MB,
    VERSION,
    bytes_in_use,
    connect,
    delete_oldest,
    file_bytes,
    files,
    insert_vectors,
    is_damage,
    locked,
    new_file,
    now_ms,
    read_vectors,
    remove,
    set_used,
    shrink,
    version_of,
)
from semrec.errors import StoreLockedError
from semrec.types import Float2D

BATCH_PASSAGES = 512
"""Passages that are looked up with one query."""

FREED_SHARE = 0.1
"""Part of the cache that is freed when it is full, so that not every batch has to free space."""


class PassageCache:
    """Vectors by key, on the disk. `get` may run in one thread while `put` runs in another.

    Errors of the disk do not raise; `notes` describes them.

    Parameters
    ----------
    folder : where the file is; it is created if missing.
    max_mb : largest size of the file, in megabytes (10^6 bytes); 0: no cache.
    connect : opens a file.
    batch_passages : passages that are looked up with one query.

    Attributes
    ----------
    path : the file; None if there is no cache.
    notes : what is wrong with the cache, in words.
    """

    def __init__(
        self,
        folder: Path,
        max_mb: int,
        *,
        connect: Callable[[Path], sqlite3.Connection] = connect,
        batch_passages: int = BATCH_PASSAGES,
    ) -> None:
        self.path: Path | None = None
        self.notes: list[str] = []
        self._max_bytes = max_mb * MB
        self._batch_passages = batch_passages
        self._started_ms = now_ms()
        self._used = array("q")  # ids of the passages that were read
        self._is_damaged = False
        self._connections: list[sqlite3.Connection] = []  # one to read, one to write
        self._can_read = self._can_write = False
        if max_mb == 0:
            return
        try:
            self.path = self._find_file(folder)
            self._connections = [connect(self.path), connect(self.path)]
        except (OSError, sqlite3.Error, StoreLockedError) as error:
            self.notes.append(f"no passage cache in {folder}: {error}. Encoding goes on without it.")
        else:
            self._can_read = self._can_write = True

    def get(self, keys: Sequence[bytes], dimension: int) -> tuple[NDArray[np.bool_], Float2D]:
        """Return which keys are stored, bool (n,), and the vectors, float32 (n, dimension), 0 where not."""
        found, vectors = np.zeros(len(keys), bool), np.zeros((len(keys), dimension), np.float32)
        try:
            for first in range(0, len(keys) if self._can_read else 0, self._batch_passages):
                some = slice(first, first + self._batch_passages)
                used = read_vectors(self._connections[0], keys[some], found[some], vectors[some])
                self._used.extend(used)
        except sqlite3.Error as error:
            self._stop(error, "cannot be read")
            self._can_read = False
            found[:], vectors[:] = False, 0
        return found, vectors

    def put(self, keys: Sequence[bytes], vectors: Float2D, fingerprint: str, name: str) -> None:
        """Store vectors, all of them or none.

        Parameters
        ----------
        keys : each once.
        vectors : float32 (n, dimension).
        fingerprint, name : the encoder that computed them.
        """
        if not self._can_write:
            return
        try:
            if self._make_space(vectors.nbytes):
                insert_vectors(self._connections[1], keys, vectors, fingerprint, name, self._started_ms)
        except sqlite3.Error as error:
            self._stop(error, "cannot be written")

    def close(self) -> None:
        """Store which passages were used, and close the file; a damaged file is removed."""
        if self._can_write and self._used:
            try:
                self._store_used()
            except sqlite3.Error as error:
                self._stop(error, "cannot be written")
        self._can_read = self._can_write = False
        for connection in self._connections:
            with suppress(sqlite3.Error):
                connection.close()
        if self._is_damaged and self.path:
            remove(self.path)

    def _find_file(self, folder: Path) -> Path:
        """Return the newest file of this version, or a new one."""
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            for path in files(folder):
                try:
                    version = version_of(path)
                except sqlite3.DatabaseError as error:
                    if not is_damage(error):
                        raise
                    self.notes.append(f"the passage cache {path} is damaged ({error}); a new one is created.")
                    remove(path)
                    continue
                if version == VERSION:
                    return path
                self.notes.append(
                    f"the passage cache {path} has another version ({version}, not {VERSION}): it is kept, "
                    "and a new one is created. To remove it: semrec cache clear"
                )
            return new_file(folder)

    def _make_space(self, n_bytes: int) -> bool:
        """Return whether `n_bytes` more fit; old passages are deleted if necessary."""
        connection = self._connections[1]
        free = self._max_bytes - bytes_in_use(connection)
        if n_bytes <= free:
            return True
        self._store_used()
        needed = n_bytes + int(FREED_SHARE * self._max_bytes)
        while free < needed and delete_oldest(connection, needed - free, self._started_ms):
            free = self._max_bytes - bytes_in_use(connection)
        if file_bytes(connection) > self._max_bytes:  # the setting was lowered since the last run
            shrink(connection)
        if n_bytes <= free:
            return True
        self._can_write = False
        self.notes.append(
            f"the passage cache ({self._max_bytes // MB:,} MB) is full of passages of this run; further "
            "passages are not stored. The setting cache_mb makes the cache larger."
        )
        return False

    def _store_used(self) -> None:
        used, self._used = self._used, array("q")
        set_used(self._connections[1], used, self._started_ms)

    def _stop(self, error: sqlite3.Error, what: str) -> None:
        """Write no more, and say why; a damaged file is not read any more either."""
        self._can_write = False
        if not is_damage(error):
            self.notes.append(
                f"the passage cache {what}: {error}. Encoding goes on; further passages are not stored."
            )
        elif not self._is_damaged:
            self._is_damaged, self._can_read = True, False
            self.notes.append(
                f"the passage cache {self.path} is damaged ({error}); the next run creates a new one."
            )
