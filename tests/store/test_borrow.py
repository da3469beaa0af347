"""Reading a generation while another process owns it, writes to it and searches it."""

from __future__ import annotations

import numpy as np
import pytest
from samples import VECTORS, build, ids, point, points, unit

from semrec.errors import StoreError
from semrec.store import Search, edge
from semrec.store.copying import allocated_bytes, copy_folder
from semrec.store.edge import EdgeStore

# Batches are deleted and written again, so that a copy in the middle of a write would show.
BUSY = """
import threading
index = store.open(1)
def ask():
    while True:
        index.search([Search('text', np.ones(DIM, np.float32), 10)])
for _ in range(2):
    threading.Thread(target=ask, daemon=True).start()
for n in range(100, 1_000_000, 20):
    index.upsert([point(k, seed=n) for k in (1, *range(n, n + 20))])
    index.delete(ids(n))
    print(n, flush=True)
"""


@pytest.fixture
def store(tmp_path):
    return EdgeStore(tmp_path)


@pytest.fixture
def copies(tmp_path):
    return lambda: list((tmp_path / "generations").glob(".borrowed-*"))


def test_every_acknowledged_point_is_in_a_copy_taken_while_the_owner_writes_and_asks(store, child, copies):
    build(store, points(30))
    owner = child(BUSY)
    for _ in range(5):
        acknowledged = int(owner.stdout.readline())
        with_copy = store.borrow(1)
        assert with_copy.borrowed
        numbers = [n for n in range(100, acknowledged + 20) if n % 20]
        assert with_copy.contains(ids(*range(30), *numbers)).all()
        assert not with_copy.contains(ids(*range(100, acknowledged + 1, 20))).any()
        expected = unit(np.array([point(n, seed=n - n % 20).vectors["text"] for n in numbers]))
        np.testing.assert_allclose(with_copy.vectors("text", ids(*numbers)), expected, atol=1e-6)
        # Row files and shard agree on the last write, and no item is there twice.
        record = with_copy.records(ids(1))[0]
        seed = int(record.content_hash.rsplit("-", 1)[1])
        assert seed >= acknowledged
        np.testing.assert_allclose(
            with_copy.vectors("text", ids(1))[0], unit(point(1, seed).vectors["text"]), atol=1e-6
        )
        keys = with_copy.sample(10**9)
        assert with_copy.count() == len(keys) == sum(len(page) for page in with_copy.scan())
        hits = with_copy.search(
            [Search("text", point(numbers[-1], numbers[-1] - numbers[-1] % 20).vectors["text"], 1)]
        )
        assert hits[0].keys.tolist() == ids(numbers[-1]).tolist()
        with_copy.close()
        assert copies() == []
    assert owner.poll() is None  # it still runs


def test_a_free_generation_is_read_without_a_copy(store, copies):
    build(store, points(3))
    index = store.borrow(1)
    assert not index.borrowed
    assert copies() == []
    assert store.owner(1).startswith("process ")
    index.close()
    assert store.owner(1) is None


def test_a_copy_is_read_only(store, child):
    build(store, points(3))
    child("index = store.open(1); print(1, flush=True); sys.stdin.read()").stdout.readline()
    copy = store.borrow(1)
    with pytest.raises(StoreError, match="copy that can only be read"):
        copy.upsert(points(1))
    with pytest.raises(StoreError, match="copy that can only be read"):
        copy.delete(ids(1))
    assert [len(page) for page in copy.scan()] == [3]
    copy.close()


def test_copies_of_dead_borrowers_are_removed(store, child, copies):
    build(store, points(3))
    mine = store.open(1)
    borrower = child("index = store.borrow(1); print(1, flush=True); sys.stdin.read()")
    borrower.stdout.readline()
    second = store.borrow(1)
    assert len(copies()) == 2  # a live one is left alone
    second.close()
    borrower.kill()
    borrower.wait()
    assert len(copies()) == 1
    _, index = store.create(VECTORS)
    assert copies() == []
    index.close()
    mine.close()


def test_a_copy_that_does_not_fit_on_the_disk_is_refused(store, monkeypatch, copies):
    build(store, points(3))
    mine = store.open(1)
    monkeypatch.setattr(edge, "allocated_bytes", lambda folder: 2**60)
    with pytest.raises(StoreError, match="is full"):
        store.borrow(1)
    assert copies() == []
    mine.close()


def test_holes_are_copied_as_holes(tmp_path):
    (tmp_path / "from" / "below").mkdir(parents=True)
    (tmp_path / "to").mkdir()
    with (tmp_path / "from" / "below" / "file").open("wb") as file:
        file.seek(50 * 2**20)
        file.write(b"middle")
        file.truncate(100 * 2**20)
    (tmp_path / "from" / "empty").touch()
    copy_folder(tmp_path / "from", tmp_path / "to")
    copy = tmp_path / "to" / "below" / "file"
    assert copy.read_bytes() == (tmp_path / "from" / "below" / "file").read_bytes()
    assert (tmp_path / "to" / "empty").read_bytes() == b""
    assert allocated_bytes(tmp_path / "to") < 2**20
