"""Vectors of one field as memory-mapped rows, for fast exact reads.

Edge returns vectors as Python lists, which is slow for the hundreds that exact scores need. So each
generation also keeps them in two files that only grow: `<vector>.f32`, rows of float32, and
`<vector>.entries`, entries (key, row, checksum of the row, checksum of the entry); row -1 means that the key
was deleted. The last entry of a key is valid. The first entry is the header: its row is their number.

Rows are written first, then their entries, then the header; entries beyond its number do not count. So a
process may die at any point. Where an entry is damaged, or a file is shorter than the header says, the whole
file counts as empty: the vectors are in the shard, too.

In memory the entries are sorted runs, each more than twice as long as the next. So finding a key searches a
few arrays, writing n items in small batches sorts each of them log n times, and an entry takes 16 bytes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semrec.store.checksums import checksums
from semrec.types import Float2D, Keys

_ENTRY = np.dtype([("key", "<u8"), ("row", "<i8"), ("of_row", "<u4"), ("of_entry", "<u4")])
_GONE = -1
_HEADER_KEY = 0x73656D7265630002
"""Key of the header, with the version of the format."""
_CHECKED_ROWS = 10_000
"""Rows whose checksums are computed together."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Entries by rising key, each key once."""

    keys: Keys
    positions: NDArray[np.int64]


