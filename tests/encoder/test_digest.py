"""Hashes of files: an unchanged file is read once."""

from __future__ import annotations

import hashlib
import os

import pytest

from semrec.encoder.digest import sha256_of


def test_a_changed_file_has_another_hash(tmp_path):
    file = tmp_path / "weights"
    for content in (b"one", b"three"):
        file.write_bytes(content)
        assert sha256_of(file) == hashlib.sha256(content).hexdigest()


def test_a_file_with_the_same_size_and_time_is_not_read_again(tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    before, stat = sha256_of(file), file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert sha256_of(file) == before


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        sha256_of(tmp_path / "none")
