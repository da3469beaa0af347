"""Files, pipes, frames and iterables as tables of rows."""

from __future__ import annotations

import gzip
import os
import sys
import threading

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from catalog_sources import CSV, FRAME, ITEMS, JSON, LIMIT, ROWS, parquet, pipe, put, read, split

from semrec.errors import CatalogError
from semrec.indexer.read import open_catalog
from semrec.types import Item

FILES = {
    "a.csv": CSV.encode(),
    "semicolon.csv": FRAME.write_csv(separator=";").encode(),
    "bom.csv": b"\xef\xbb\xbf" + CSV.encode(),
    "windows.csv": FRAME.write_csv(line_terminator="\r\n").encode(),
    "a.tsv": FRAME.write_csv(separator="\t").encode(),
    "a.csv.gz": gzip.compress(CSV.encode(), mtime=0),
    "a.jsonl": JSON.encode(),
    "a.ndjson": JSON.replace("\n", "\r\n").encode(),
    "bom.json": b"\xef\xbb\xbf" + JSON.encode(),
    "blank.jsonl": JSON.replace("\n", "\n\n").encode(),
    "a.JSONL.gz": gzip.compress(JSON.encode(), mtime=0),
    "a.parquet": parquet(),
    "[odd] name*.parquet": parquet(),
}


@pytest.mark.parametrize("name", FILES)
def test_files(tmp_path, name):
    catalog = open_catalog(put(tmp_path / name, FILES[name]), max_text_bytes=LIMIT)
    assert split(catalog) == (ITEMS, [])
    assert split(catalog) == (ITEMS, [])  # a file can be read again
    assert catalog.fields == {"price": "integer", "new": "bool", "kind": "keyword"}
    assert catalog.n_rows == (2 if name.endswith("parquet") else None)


@pytest.mark.parametrize("name", FILES)
def test_standard_input(monkeypatch, name):
    pipe(monkeypatch, FILES[name])
    catalog = open_catalog("-", max_text_bytes=LIMIT)
    assert split(catalog) == (ITEMS, [])


def test_a_pipe_is_read_once(monkeypatch):
    pipe(monkeypatch, CSV.encode())
    catalog = open_catalog("-", max_text_bytes=LIMIT)
    assert split(catalog) == (ITEMS, [])
    with pytest.raises(CatalogError, match="only once"):
        list(catalog)


SOURCES = {
    "polars": lambda: FRAME,
    "lazy": lambda: FRAME.lazy(),
    "pandas": lambda: pd.DataFrame(ROWS),
    "pandas with an index": lambda: pd.DataFrame(ROWS).set_index("id"),
    "arrow": lambda: FRAME.to_arrow(),
    "dicts": lambda: ROWS,
    "tuple of items": lambda: tuple(ITEMS),
    "generator of dicts": lambda: (row for row in ROWS),
    "generator of items": lambda: iter(ITEMS),
}


@pytest.mark.parametrize("name", SOURCES)
def test_python_sources(name):
    assert read(SOURCES[name]()) == (ITEMS, [])


def test_pandas_without_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    frame = pd.DataFrame({"id": [1, 2], "title": ["a", None], "price": [np.nan, 2.0]})
    items, rejects = read(frame)
    assert items == [Item("1", "a")]  # pandas means a missing value by NaN
    assert [(reject.row, reject.item_id) for reject in rejects] == [(2, "2")]


def test_the_given_format_counts_more_than_the_name(tmp_path):
    path = put(tmp_path / "catalog.txt", JSON)
    assert read(path, format="jsonl") == (ITEMS, [])


def test_named_pipes(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(JSON.encode()))
    writer.start()
    assert read(path) == (ITEMS, [])
    writer.join()


def test_bad_utf8_in_binary_columns_and_arrow(tmp_path):
    bytes_ = pa.array([b"A", b"\xff", b"C"], pa.binary())
    unchecked = pa.Array.from_buffers(pa.string(), 3, bytes_.buffers())
    frame = pl.DataFrame({"id": ["a", "b", "c"], "title": [b"A", b"\xff", b"C"]})
    for source in (
        pa.table({"id": ["a", "b", "c"], "title": unchecked}),
        put(tmp_path / "x.parquet", parquet(frame)),
    ):
        items, (reject,) = read(source)
        assert items == [Item("a", "A"), Item("c", "C")]
        assert (reject.row, reject.item_id) == (2, "b")
        assert "byte 0xff" in reject.reason


