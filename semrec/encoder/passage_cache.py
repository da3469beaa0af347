"""The passage cache: what was encoded once is not encoded again, whatever index it is for.

A SQLite file in the user's cache folder holds the vector of every passage by a hash of all that decides it.
Several processes may use it at once and any of them may be killed: a batch is in it as a whole or not at all.
Every vector carries a checksum, so a damaged file gives no wrong vector; and whatever goes wrong with the
cache, encoding goes on without it and a note says why.

What was not used for longest goes first. Reading writes nothing: what a run used is noted once, when the run
ends or needs room. What it used itself stays, so a catalog that is larger than the cache does not push its
own first half out before it is read again.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semrec.types import Float1D, Float2D

VERSION = 1
"""Of the tables below. A file of another version is left to whoever can read it."""

FILES = "passages-*.db"
"""The files of the cache, named by the millisecond they were made in; the newest is used."""

BATCH = 512
"""Passages that are looked up in one question."""

WAIT_S = 30.0
"""Longest wait for another process that writes."""

ROOM = 0.1
"""Part of the cache that is emptied when it is full, so that not every batch has to."""

MB = 10**6
_CHECKSUM_BYTES = 4
_TABLES = f"""
    CREATE TABLE encoders (encoder INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
    CREATE TABLE passages (
        id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, encoder INTEGER NOT NULL, used INTEGER NOT NULL
    );
    CREATE TABLE vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
    PRAGMA user_version = {VERSION};
"""
"""`used` is a unix time in milliseconds. Vectors lie apart: to count and to date passages needs none."""


@dataclass(frozen=True, slots=True)
class CachedVectors:
    """What the cache holds of one encoder.

    Parameters
    ----------
    fingerprint, name : the encoder.
    n_passages : how many vectors.
    last_used : unix seconds.
    """

    fingerprint: str
    name: str
    n_passages: int
    last_used: float


class DamageError(sqlite3.DatabaseError):
    """A vector is not the one that was written."""


class PassageCache:
    """Vectors by key, on the disk. `get` may run in one thread while `put` runs in another.

    Nothing here raises because of the disk; `notes` says what went wrong.

    Parameters
    ----------
    folder : where the file is; it is made when it is not there.
    max_mb : bound of the file, in megabytes (10^6 bytes); 0: no cache.
    """

    def __init__(self, folder: Path, max_mb: int) -> None:
        self.notes: list[str] = []
        self._max_bytes = max_mb * MB
        self._started = now_ms()
        self._used = array("q")  # numbers of passages that were read
        self._damaged = False
        self._connections: list[sqlite3.Connection] = []  # one to read, one to write
        self._reads = self._writes = False
        if max_mb == 0:
            return
        try:
            self._path = self._find_file(folder)
            self._connections = [connect(self._path), connect(self._path)]
        except (OSError, sqlite3.Error) as error:
            self.notes.append(f"no passage cache in {folder}: {error}. Encoding goes on without it.")
        else:
            self._reads = self._writes = True

    def get(self, keys: Sequence[bytes], dimension: int) -> tuple[np.ndarray, Float2D]:
        """Return which keys are there, bool (n,), and their vectors, float32 (n, dimension), else zeros."""
        found, vectors = np.zeros(len(keys), bool), np.zeros((len(keys), dimension), np.float32)
        try:
            for first in range(0, len(keys) if self._reads else 0, BATCH):
                some = slice(first, first + BATCH)
                used = _read(self._connections[0], keys[some], found[some], vectors[some])
                self._used.extend(used)
        except sqlite3.Error as error:
            self._stop(error, "cannot be read")
            self._reads = False
            found[:], vectors[:] = False, 0
        return found, vectors

    def put(self, keys: Sequence[bytes], vectors: Float2D, fingerprint: str, name: str) -> None:
        """Keep vectors, all of them or none.

        Parameters
        ----------
        keys : each once.
        vectors : float32 (n, dimension).
        fingerprint, name : the encoder that made them.
        """
        if not self._writes:
            return
        connection = self._connections[1]
        try:
            if self._make_room(vectors.nbytes):
                with _transaction(connection):
                    _insert(connection, keys, vectors, _encoder(connection, fingerprint, name), self._started)
        except sqlite3.Error as error:
            self._stop(error, "cannot be written")

    def close(self) -> None:
        """Note what was used, and release the file; one that was found damaged is removed."""
        if self._writes and self._used:
            try:
                self._note_used()
            except sqlite3.Error as error:
                self._stop(error, "cannot be written")
        self._reads = self._writes = False
        for connection in self._connections:
            with suppress(sqlite3.Error):
                connection.close()
        if self._damaged:
            remove(self._path)

    def _find_file(self, folder: Path) -> Path:
        """Return the newest file that this version can use, else a new one."""
        folder.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(folder):
            for path in files(folder):
                try:
                    version = version_of(path)
                except sqlite3.DatabaseError as error:
                    if not _means_damage(error):
                        raise
                    self.notes.append(f"the passage cache {path} is damaged ({error}); a new one is begun.")
                    remove(path)
                    continue
                if version == VERSION:
                    return path
                self.notes.append(
                    f"the passage cache {path} is of another version ({version}; this is {VERSION}): it "
                    "stays as it is, and a new one is begun. To remove it: semrec cache clear"
                )
            return _new_file(folder)

    def _make_room(self, n_bytes: int) -> bool:
        """Return whether so many bytes more fit, after dropping what was not used for longest."""
        connection = self._connections[1]
        free = self._max_bytes - _bytes_in_use(connection)
        if n_bytes <= free:
            return True
        self._note_used()
        wanted = n_bytes + int(ROOM * self._max_bytes)
        while free < wanted and _drop_oldest(connection, wanted - free, before=self._started):
            free = self._max_bytes - _bytes_in_use(connection)
        if _file_bytes(connection) > self._max_bytes:  # the bound was lowered
            _shrink(connection)
        if n_bytes <= free:
            return True
        self._writes = False
        self.notes.append(
            f"the passage cache is full of what this run used ({self._max_bytes // MB:,} MB); the rest is "
            "not kept. The setting cache_mb makes it larger."
        )
        return False

    def _note_used(self) -> None:
        used, self._used = self._used, array("q")
        with _transaction(self._connections[1]):
            self._connections[1].executemany(
                "UPDATE passages SET used = ? WHERE id = ?", ((self._started, number) for number in used)
            )

    def _stop(self, error: sqlite3.Error, what: str) -> None:
        """Write nothing more, and say why; read nothing more either when what is there is no good."""
        self._writes = False
        if not _means_damage(error):
            self.notes.append(f"the passage cache {what}: {error}. Encoding goes on; nothing more is kept.")
        elif not self._damaged:
            self._damaged, self._reads = True, False
            self.notes.append(
                f"the passage cache {self._path} is damaged ({error}); the next run begins a new one."
            )


# Files -----------------------------------------------------------------------------------------------


def files(folder: Path) -> list[Path]:
    """Return the files of the cache, newest first."""
    return sorted(folder.glob(FILES), reverse=True)


def remove(path: Path) -> None:
    """Remove a file of the cache; a process that has it open goes on with what nobody else sees."""
    for part in (path, *path.parent.glob(path.name + "-*")):
        part.unlink(missing_ok=True)


def connect(path: Path) -> sqlite3.Connection:
    """Open a file that is there."""
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw",
        uri=True,
        timeout=WAIT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        # A power cut may take the last batches, a killed process takes nothing.
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", f"journal_size_limit = {64 * MB}"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def version_of(path: Path) -> int:
    """Return the version of a file's tables."""
    with closing(connect(path)) as connection:
        return _pragma(connection, "user_version")


def now_ms() -> int:
    """Return the unix time in milliseconds."""
    return time.time_ns() // 10**6


def _new_file(folder: Path) -> Path:
    unfinished = folder / "passages.new"
    remove(unfinished)
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
        connection.executescript(
            f"PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; BEGIN; {_TABLES} COMMIT;"
        )
    # Never a name that was there before: whoever still has that file open would take the new one's log away.
    return unfinished.rename(folder / FILES.replace("*", f"{now_ms():015}"))


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold the lock under which the file is chosen."""
    descriptor = os.open(folder / "passages.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _means_damage(error: sqlite3.Error) -> bool:
    """Tell a file that is no good any more from a disk, a lock or a right that is in the way."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of the bits say more exactly what
    return isinstance(error, DamageError) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


# Rows ------------------------------------------------------------------------------------------------


def stored_encoders(connection: sqlite3.Connection) -> list[CachedVectors]:
    """Return what a file holds of every encoder."""
    found = connection.execute(
        "SELECT fingerprint, name, count(*), max(used) / 1000.0 FROM passages JOIN encoders USING (encoder)"
        " GROUP BY encoder"
    )
    return [CachedVectors(*row) for row in found]


def delete_encoder(connection: sqlite3.Connection, fingerprint: str) -> None:
    """Delete what a file holds of one encoder, and give the room back to the disk."""
    own = "SELECT id FROM passages JOIN encoders USING (encoder) WHERE fingerprint = ?"
    with _transaction(connection):
        _delete(connection, [number for (number,) in connection.execute(own, (fingerprint,))])
    _shrink(connection)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # of some errors SQLite takes everything back by itself
            connection.execute("ROLLBACK")
        raise


def _read(
    connection: sqlite3.Connection, keys: Sequence[bytes], found: np.ndarray, vectors: Float2D
) -> list[int]:
    """Fill in what is there, and return the numbers of those passages."""
    places = ",".join("?" * len(keys))
    question = f"SELECT key, id, vector FROM passages JOIN vectors USING (id) WHERE key IN ({places})"
    stored = {key: (number, packed) for key, number, packed in connection.execute(question, keys)}
    used = []
    for row, key in enumerate(keys):
        if key in stored:
            number, packed = stored[key]
            vectors[row] = _unpacked(key, packed, vectors.shape[1])
            found[row] = True
            used.append(number)
    return used


def _packed(key: bytes, vector: Float1D) -> bytes:
    data = np.ascontiguousarray(vector, "<f4").tobytes()
    return data + zlib.crc32(data, zlib.crc32(key)).to_bytes(_CHECKSUM_BYTES, "little")


def _unpacked(key: bytes, packed: bytes, dimension: int) -> Float1D:
    data, checksum = packed[:-_CHECKSUM_BYTES], packed[-_CHECKSUM_BYTES:]
    whole = len(data) == 4 * dimension
    if not whole or zlib.crc32(data, zlib.crc32(key)) != int.from_bytes(checksum, "little"):
        raise DamageError("a vector is not the one that was written")
    return np.frombuffer(data, "<f4")


def _insert(
    connection: sqlite3.Connection, keys: Sequence[bytes], vectors: Float2D, encoder: int, now: int
) -> None:
    """Write what is not there yet; another process may have been faster."""
    last = connection.execute("SELECT coalesce(max(id), 0) FROM passages").fetchone()[0]
    for number, (key, vector) in enumerate(zip(keys, vectors, strict=True), last + 1):
        row = (number, key, encoder, now)
        if connection.execute("INSERT OR IGNORE INTO passages VALUES (?, ?, ?, ?)", row).rowcount:
            connection.execute("INSERT INTO vectors VALUES (?, ?)", (number, _packed(key, vector)))


def _encoder(connection: sqlite3.Connection, fingerprint: str, name: str) -> int:
    """Return the number of an encoder in this file."""
    connection.execute(
        "INSERT OR IGNORE INTO encoders (fingerprint, name) VALUES (?, ?)", (fingerprint, name)
    )
    found = connection.execute("SELECT encoder FROM encoders WHERE fingerprint = ?", (fingerprint,))
    return int(found.fetchone()[0])


def _bytes_in_use(connection: sqlite3.Connection) -> int:
    free = _pragma(connection, "freelist_count") * _pragma(connection, "page_size")
    return _file_bytes(connection) - free


def _file_bytes(connection: sqlite3.Connection) -> int:
    return _pragma(connection, "page_count") * _pragma(connection, "page_size")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _drop_oldest(connection: sqlite3.Connection, n_bytes: int, before: int) -> int:
    """Delete about so many bytes of what was last used before then, return how many passages that were."""
    n_passages = connection.execute("SELECT count(*) FROM passages").fetchone()[0]
    n_dropped = -(-n_bytes * n_passages // _bytes_in_use(connection))
    oldest = "SELECT id FROM passages WHERE used < ? ORDER BY used, id LIMIT ?"
    with _transaction(connection):
        numbers = [number for (number,) in connection.execute(oldest, (before, n_dropped))]
        _delete(connection, numbers)
    return len(numbers)


def _delete(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    for table in ("vectors", "passages"):
        connection.executemany(f"DELETE FROM {table} WHERE id = ?", ((number,) for number in numbers))


def _shrink(connection: sqlite3.Connection) -> None:
    connection.executescript("PRAGMA incremental_vacuum")  # `execute` would free one page
