"""The passage cache: stored vectors are returned unchanged, and no error of the cache is raised."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from functools import partial

import numpy as np
import pytest

from semrec.encoder.cache_file import connect, files
from semrec.encoder.passage_cache import PassageCache

DIMENSION = 128


def key(number):
    return number.to_bytes(16, "little")


def random_rows(numbers):
    """Return vectors that are computed from their numbers."""
    return np.stack([np.random.default_rng(n).standard_normal(DIMENSION).astype(np.float32) for n in numbers])


def put(cache, numbers, fingerprint="f", name="toy"):
    cache.put([key(n) for n in numbers], random_rows(numbers), fingerprint, name)


def there(cache, numbers):
    """Return which vectors are stored, after checking that they are unchanged bit by bit."""
    found, vectors = cache.get([key(n) for n in numbers], DIMENSION)
    assert vectors.dtype == np.float32
    for number, is_there, vector in zip(numbers, found, vectors, strict=True):
        expected = random_rows([number])[0] if is_there else np.zeros(DIMENSION, np.float32)
        assert vector.tobytes() == expected.tobytes()
    return [number for number, is_there in zip(numbers, found, strict=True) if is_there]


@pytest.fixture
def opened(tmp_path):
    """Return a function that opens the cache of this test; all are closed at the end."""
    caches = []

    def open_one(max_mb=64, folder=tmp_path / "cache", **options):
        time.sleep(0.002)  # two runs must start in different milliseconds
        caches.append(PassageCache(folder, max_mb, **options))
        return caches[-1]

    yield open_one
    for cache in caches:
        cache.close()


# -- stored vectors --------------------------------------------------------------------------------


def test_vectors_are_stored_for_the_next_run(opened):
    first = opened()
    assert there(first, range(5)) == []
    put(first, [1, 3])
    assert there(first, [3, 0, 1, 3]) == [3, 1, 3]
    first.close()
    assert there(opened(), range(5)) == [1, 3]
    assert first.notes == []


def test_vectors_are_stored_bit_by_bit(opened):
    odd = np.array([[np.nan, -0.0, np.inf, 1e-45]], np.float32)
    cache = opened()
    cache.put([key(1)], odd, "f", "toy")
    found, vectors = cache.get([key(1)], 4)
    assert found.tolist() == [True]
    assert vectors.tobytes() == odd.tobytes()


def test_more_passages_than_one_query_holds(opened):
    cache = opened(batch_passages=7)
    put(cache, range(0, 40, 2))
    assert there(cache, range(40)) == list(range(0, 40, 2))
    assert cache.get([], DIMENSION)[1].shape == (0, DIMENSION)


def test_a_cache_of_0_mb_creates_no_file(opened, tmp_path):
    cache = opened(max_mb=0)
    put(cache, [1])
    assert there(cache, [1]) == []
    cache.close()
    assert not (tmp_path / "cache").exists()
    assert cache.notes == []


def test_the_passages_used_longest_ago_are_deleted_first(opened):
    old = opened(max_mb=1)
    put(old, range(600))
    old.close()
    newer = opened(max_mb=1)
    put(newer, range(600, 1200))
    newer.close()
    reading = opened(max_mb=1)
    assert len(there(reading, range(600))) == 600  # used again: now the oldest are the newer ones
    reading.close()
    writing = opened(max_mb=1)
    put(writing, range(2000, 2700))
    left = there(writing, range(1200))
    assert set(range(600)) <= set(left)
    assert 0 < len(left) < 1200
    assert len(there(writing, range(2000, 2700))) == 700
    assert writing.notes == []
    writing.close()
    (file,) = files(writing.path.parent)
    assert file.stat().st_size < 1.2e6


def test_a_full_cache_frees_a_tenth_more_than_it_needs(opened):
    old = opened(max_mb=1)
    for first in range(0, 3000, 100):
        put(old, range(first, first + 100))
    n_full = len(there(old, range(3000)))
    old.close()
    new = opened(max_mb=1)
    put(new, range(5000, 5000 + n_full // 4))
    n_left = len(there(new, range(n_full)))
    assert 0.55 * n_full < n_left < 0.7 * n_full, "a quarter for the new ones, and a tenth"


def test_a_run_does_not_delete_what_it_used_itself(opened):
    cache = opened(max_mb=1)
    for first in range(0, 6000, 500):
        put(cache, range(first, first + 500))
    kept = there(cache, range(6000))
    assert kept == list(range(len(kept)))
    assert len(kept) >= 1000
    assert len(cache.notes) == 1
    assert "(1 MB) is full of passages of this run" in cache.notes[0]


def test_a_smaller_limit_shrinks_the_file(opened, tmp_path):
    cache = opened(max_mb=8)
    put(cache, range(8000))
    cache.close()
    (file,) = files(tmp_path / "cache")
    assert file.stat().st_size > 3e6
    lower = opened(max_mb=1)
    put(lower, range(9000, 9100))
    lower.close()
    assert file.stat().st_size <= 1e6


def test_reading_writes_nothing(opened, tmp_path):
    cache = opened()
    put(cache, range(100))
    cache.close()
    reading = opened()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("*.db*")}
    there(reading, range(100))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("*.db*")} == before


# -- concurrency and kills -------------------------------------------------------------------------


def write_many(folder, first):
    cache = PassageCache(folder, 64)
    for start in range(first, first + 1000, 50):
        put(cache, range(start, start + 50))
        assert len(there(cache, range(first, start + 50))) == start + 50 - first
    cache.close()
    assert cache.notes == []


def test_two_processes_write_at_once(opened, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_many, args=(tmp_path / "cache", first)) for first in (0, 500)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert there(opened(), range(2000)) == list(range(1500))
    assert len(files(tmp_path / "cache")) == 1


def test_a_killed_process_leaves_complete_batches(opened, tmp_path):
    script = textwrap.dedent(f"""
        import sys, pathlib
        sys.path[:0] = {[os.path.dirname(__file__), *sys.path]!r}
        from test_passage_cache import PassageCache, put
        cache = PassageCache(pathlib.Path({str(tmp_path / "cache")!r}), 64)
        for start in range(0, 10**6, 20):
            put(cache, range(start, start + 20))
            print(start + 20, flush=True)
    """)
    for kill_after in (1, 7):
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(kill_after):
            n_written = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        cache = opened()
        found = there(cache, range(10_000))
        assert len(found) >= n_written
        assert found == list(range(len(found)))
        assert len(found) % 20 == 0
        assert cache.notes == []
        cache.close()


# -- errors ----------------------------------------------------------------------------------------


def filled(opened):
    cache = opened()
    put(cache, range(200))
    cache.close()
    return files(cache.path.parent)[0]


def test_a_file_that_is_not_a_database_is_replaced(opened):
    path = filled(opened)
    path.write_bytes(b"no database at all" * 1000)
    cache = opened()
    assert there(cache, range(200)) == []
    put(cache, [1])
    assert there(cache, [1]) == [1]
    assert "is damaged" in cache.notes[0]
    assert not path.exists()


@pytest.mark.parametrize("place", ["in a vector", "in a page", "at the end"])
def test_a_damaged_file_returns_no_wrong_vector(opened, place):
    path = filled(opened)
    content = bytearray(path.read_bytes())
    if place == "in a vector":
        found = content.index(random_rows([7])[0].tobytes())
        content[found + 100] ^= 1
    elif place == "in a page":
        content[8192 * 3 :] = os.urandom(len(content) - 8192 * 3)
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    damaged = opened()
    assert 7 not in there(damaged, range(200))
    put(damaged, [300])
    damaged.close()
    assert len(damaged.notes) == 1
    assert "is damaged" in damaged.notes[0]
    assert not path.exists()
    fresh = opened()
    put(fresh, range(200))
    assert len(there(fresh, range(200))) == 200
    assert fresh.notes == []


def test_a_file_of_another_version_is_kept(opened):
    path = filled(opened)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    cache = opened()
    assert there(cache, range(200)) == []
    put(cache, [1])
    assert "has another version (99, not 1)" in cache.notes[0]
    cache.close()
    again = opened()
    assert there(again, [1]) == [1]
    assert again.notes == []  # once is enough
    assert path.exists()


def test_a_folder_that_cannot_be_written_is_a_note(opened, tmp_path):
    (tmp_path / "file").write_text("")
    cache = opened(folder=tmp_path / "file" / "cache")
    put(cache, [1])
    assert there(cache, [1]) == []
    assert cache.notes[0].startswith(f"no passage cache in {tmp_path / 'file' / 'cache'}: ")


def test_a_full_disk_stops_writing_but_not_reading(opened):
    filled(opened)

    def connect_on_full_disk(path):
        connection = connect(path)
        n_pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {n_pages}")
        return connection

    cache = opened(connect=connect_on_full_disk)
    put(cache, range(1000, 2000))
    put(cache, range(2000, 3000))
    assert there(cache, range(3000)) == list(range(200))
    cache.close()
    (note,) = cache.notes
    assert note.startswith("the passage cache cannot be written: database or disk is full. Encoding goes on")


def test_the_wait_for_another_writer_is_limited(opened):
    path = filled(opened)
    other = connect(path)
    other.execute("BEGIN IMMEDIATE")
    cache = opened(connect=partial(connect, wait_s=0.1))
    put(cache, [500])
    assert there(cache, [1, 500]) == [1]
    cache.close()
    other.close()
    assert "database is locked" in cache.notes[0]
