"""The file of the passage cache: one SQLite database, shared by several processes.

Every vector is stored with a checksum, so that a damaged file never returns a wrong vector.
"""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semrec.files.locks import lock_within
from semrec.types import Float1D, Float2D

VERSION = 1
"""Version of the tables below. Files of other versions are neither read nor removed."""

FILES = "passages-*.db"
"""Names of the files, with the millisecond in which each was created; the newest is used."""

WAIT_S = 30.0
"""Longest wait for another process that writes."""

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
"""`used` is a unix time in milliseconds. Vectors have a table of their own: counting passages and updating
`used` does not read them."""


@dataclass(frozen=True, slots=True)
class CachedVectors:
    """What the cache holds of one encoder.

    Parameters
    ----------
    fingerprint, name : the encoder.
    n_passages : number of vectors.
    last_used : unix seconds.
    """

    fingerprint: str
    name: str
    n_passages: int
    last_used: float


class DamageError(sqlite3.DatabaseError):
    """A stored vector does not match its checksum."""


# Files -----------------------------------------------------------------------------------------------


def files(folder: Path) -> list[Path]:
    """Return the files of the cache, newest first."""
    return sorted(folder.glob(FILES), reverse=True)


def new_file(folder: Path) -> Path:
    """Create a file with empty tables; it appears under its name in one step."""
    unfinished = folder / "passages.new"
    remove(unfinished)
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
        connection.executescript(
            f"PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; BEGIN; {_TABLES} COMMIT;"
        )
    # Each file has a new name: a process that still has an old file open deletes that file's log by name.
    return unfinished.rename(folder / FILES.replace("*", f"{now_ms():015}"))


def remove(path: Path) -> None:
    """Remove a file of the cache and its logs; a process that has it open can go on using it."""
    for part in (path, *path.parent.glob(path.name + "-*")):
        part.unlink(missing_ok=True)


