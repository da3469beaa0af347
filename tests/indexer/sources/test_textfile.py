"""CSV and JSON Lines: a bad row is rejected, and nothing else."""

from __future__ import annotations

import io
import json

import pytest
from catalog_sources import put, read

from semrec.indexer.sources.text_format import TextFormat
from semrec.indexer.sources.textfile import csv_rows
from semrec.types import Item


@pytest.mark.parametrize("separator", [",", "\t"])
@pytest.mark.parametrize("row", [b"b\xff{s}B", b"b{s}\xc3", b"b{s}\xed\xa0\x80"])
def test_bad_utf8_in_csv(tmp_path, separator, row):
    content = b"id{s}title\na{s}A\n" + row + b"\nc{s}C\n"
    path = put(
        tmp_path / ("x.csv" if separator == "," else "x.tsv"), content.replace(b"{s}", separator.encode())
    )
    items, (reject,) = read(path)
    assert [item.item_id for item in items] == ["a", "c"]
    assert reject.row == 2
    assert "not valid UTF-8 (byte 0x" in reject.reason
    assert "line 3" in reject.reason
    json.dumps(reject.to_dict(), ensure_ascii=False).encode()


def test_bad_utf8_in_json(tmp_path):
    path = put(
        tmp_path / "x.jsonl", b'{"id":"a","title":"A"}\n{"id":"b","title":"\xff"}\n{"id":"c","title":"C"}'
    )
    items, (reject,) = read(path)
    assert [item.item_id for item in items] == ["a", "c"]
    assert (reject.row, reject.item_id) == (2, "b")
    assert "byte 0xff" in reject.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": "b", "title"', "not valid JSON"),
        ("not json", "not valid JSON"),
        ("[1, 2]", "not an object"),
        ("null", "not an object"),
        ('"text"', "not an object"),
        ('{"id": "b", "title": "\0"}', "not valid JSON"),
        ('{"id": ' + "1" * 5000 + "}", "not valid JSON"),
        ("{" * 3, "not valid JSON"),
        ('{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_lines_without_a_json_object_are_rejected(tmp_path, line, reason):
    path = put(tmp_path / "x.jsonl", f'{{"id": "a", "title": "A"}}\n\n{line}\n{{"id": "c", "title": "C"}}\n')
    items, (reject,) = read(path)
    assert [item.item_id for item in items] == ["a", "c"]
    assert (reject.row, reject.item_id) == (2, None)
    assert reason in reject.reason
    assert "line 3" in reject.reason


@pytest.mark.parametrize(
    ("line", "item_id", "reason"),
    [
        ("b", "b", "1 fields where the header has 2"),
        ("b,B,x", "b", "3 fields where the header has 2"),
        ('"b"x,B', None, "quotes are broken"),
        ('b,"never closed', None, "quotes are broken"),
    ],
)
def test_broken_csv_rows_are_rejected(tmp_path, line, item_id, reason):
    path = put(tmp_path / "x.csv", f'id,title\na,"A\nA"\n{line}\nc,C\n\nd,"D,\n\nD"\n')
    items, (reject,) = read(path)
    assert [item.item_id for item in items] == ["a", "c", "d"]
    assert items[2].title == "D,\n\nD"
    assert (reject.row, reject.item_id) == (2, item_id)
    assert reason in reject.reason
    assert "line 4" in reject.reason


def test_an_endless_quote_does_not_fill_the_memory():
    rows = "".join(f"{n},title {n}\n" for n in range(100))
    content = f'id,title\nbad,"open\n{rows}'.encode()
    header = ("id", "title")
    found = list(csv_rows("x.csv", lambda: io.BytesIO(content), TextFormat(), header, longest_row=100))
    assert len(found) == 101
    assert [row.fault is None for row in found] == [False] + [True] * 100
    assert "no end within 100 characters" in found[0].fault


def test_nul_bytes_and_large_fields_do_not_stop_csv(tmp_path):
    path = put(tmp_path / "x.csv", "id,title\na,A\0B\nb," + "x" * 10_000_000 + "\nc,C\n")
    items, (reject,) = read(path)
    assert items == [Item("a", "A\0B"), Item("c", "C")]
    assert (reject.row, reject.item_id) == (2, "b")
    assert "10,000,000 bytes" in reject.reason
