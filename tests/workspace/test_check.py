"""The full check of a workspace: any damage to what decides the answers is found, and the cure works."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from club_shop import open_shop

from semrec import Item
from semrec.events.log import EventLog
from semrec.types import AnyOf


def faults(folder: Path) -> dict[str, str]:
    """Return the faults that a check finds, by part."""
    with open_shop(folder) as shop:
        return {part.part: "; ".join(part.faults) for part in shop.check() if part.faults}


def engine_file(folder: Path, pattern: str) -> Path:
    [file] = (folder / "generations" / "2" / "edge" / "segments").glob(pattern)
    return file


def replace_bytes(file: Path, old: bytes, new: bytes) -> None:
    data = file.read_bytes()
    assert old in data
    file.write_bytes(data.replace(old, new, 1))


def test_an_undamaged_workspace_has_no_faults_and_can_be_open_elsewhere(own_fitted):
    with open_shop(own_fitted) as shop:
        shop.put_items([{"id": "new", "title": "Title", "text": "red"}])
        shop.delete_items(["0-1"])
        parts = shop.check()
        assert not [part for part in parts if part.faults]
        assert [part.part for part in parts] == [
            *("workspace", "current generation"),
            *(
                f"generation 1: {name}"
                for name in ("manifest", "items", "rows of vectors", "filters", "searches")
            ),
            *(
                f"generation 2: {name}"
                for name in ("manifest", "items", "rows of vectors", "filters", "searches")
            ),
            "event log",
        ]
        assert {part.part: part.content for part in parts}["generation 2: items"] == "63 items, 63 passages"


@pytest.mark.parametrize("field", ["text", "collaborative", "item_item", "popularity"])
def test_one_flipped_bit_in_a_row_is_found(own_fitted, field):
    with (own_fitted / "generations" / "2" / f"{field}.f32").open("r+b") as file:
        byte = file.read(1)
        file.seek(0)
        file.write(bytes([byte[0] ^ 1]))
    found = faults(own_fitted)
    assert found.keys() == {"generation 2: rows of vectors"}
    assert f"1 of 63 rows of {field!r} have changed since they were written" in found.popitem()[1]


def test_a_text_that_changed_in_the_engine_is_found(own_fitted):
    replace_bytes(engine_file(own_fitted, "*/payload_storage/page_0.dat"), b"red", b"rod")
    found = faults(own_fitted)
    assert found.keys() == {"generation 2: items"}
    [fault] = found.values()
    assert "the record of item '" in fault
    assert "has changed since it was written" in fault
    assert "`semrec rollback 1 --workspace" in fault


@pytest.mark.parametrize("name", ["text", "collaborative", "passages", "bm25"])
def test_a_vector_that_changed_in_the_engine_is_found(own_fitted, name):
    pattern = "store/page_0.dat" if name == "bm25" else "vectors/chunk_0.mmap"
    file = engine_file(own_fitted, f"*/vector_storage-{name}/{pattern}")
    data = np.fromfile(file, np.uint8)
    data[np.flatnonzero(data)[2]] ^= 1
    data.tofile(file)
    found = faults(own_fitted)
    assert "changed since they were written" in found["generation 2: items"]


def test_a_field_index_that_finds_other_items_is_found(tmp_path):
    with open_shop(tmp_path / "shop") as shop:
        shop.index([Item(str(n), "red", "", {"kind": f"k{n % 2}", "size": n}) for n in range(20)])
        with shop.reading() as generation:
            assert generation.index.count([AnyOf("kind", ("k1",))]) == 10
    shop.close()
    files = (tmp_path / "shop/generations/1/edge/segments").glob("*/payload_index/*-map/page_0.dat")
    [index] = [file for file in files if b"k1" in file.read_bytes()]
    replace_bytes(index, b"k1", b"k2")
    found = faults(tmp_path / "shop")
    assert found.keys() == {"generation 1: filters"}
    assert "finds 9 items instead of 10" in found.popitem()[1]


@pytest.mark.parametrize("column", ["item_id", "kind", "user_id"])
def test_a_changed_event_is_found(own_fitted, column):
    with EventLog.open(own_fitted) as log, log.transaction(write=True) as connection:
        connection.execute(sa.text(f"UPDATE semrec_events SET {column} = 'x' WHERE seq = 7"))
    found = faults(own_fitted)
    assert found.keys() == {"event log"}
    assert "1 events have changed since they were stored; restore the file" in found["event log"]


def test_damaged_parts_do_not_hide_others(own_fitted):
    (own_fitted / "current").unlink()
    (own_fitted / "generations/1/manifest.json").write_text("{")
    shutil.rmtree(own_fitted / "generations/2/edge")
    (own_fitted / "events.db").write_bytes(b"garbage" * 999)
    assert faults(own_fitted).keys() == {
        *("current generation", "generation 1: manifest", "generation 2: items", "event log"),
    }