def connect(path: Path, wait_s: float = WAIT_S) -> sqlite3.Connection:
    """Open an existing file; `wait_s` is the longest wait for another process that writes."""
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw",
        uri=True,
        timeout=wait_s,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        # A power cut may lose the last batches; a killed process loses nothing.
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


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether the file is damaged, rather than locked, on a full disk or not accessible."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bits hold details
    return isinstance(error, DamageError) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock that is needed to choose or create a file."""
    descriptor = os.open(folder / "passages.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        lock_within(descriptor, folder / "passages.lock")
        yield
    finally:
        os.close(descriptor)


def now_ms() -> int:
    """Return the unix time in milliseconds."""
    return time.time_ns() // 10**6


# Rows ------------------------------------------------------------------------------------------------


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write everything inside or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # after some errors SQLite has rolled back already
            connection.execute("ROLLBACK")
        raise


def read_vectors(
    connection: sqlite3.Connection, keys: Sequence[bytes], found: NDArray[np.bool_], vectors: Float2D
) -> list[int]:
    """Write the stored vectors into `vectors`, and True into `found`; return the ids of these passages.

    Parameters
    ----------
    connection : an open file.
    keys : of n passages.
    found : bool (n,), changed in place.
    vectors : float32 (n, dimension), changed in place.

    Raises
    ------
    DamageError
        A vector does not match its checksum.
    """
    places = ",".join("?" * len(keys))
    query = f"SELECT key, id, vector FROM passages JOIN vectors USING (id) WHERE key IN ({places})"
    stored = {key: (passage_id, packed) for key, passage_id, packed in connection.execute(query, keys)}
    ids = []
    for row, key in enumerate(keys):
        if key in stored:
            passage_id, packed = stored[key]
            vectors[row] = _unpacked(key, packed, vectors.shape[1])
            found[row] = True
            ids.append(passage_id)
    return ids


def insert_vectors(
    connection: sqlite3.Connection,
    keys: Sequence[bytes],
    vectors: Float2D,
    fingerprint: str,
    name: str,
    used_ms: int,
) -> None:
    """Write vectors whose keys are not stored yet, all in one transaction.

    Parameters
    ----------
    connection : an open file.
    keys : each once.
    vectors : float32 (n, dimension).
    fingerprint, name : the encoder.
    used_ms : unix time in milliseconds.
    """
    with transaction(connection):
        encoder = _encoder_id(connection, fingerprint, name)
        last = connection.execute("SELECT coalesce(max(id), 0) FROM passages").fetchone()[0]
        for passage_id, (key, vector) in enumerate(zip(keys, vectors, strict=True), last + 1):
            row = (passage_id, key, encoder, used_ms)
            # Another process may have written this passage since it was looked up.
            if connection.execute("INSERT OR IGNORE INTO passages VALUES (?, ?, ?, ?)", row).rowcount:
                connection.execute("INSERT INTO vectors VALUES (?, ?)", (passage_id, _packed(key, vector)))


def set_used(connection: sqlite3.Connection, ids: Sequence[int], used_ms: int) -> None:
    """Store when passages were used, unix time in milliseconds."""
    with transaction(connection):
        connection.executemany(
            "UPDATE passages SET used = ? WHERE id = ?", ((used_ms, passage_id) for passage_id in ids)
        )


def delete_oldest(connection: sqlite3.Connection, n_bytes: int, before_ms: int) -> int:
    """Delete about `n_bytes` of the passages used longest ago.

    Parameters
    ----------
    connection : an open file.
    n_bytes : bytes to free.
    before_ms : passages used since this unix time (milliseconds) stay.

    Returns
    -------
    Number of deleted passages.
    """
    n_passages = connection.execute("SELECT count(*) FROM passages").fetchone()[0]
    n_oldest = -(-n_bytes * n_passages // bytes_in_use(connection))
    oldest = "SELECT id FROM passages WHERE used < ? ORDER BY used, id LIMIT ?"
    with transaction(connection):
        ids = [passage_id for (passage_id,) in connection.execute(oldest, (before_ms, n_oldest))]
        _delete(connection, ids)
    return len(ids)


def stored_encoders(connection: sqlite3.Connection) -> list[CachedVectors]:
    """Return what a file holds of every encoder."""
    found = connection.execute(
        "SELECT fingerprint, name, count(*), max(used) / 1000.0 FROM passages JOIN encoders USING (encoder)"
        " GROUP BY encoder"
    )
    return [CachedVectors(*row) for row in found]


def delete_encoder(connection: sqlite3.Connection, fingerprint: str) -> None:
    """Delete the passages of one encoder, and shrink the file."""
    own = "SELECT id FROM passages JOIN encoders USING (encoder) WHERE fingerprint = ?"
    with transaction(connection):
        _delete(connection, [passage_id for (passage_id,) in connection.execute(own, (fingerprint,))])
    shrink(connection)


# Space -----------------------------------------------------------------------------------------------


def bytes_in_use(connection: sqlite3.Connection) -> int:
    """Return the bytes of a file that hold data."""
    free = _pragma(connection, "freelist_count") * _pragma(connection, "page_size")
    return file_bytes(connection) - free


def file_bytes(connection: sqlite3.Connection) -> int:
    """Return the size of a file, free pages included."""
    return _pragma(connection, "page_count") * _pragma(connection, "page_size")


def shrink(connection: sqlite3.Connection) -> None:
    """Return the free pages of a file to the disk."""
    connection.executescript("PRAGMA incremental_vacuum")  # `execute` would free one page


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _encoder_id(connection: sqlite3.Connection, fingerprint: str, name: str) -> int:
    """Return the number of an encoder in this file; a new encoder is added."""
    connection.execute(
        "INSERT OR IGNORE INTO encoders (fingerprint, name) VALUES (?, ?)", (fingerprint, name)
    )
    found = connection.execute("SELECT encoder FROM encoders WHERE fingerprint = ?", (fingerprint,))
    return int(found.fetchone()[0])


def _delete(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    for table in ("vectors", "passages"):
        connection.executemany(f"DELETE FROM {table} WHERE id = ?", ((passage_id,) for passage_id in ids))


def _packed(key: bytes, vector: Float1D) -> bytes:
    data = np.ascontiguousarray(vector, "<f4").tobytes()
    return data + zlib.crc32(data, zlib.crc32(key)).to_bytes(_CHECKSUM_BYTES, "little")


def _unpacked(key: bytes, packed: bytes, dimension: int) -> Float1D:
    data, checksum = packed[:-_CHECKSUM_BYTES], packed[-_CHECKSUM_BYTES:]
    is_complete = len(data) == 4 * dimension
    if not is_complete or zlib.crc32(data, zlib.crc32(key)) != int.from_bytes(checksum, "little"):
        raise DamageError("a stored vector does not match its checksum")
    return np.frombuffer(data, "<f4")
