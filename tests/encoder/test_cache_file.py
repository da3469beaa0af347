"""The SQLite file of the passage cache."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from semrec.encoder.cache_file import (
    VERSION,
    DamageError,
    bytes_in_use,
    connect,
    delete_encoder,
    delete_oldest,
    file_bytes,
    files,
    insert_vectors,
    is_damage,
    new_file,
    read_vectors,
    remove,
    set_used,
    stored_encoders,
    version_of,
)


def keys_of(numbers):
    return [number.to_bytes(16, "little") for number in numbers]


def vectors_of(numbers):
    return np.array([[number, number + 1] for number in numbers], np.float32)


@pytest.fixture
def connection(tmp_path):
    with closing(connect(new_file(tmp_path))) as opened:
        yield opened


def insert(connection, numbers, encoder="f", used_ms=0):
    insert_vectors(connection, keys_of(numbers), vectors_of(numbers), encoder, f"name of {encoder}", used_ms)


def stored(connection, numbers):
    found, vectors = np.zeros(len(numbers), bool), np.zeros((len(numbers), 2), np.float32)
    read_vectors(connection, keys_of(numbers), found, vectors)
    for number, is_stored, vector in zip(numbers, found, vectors, strict=True):
        assert vector.tolist() == ([number, number + 1] if is_stored else [0, 0])
    return [number for number, is_stored in zip(numbers, found, strict=True) if is_stored]


def test_a_new_file_has_this_version_and_is_the_newest(tmp_path):
    (tmp_path / "passages-000000000000001.db").write_bytes(b"")
    path = new_file(tmp_path)
    assert version_of(path) == VERSION
    assert files(tmp_path)[0] == path
    remove(path)
    assert [file.name for file in files(tmp_path)] == ["passages-000000000000001.db"]


def test_only_new_keys_are_inserted(connection):
    insert(connection, [1, 2])
    insert(connection, [2, 3])
    assert stored(connection, range(5)) == [1, 2, 3]
    assert [one.n_passages for one in stored_encoders(connection)] == [3]


def test_a_changed_vector_is_damage(connection):
    insert(connection, [1])
    connection.execute("UPDATE vectors SET vector = zeroblob(12)")
    with pytest.raises(DamageError) as raised:
        stored(connection, [1])
    assert is_damage(raised.value)


def test_a_locked_file_is_not_damage(tmp_path):
    path = new_file(tmp_path)
    with closing(connect(path)) as one, closing(connect(path, wait_s=0)) as other:
        one.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as raised:
            other.execute("BEGIN IMMEDIATE")
    assert not is_damage(raised.value)


def test_the_passages_used_longest_ago_are_deleted(connection):
    insert(connection, range(4), used_ms=1)
    set_used(connection, [1, 2], used_ms=5)  # the ids of keys 0 and 1
    assert delete_oldest(connection, n_bytes=10**9, before_ms=5) == 2
    assert stored(connection, range(4)) == [0, 1]


def test_deleting_an_encoder_shrinks_the_file(connection):
    insert(connection, range(500), "large")
    insert(connection, range(500, 502), "small")
    before = file_bytes(connection)
    delete_encoder(connection, "large")
    assert file_bytes(connection) < before
    assert bytes_in_use(connection) <= file_bytes(connection)
    assert [(one.fingerprint, one.name) for one in stored_encoders(connection)] == [
        ("small", "name of small")
    ]