def test_entries_that_are_not_items_are_rejected():
    items, rejects = read([Item("a", "A"), "b", None, Item("c", "C", "", {"title": "x"})])
    assert items == [Item("a", "A")]
    assert [reject.reason for reject in rejects] == [
        "is a str, not an item or a dict",
        "is a NoneType, not an item or a dict",
        "metadata has a field with the name title",
    ]


def test_dicts_may_hold_their_fields_in_metadata():
    long = "x" * 1000
    items, rejects = read(
        [
            {"id": "a", "title": "A", "metadata": {"year": 1999, "note": long}},
            {"id": "b", "title": "B", "metadata": None},
            {"id": "c", "title": "C", "metadata": {"title": "x"}},
            {"id": "d", "title": "D", "metadata": {1: "x"}},
        ]
    )
    assert items == [Item("a", "A", "", {"year": 1999, "note": long}), Item("b", "B")]
    assert [reject.reason for reject in rejects] == [
        "metadata has a field with the name title",
        "the name 1 of a field is not text",
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.csv", "", "is empty"),
        ("x.jsonl", " \n\n", "is empty"),
        ("x.csv", b"\xef\xbb\xbf\n", "is empty"),
        ("x.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("x.csv.gz", gzip.compress(b"id,title\na,A\n", mtime=0)[:-4], "cannot be read"),
        ("x.csv.zip", b"PK\x03\x04", "cannot be read"),
        ("x.parquet", b"PAR1 and then nothing", "cannot be read as Parquet"),
        ("x.parquet", "id,title\na,A\n", "is not a Parquet file"),
        ("x.csv", parquet(), "is not a text file"),
        ("x.xlsx", b"PK\x03\x04", "save it as CSV"),
        ("x.xml", "<id>", "--format"),
        ("x.json", '[{"id": "a"}]', "--title, --text or --encode"),
        ("x.json", '{\n  "id": "a"\n}', "one JSON document"),
        ("x.csv", "x" * 2_000_000, "--id"),
        ("x.csv", "id,title,title\na,A,B\n", "several columns are named 'title'"),
        ("x.csv", b"id,t\xfftle\n", "column names are not valid UTF-8"),
        ("x.csv", 'id,"title\na,A\n', "line with the column names"),
        ("x.csv", "x,title\na,A\n", '--id. Columns: "x", "title"'),
        ("x.csv", "id,x\na,A\n", "--title, --text or --encode"),
        ("x.jsonl", "what\nis this\n", "none of the first 2 rows can be read; line 1 is not valid JSON"),
    ],
)
def test_unreadable_files_are_an_error(tmp_path, name, content, reason):
    path = put(tmp_path / name, content)
    with pytest.raises(CatalogError) as caught:
        open_catalog(path, max_text_bytes=LIMIT)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("nowhere.csv", "there is no such file"),
        ("nowhere*.csv", "no file matches"),
        ([], "has no items"),
        ({"id": ["a"]}, "is not a catalog"),
        (5, "is not a catalog"),
        ([5], "is not an item"),
        (["nowhere.csv", 5], "give paths only|no such file"),
    ],
)
def test_other_objects_are_not_catalogs(source, reason):
    with pytest.raises(CatalogError, match=reason):
        open_catalog(source, max_text_bytes=LIMIT)


def test_an_unknown_format_is_an_error():
    with pytest.raises(CatalogError, match="unknown format 'xml'; there are csv, tsv, jsonl, parquet"):
        open_catalog("x", format="xml", max_text_bytes=LIMIT)


def test_a_truncated_file_is_an_error(tmp_path):
    rows = "".join(f"{n},{n * n}\n" for n in range(30_000))
    zipped = gzip.compress(f"id,title\n{rows}".encode(), mtime=0)
    half = put(tmp_path / "x.csv.gz", zipped[: len(zipped) // 2])
    with pytest.raises(CatalogError, match=r"x\.csv\.gz: cannot be read"):
        list(open_catalog(half, max_text_bytes=LIMIT))