class RowFile:
    """Rows by key, for one process at a time: the owner of the folder.

    Parameters
    ----------
    path : without suffix; the files are created if they do not exist.
    dimension : floats in one row.

    Attributes
    ----------
    is_damaged : the files were damaged when they were opened, and count as empty since then.
    """

    def __init__(self, path: Path, dimension: int) -> None:
        self._dimension = dimension
        self._row_bytes = 4 * dimension
        self._rows_path = path.with_name(path.name + ".f32")
        self._rows_fd = _open(self._rows_path)
        self._entries_fd = _open(path.with_name(path.name + ".entries"))
        entries = _read_entries(self._entries_fd, os.fstat(self._rows_fd).st_size // self._row_bytes)
        self.is_damaged = entries is None
        entries = np.empty(0, _ENTRY) if entries is None else entries
        self._n_entries = len(entries)
        self._n_rows = int(entries["row"].max(initial=-1)) + 1
        self._runs = [_sorted_run(entries["key"], entries["row"])]
        self._matrix = self._map()

    def __len__(self) -> int:
        """Return the number of keys that are there."""
        return len(self.keys())

    def append(self, keys: Keys, rows: Float2D) -> None:
        """Write one row for each key; it replaces an earlier row of the key.

        Parameters
        ----------
        keys : uint64 (n,); of equal keys the last one is valid.
        rows : float32 (n, dimension).
        """
        if rows.shape != (len(keys), self._dimension):
            raise ValueError(f"rows of shape {rows.shape} for {len(keys)} keys of {self._dimension} floats")
        if not len(keys):
            return
        data = np.ascontiguousarray(rows, dtype="<f4")
        _write_at(self._rows_fd, data.tobytes(), self._n_rows * self._row_bytes)
        positions = np.arange(self._n_rows, self._n_rows + len(keys), dtype=np.int64)
        self._enter(keys, positions, checksums(data))
        self._n_rows += len(keys)

    def delete(self, keys: Keys) -> None:
        """Delete these keys; unknown ones are ignored."""
        known = np.unique(keys[self._find(keys)[0]])
        if len(known):
            self._enter(known, np.full(len(known), _GONE, dtype=np.int64), np.zeros(len(known), np.uint32))

    def read(self, keys: Keys) -> tuple[np.ndarray, Float2D]:
        """Return which keys are there, bool (n,), and their rows, float32 (n, dimension), else zeros."""
        found, positions = self._find(keys)
        if self._n_rows > len(self._matrix):
            self._matrix = self._map()
        if found.all():
            return found, self._matrix[positions]
        rows = np.zeros((len(keys), self._dimension), dtype=np.float32)
        rows[found] = self._matrix[positions[found]]
        return found, rows

    def keys(self) -> Keys:
        """Return all keys that are there, uint64 (n,), ascending."""
        known = np.unique(np.concatenate([run.keys for run in self._runs]))
        return known[self.contains(known)]

    def contains(self, keys: Keys) -> np.ndarray:
        """Return which keys are there, bool (n,)."""
        return self._find(keys)[0]

    def damaged(self) -> Keys:
        """Return the keys whose rows do not match their checksums, uint64 (n,); every row is read."""
        entries = _read_entries(self._entries_fd, self._n_rows)
        if entries is None:
            return self.keys()
        entries = entries[entries["row"] != _GONE]
        wrong = [np.empty(0, np.uint64)]
        for start in range(0, len(entries), _CHECKED_ROWS):
            some = entries[start : start + _CHECKED_ROWS]
            is_valid = self._find(some["key"])[1] == some["row"]  # the others were replaced or deleted
            some = some[is_valid]
            wrong.append(some["key"][checksums(self.read(some["key"])[1]) != some["of_row"]])
        return np.unique(np.concatenate(wrong))

    def sync(self) -> None:
        """Wait until the rows and their entries are on the disk."""
        os.fsync(self._rows_fd)
        os.fsync(self._entries_fd)

    def close(self) -> None:
        """Release the files."""
        self._matrix = np.empty((0, self._dimension), dtype=np.float32)
        os.close(self._rows_fd)
        os.close(self._entries_fd)

    def _enter(self, keys: Keys, positions: NDArray[np.int64], of_rows: NDArray[np.uint32]) -> None:
        entries = _sealed(keys, positions, of_rows)
        _write_at(self._entries_fd, entries.tobytes(), (1 + self._n_entries) * _ENTRY.itemsize)
        self._n_entries += len(entries)
        _write_at(self._entries_fd, _header(self._n_entries).tobytes(), 0)
        self._runs.append(_sorted_run(keys, positions))
        while len(self._runs) > 1 and len(self._runs[-2].keys) <= 2 * len(self._runs[-1].keys):
            newer, older = self._runs.pop(), self._runs.pop()
            self._runs.append(
                _sorted_run(
                    np.concatenate([older.keys, newer.keys]),
                    np.concatenate([older.positions, newer.positions]),
                )
            )

    def _find(self, keys: Keys) -> tuple[np.ndarray, NDArray[np.int64]]:
        """Return which keys are there, and their rows (anything where not)."""
        positions = np.full(len(keys), _GONE, dtype=np.int64)
        for run in self._runs:  # oldest first: newer entries replace older ones
            if len(run.keys):
                places = np.minimum(np.searchsorted(run.keys, keys), len(run.keys) - 1)
                positions = np.where(run.keys[places] == keys, run.positions[places], positions)
        return positions != _GONE, positions

    def _map(self) -> Float2D:
        if not self._n_rows:
            return np.empty((0, self._dimension), dtype=np.float32)
        shape = (self._n_rows, self._dimension)
        # A plain view: indexing the memmap class itself with an array costs more than copying the rows.
        return np.memmap(self._rows_path, dtype="<f4", mode="r", shape=shape).view(np.ndarray)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _read_entries(descriptor: int, n_rows: int) -> np.ndarray | None:
    """Return the entries that the header counts, none for an empty file; None if one of them is damaged."""
    size = os.fstat(descriptor).st_size
    if not size:
        return np.empty(0, _ENTRY)
    entries = np.frombuffer(_read(descriptor, size // _ENTRY.itemsize * _ENTRY.itemsize), dtype=_ENTRY)
    n_entries = int(entries["row"][:1].sum())
    if n_entries >= len(entries) or entries[0] != _header(n_entries)[0]:
        return None
    entries = entries[1 : 1 + n_entries]
    are_whole = entries["of_entry"] == _entry_checksums(entries)
    return entries if are_whole.all() and entries["row"].max(initial=_GONE) < n_rows else None


def _sealed(keys: Keys, positions: NDArray[np.int64], of_rows: NDArray[np.uint32]) -> np.ndarray:
    """Return entries with their checksums."""
    entries = np.empty(len(keys), dtype=_ENTRY)
    entries["key"], entries["row"], entries["of_row"] = keys, positions, of_rows
    entries["of_entry"] = _entry_checksums(entries)
    return entries


def _entry_checksums(entries: np.ndarray) -> NDArray[np.uint32]:
    words = np.ascontiguousarray(entries).view("<u4").reshape(len(entries), _ENTRY.itemsize // 4)
    return checksums(words[:, :-1])


def _header(n_entries: int) -> np.ndarray:
    """Return the header of a file with this number of entries."""
    return _sealed(np.array([_HEADER_KEY], np.uint64), np.array([n_entries]), np.zeros(1, np.uint32))


def _read(descriptor: int, n_bytes: int) -> bytes:
    chunks, offset = [], 0
    while offset < n_bytes and (chunk := os.pread(descriptor, n_bytes - offset, offset)):
        chunks.append(chunk)
        offset += len(chunk)
    return b"".join(chunks)


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _sorted_run(keys: NDArray[np.uint64], positions: NDArray[np.int64]) -> _Run:
    """Return the last entry of every key, keys ascending."""
    order = np.argsort(keys, kind="stable")  # merges two sorted runs in linear time
    keys, positions = keys[order], positions[order]
    holds = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
    return _Run(keys[holds].astype(np.uint64), positions[holds].astype(np.int64))
