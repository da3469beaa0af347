"""Embedded only: ownership of the folder; a kill, a full disk, an incomplete generation."""

from __future__ import annotations

import json
import shutil
import signal
from collections import namedtuple

import numpy as np
import pytest
import qdrant_edge as qe
from samples import DIM, VECTORS, build, ids, manifest, point, points, unit

from semrec.errors import StoreDamagedError, StoreError, StoreLockedError, WorkspaceError
from semrec.store import edge
from semrec.store.edge import EdgeStore
from semrec.store.edge_files import edge_errors
from semrec.store.owner import owner_of
from semrec.store.row_file import RowFile

HOLD = "index = store.open(1); print('open', flush=True); sys.stdin.read()"
BUILD = "index = store.create(VECTORS); print('open', flush=True); sys.stdin.read()"
WRITE = """
index = store.open(1)
for n in range(100, 100_000, 5):
    index.upsert([point(k, seed=n) for k in (1, *range(n, n + 5))])
    print(n, flush=True)
"""
FILL = """
import resource
number, index = store.create(VECTORS)
resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
try:
    for n in range(0, 100_000, 100):
        index.upsert([point(k) for k in range(n, n + 100)])
except StoreError as error:
    print(error, flush=True)
"""


@pytest.fixture
def store(tmp_path):
    return EdgeStore(tmp_path)


def test_a_second_process_gets_an_error_that_names_the_owner(store, child):
    build(store, points(3))
    other = child(HOLD)
    other.stdout.readline()
    with pytest.raises(StoreLockedError) as raised:
        store.open(1)
    message = str(raised.value)
    assert f"process {other.pid} (" in message
    assert "since 20" in message
    assert "close that process" in message
    assert "--qdrant URL" in message
    other.kill()
    other.wait()
    index = store.open(1)  # after any end of the owner the index is free
    assert index.count() == 3
    index.close()


def test_opening_twice_in_one_process_is_refused_too(store):
    build(store, points(3))
    index = store.open(1)
    with pytest.raises(StoreLockedError, match="is in use by another recommender of this process"):
        store.open(1)
    index.close()
    store.open(1).close()


def test_the_lock_of_the_engine_is_the_same_error(tmp_path):
    with pytest.raises(StoreLockedError, match="in use by another process"), edge_errors(tmp_path):
        raise Exception("Service runtime error: Can't init WAL: Os { kind: WouldBlock }")


def test_all_acknowledged_points_survive_a_kill(store, child):
    build(store, points(30))
    writer = child(WRITE)
    acknowledged = 0
    while acknowledged < 400:
        acknowledged = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    rest = [line for line in writer.stdout if line.endswith("\n")]  # a killed write may leave half a line
    acknowledged = int(rest[-1]) if rest else acknowledged
    index = store.open(1)
    new = range(100, acknowledged + 5)
    assert index.contains(ids(*range(30), *new)).all()
    expected = unit(np.array([point(k, seed=k - k % 5).vectors["text"] for k in new]))
    np.testing.assert_allclose(index.vectors("text", ids(*new)), expected, atol=1e-6)
    # Item 1 is in every write, maybe in one that was not acknowledged: record and vector must agree.
    seed = int(index.records(ids(1))[0].content_hash.rsplit("-", 1)[1])
    assert seed in (acknowledged, acknowledged + 5)
    expected = unit(point(1, seed).vectors["text"])
    np.testing.assert_allclose(index.vectors("text", ids(1))[0], expected, atol=1e-6)
    index.close()


def test_vectors_without_rows_come_from_the_shard(store):
    number, index = store.create(VECTORS)
    index.upsert(points(5))
    store.complete(number, index, manifest(5))
    rows = RowFile(index.folder / "text", DIM)
    rows.delete(ids(2))  # as after a kill between the writes to shard and rows
    rows.close()
    index = store.open(number)
    expected = unit(np.array([point(n).vectors["text"] for n in range(5)]))
    np.testing.assert_allclose(index.vectors("text", ids(*range(5))), expected, atol=1e-6)
    index.close()


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        *(("text.f32", damage) for damage in ("delete", "empty", "half")),
        *(("text.entries", damage) for damage in ("delete", "empty", "half", "garbage")),
    ],
)
def test_a_damaged_file_of_rows_is_written_again(store, file, damage, caplog):
    number = build(store, points(20))
    index = store.open(number)
    index.upsert([point(3, seed=9), point(25)])
    index.delete(ids(4))
    asked = ids(3, 25, 7)
    expected = index.vectors("text", asked)
    index.close()
    path = index.folder / file
    data = path.read_bytes()
    path.unlink()
    if damage != "delete":
        new = {"empty": b"", "half": data[: len(data) // 2], "garbage": b"\x5a" * len(data)}
        path.write_bytes(new[damage])
    index = store.open(number)
    np.testing.assert_allclose(index.vectors("text", asked), expected, atol=1e-6)
    index.close()
    assert "missing rows of 'text' again" in caplog.text
    rows = RowFile(index.folder / "text", DIM)
    assert len(rows) == 20
    np.testing.assert_allclose(rows.read(asked)[1], expected, atol=1e-6)
    rows.close()


def test_dead_builds_are_removed_and_live_ones_left_alone(store, child, tmp_path):
    build(store, points(3))
    dead = child(BUILD)
    dead.stdout.readline()
    dead.kill()
    dead.wait()
    alive = child(BUILD)
    alive.stdout.readline()
    folders = tmp_path / "generations"
    assert not (folders / "2").exists()  # the second build removed the dead one
    number, index = store.create(VECTORS)
    assert number == 4
    assert (folders / "3").exists()
    assert store.generations() == [1]
    assert store.current() == 1
    with pytest.raises(StoreLockedError):
        store.drop(3)
    index.close()


def test_dead_builds_are_removed_before_the_space_is_checked(store, child, tmp_path, monkeypatch):
    build(store, points(3))
    dead = child(BUILD)
    dead.stdout.readline()
    assert store.incomplete() == {2: owner_of(tmp_path / "generations" / "2")}
    assert f"process {dead.pid} (" in store.incomplete()[2]
    dead.kill()
    dead.wait()
    assert store.incomplete() == {2: None}
    assert store.size(2) > 0
    left = tmp_path / "generations" / "2"
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: usage(2**40, 2**40, 2**20 if left.exists() else 2**39)
    )
    number, index = store.create(VECTORS)
    assert (number, left.exists()) == (3, False)
    assert list(store.incomplete()) == [3]
    index.close()
    store.remove_dead()
    assert store.incomplete() == {}
    assert store.generations() == [1]


def test_a_full_disk_stops_the_build_and_the_previous_index_answers(store, child):
    build(store, points(3))
    said, _ = child(FILL).communicate()
    assert "is full" in said
    assert "The previous index still answers" in said
    assert said.count("\n") == 1
    assert store.current() == 1
    index = store.open(1)
    assert index.count() == 3
    index.close()


def test_writing_stops_before_the_disk_is_full(store, monkeypatch):
    _, index = store.create(VECTORS)
    usage = namedtuple("usage", "total used free")(2**40, 2**40, 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StoreError, match=r"is full \(1 MiB are left"):
        index.upsert(points(3))
    with pytest.raises(StoreError, match="is full"):
        store.create(VECTORS)
    assert index.count() == 0
    index.close()


def test_a_failed_optimize_leaves_no_complete_generation(store, monkeypatch):
    number, index = store.create(VECTORS)
    index.upsert(points(3))
    monkeypatch.setattr(edge.edge_optimize, "__file__", "/nowhere/edge_optimize.py")
    with pytest.raises(StoreError, match="building the search structures failed"):
        store.complete(number, index, manifest(3))
    assert store.generations() == []


def test_the_layout_on_the_disk(store, tmp_path):
    build(store, points(3))
    assert (tmp_path / "current").read_text() == "1 83dcefb7\n"
    folder = tmp_path / "generations" / "1"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("edge", "manifest.json", "owner.json"),
        *("text.f32", "text.entries", "collaborative.f32", "collaborative.entries"),
    }
    assert json.loads((folder / "manifest.json").read_text())["encoder"] == "toy"
    assert (folder / "owner.json").read_text() == ""


def test_current_is_missing_or_empty_before_the_first_build(store, tmp_path):
    assert store.current() is None
    store.create(VECTORS)[1].close()
    assert store.current() is None
    assert (tmp_path / "current").read_text().startswith("0 ")


@pytest.mark.parametrize("text", [None, "", "7\n", "one", "1 00000000\n", b"\xff\xfe"])
def test_a_damaged_current_file_is_an_error_with_commands_that_help(store, tmp_path, text):
    def damage():
        if text is None:
            (tmp_path / "current").unlink()
        else:
            (tmp_path / "current").write_bytes(text if isinstance(text, bytes) else text.encode())

    rebuild = f"`semrec index CATALOG --rebuild --workspace {tmp_path}`"
    if text is not None:
        damage()
        with pytest.raises(WorkspaceError, match=rf"current.*: {rebuild}$"):
            store.current()
    build(store, points(2))
    build(store, points(3))
    damage()
    rollback = f"`semrec rollback 2 --workspace {tmp_path}`"
    with pytest.raises(WorkspaceError, match=rf"current.*: {rollback}, or {rebuild}$"):
        store.current()
    assert store.named() is None


def test_any_flipped_bit_of_current_is_an_error(store, tmp_path):
    for n_items in (1, 2, 3):
        build(store, points(n_items))
    data = (tmp_path / "current").read_bytes()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / "current").write_bytes(damaged)
        with pytest.raises(WorkspaceError, match="semrec rollback 3"):
            store.current()


def test_the_current_file_of_an_older_version_is_read(store, tmp_path):
    build(store, points(2))
    (tmp_path / "current").write_text("1\n")
    assert store.current() == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"version": 1}', "damaged"),
        ('{"version": 99}', r"written by a newer semrec \(unknown version\)"),
        ('{"version": 99, "semrec": "7.1"}', r"written by a newer semrec \(7.1\); .*update semrec"),
    ],
)
def test_a_damaged_manifest_is_an_error(store, tmp_path, text, reason):
    folder = tmp_path / "generations" / "1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match=reason):
        store.open(1)


def engine_files(folder):
    """Return one file of each part of the engine."""
    names = ("edge_config.json", "segments/*/segment.json", "segments/*/payload_index/config.json")
    return [next((folder / "edge").glob(name)) for name in (*names, "wal/first-index")]


@pytest.mark.parametrize("place", range(4))
def test_a_damaged_file_of_the_engine_is_an_error_with_commands_that_help(store, tmp_path, place):
    build(store, points(2))
    build(store, points(3))
    engine_files(tmp_path / "generations" / "2")[place].write_bytes(b"\x5a" * 9)
    with pytest.raises(StoreDamagedError, match=r"generation 2 in .* is damaged: .*`semrec rollback 1 "):
        store.open(2)
    build(store, points(4))
    assert store.current() == 3


def test_an_item_that_only_the_rows_have_is_damage(store):
    build(store, points(3))
    index = store.open(1)
    index._shard.update(qe.UpdateOperation.delete_points(ids(1).tolist()))
    with pytest.raises(StoreDamagedError, match="items that have vectors are missing; `semrec index"):
        index.records(ids(0, 1))
    index.close()


def test_a_generation_without_points_is_an_error(store, tmp_path):
    build(store, points(2))
    shutil.rmtree(tmp_path / "generations" / "1" / "edge" / "segments")
    for opening in (store.open, store.borrow):
        with pytest.raises(StoreDamagedError, match="is damaged: its points are missing; `semrec index"):
            opening(1)
    build(store, points(3))
    assert store.current() == 2


def test_a_folder_that_cannot_be_written_is_a_clear_error(store, tmp_path):
    build(store, points(3))
    folder = tmp_path / "generations" / "1"
    (folder / "owner.json").unlink()
    (folder / "owner.json").mkdir()  # opening it for writing fails, also for root
    with pytest.raises(StoreError, match=r"generations/1 cannot be written: .*copy the workspace to one"):
        store.open(1)


def test_a_generation_of_the_version_before_is_brought_up_to_date(store, tmp_path):
    build(store, points(5))
    folder = tmp_path / "generations" / "1"
    manifest_file = folder / "manifest.json"
    values = json.loads(manifest_file.read_text())
    del values["digest"], values["semrec"]
    manifest_file.write_text(json.dumps({**values, "version": 2}))
    for name in ("text", "collaborative"):
        (folder / f"{name}.entries").rename(folder / f"{name}.keys")
    index = store.open(1)
    expected = unit(np.array([point(n).vectors["text"] for n in range(5)]))
    np.testing.assert_allclose(index.vectors("text", ids(*range(5))), expected, atol=1e-6)
    index.close()
    assert json.loads(manifest_file.read_text())["version"] == 3
    assert store.manifest(1).n_items == 5
    assert not list(folder.glob("*.keys"))
