"""Every format, and every way in which a row can be no item."""

import datetime
import gzip
import io
import json
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import semrec
from semrec.errors import CatalogError
from semrec.indexer.read import Catalog, FieldMapping, open_catalog
from semrec.indexer.rejects import Reject
from semrec.indexer.sources import textfile
from semrec.types import Item

LIMIT = 1000


def read(source, mapping=None, **options) -> tuple[list[Item], list[Reject]]:
    return split(open_catalog(source, mapping, **{"max_text_bytes": LIMIT, **options}))


def split(catalog: Catalog) -> tuple[list[Item], list[Reject]]:
    entries = list(catalog)
    items = [entry for entry in entries if isinstance(entry, Item)]
    return items, [entry for entry in entries if isinstance(entry, Reject)]


def put(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pipe(monkeypatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


ROWS = [
    {"id": "007", "title": "Saw", "text": 'It cuts.\nWell, "wood".', "price": 9, "new": True, "kind": "tool"},
    {"id": "b/../ü🪚\n'", "title": "", "text": "标题", "price": 12, "new": False, "kind": None},
]
ITEMS = [
    Item("007", "Saw", 'It cuts.\nWell, "wood".', {"price": 9, "new": True, "kind": "tool"}),
    Item("b/../ü🪚\n'", "", "标题", {"price": 12, "new": False}),
]
FRAME = pl.DataFrame(ROWS)
CSV = FRAME.write_csv()
JSON = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def parquet(frame: pl.DataFrame = FRAME) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


FILES = {
    "a.csv": CSV.encode(),
    "semicolon.csv": FRAME.write_csv(separator=";").encode(),
    "bom.csv": b"\xef\xbb\xbf" + CSV.encode(),
    "windows.csv": FRAME.write_csv(line_terminator="\r\n").encode(),
    "a.tsv": FRAME.write_csv(separator="\t").encode(),
    "a.csv.gz": gzip.compress(CSV.encode()),
    "a.jsonl": JSON.encode(),
    "a.ndjson": JSON.replace("\n", "\r\n").encode(),
    "bom.json": b"\xef\xbb\xbf" + JSON.encode(),
    "blank.jsonl": JSON.replace("\n", "\n\n").encode(),
    "a.JSONL.gz": gzip.compress(JSON.encode()),
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


def test_several_files_and_globs(tmp_path):
    put(tmp_path / "1.csv", "id,title,price\na,A,1\n")
    put(tmp_path / "2.jsonl", '{"title": "B", "id": "b"}\n{"id": "a", "title": "again"}\n')
    put(tmp_path / "3.csv", "title,id,other\nC,c,x\n")
    items, rejects = read([tmp_path / "1.csv", f"{tmp_path}/[23].*"])
    assert items == [Item("a", "A", "", {"price": 1}), Item("b", "B"), Item("c", "C")]
    assert [(Path(reject.source).name, reject.row) for reject in rejects] == [("2.jsonl", 2)]


def test_a_later_file_that_lacks_a_column_is_refused_before_reading(tmp_path):
    first = put(tmp_path / "1.csv", "id,title\na,A\n")
    second = put(tmp_path / "2.csv", "id,name\nb,B\n")
    with pytest.raises(CatalogError, match=r'2\.csv: lacks the column "title"'):
        open_catalog([first, second], max_text_bytes=LIMIT)


def test_format_wins_over_the_name(tmp_path):
    path = put(tmp_path / "catalog.txt", JSON)
    assert read(path, format="jsonl") == (ITEMS, [])


# Row problems --------------------------------------------------------------------------------------


def written(kind: str, tmp_path: Path, rows: list[dict]) -> object:
    if kind in ("csv", "tsv"):
        frame = pd.DataFrame(rows)
        frame.to_csv(tmp_path / f"x.{kind}", index=False, sep="," if kind == "csv" else "\t")
        return tmp_path / f"x.{kind}"
    if kind == "jsonl":
        return put(tmp_path / "x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    if kind == "dicts":
        return rows
    if kind == "pandas":
        return pd.DataFrame(rows)
    frame = pl.DataFrame(rows)
    if kind == "parquet":
        return put(tmp_path / "x.parquet", parquet(frame))
    return frame if kind == "polars" else frame.to_arrow()


ALL = ("csv", "tsv", "jsonl", "parquet", "dicts", "polars", "pandas", "arrow")
BAD = [
    ({"id": None}, None, "missing"),
    ({"id": ""}, None, "missing"),
    ({"id": " \t "}, " \t ", "missing"),
    ({"id": "good"}, "good", "repeated"),
    ({"text": "", "title": ""}, "bad", "nothing to encode"),
    ({"text": None, "title": None}, "bad", "nothing to encode"),
    ({"text": " ", "title": "\n"}, "bad", "nothing to encode"),
    ({"text": "x" * 1001}, "bad", "1,001 bytes is longer than the limit of 1,000"),
    ({"text": "é" * 501}, "bad", "1,002 bytes is longer than the limit of 1,000"),
    ({"price": float("inf")}, "bad", "infinite"),
]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("change", "item_id", "reason"), BAD)
def test_row_problems(tmp_path, kind, change, item_id, reason):
    good = {"id": "good", "title": "A", "text": "x", "price": 1.5}
    rows = [good, good | {"id": "bad"} | change, good | {"id": "next"}]
    items, (reject,) = read(written(kind, tmp_path, rows))
    assert [item.item_id for item in items] == ["good", "next"]
    assert reject.row == 2
    assert reject.item_id in (item_id, item_id or "")
    assert reason in reject.reason
    assert {"csv": "line 3", "tsv": "line 3", "jsonl": "line 2"}.get(kind, "") in reject.reason


@pytest.mark.parametrize("kind", ["dicts", "polars", "arrow", "parquet", "jsonl"])
def test_nan(tmp_path, kind):
    rows = [{"id": "a", "title": "A", "price": 1.5}, {"id": "b", "title": "B", "price": float("nan")}]
    items, (reject,) = read(written(kind, tmp_path, rows))
    assert len(items) == 1
    assert (reject.row, reject.item_id) == (2, "b")
    assert '"price" is NaN' in reject.reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("cheap", "'cheap', not an integer"),
        ("2.5", "a number, not an integer"),
        ("nan", "NaN"),
        ("-Infinity", "infinite"),
        (str(2**63), "64-bit"),
        ("1" * 5000, "infinite"),
        ("true", "a truth value"),
        ("1_000", "not an integer"),
    ],
)
def test_csv_value_that_does_not_fit(tmp_path, value, reason):
    path = put(tmp_path / "x.csv", f"id,title,n\na,A,1\nb,B,{value}\nc,C,-3\n")
    items, (reject,) = read(path, sample_rows=1)  # the first row decides the type
    assert [item.metadata["n"] for item in items] == [1, -3]
    assert (reject.row, reject.item_id) == (2, "b")
    assert reason in reject.reason


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("text", 5, "a number, not text"),
        ("text", ["a"], "a list, not text"),
        ("text", {"a": 1}, "an object, not text"),
        ("title", True, "a truth value, not text"),
        ("id", True, "a truth value, not text"),
        ("id", ["a"], "a list, not text"),
        ("id", float("inf"), "infinite"),
        ("n", "7", "not an integer"),
        ("n", False, "not an integer"),
        ("n", 2.5, "not an integer"),
        ("n", 2**63, "too large for a 64-bit number"),
        ("n", {"a": 1}, "an object"),
        ("x", 10**400, "too large for a 64-bit number"),
        ("x", "7", "not a number"),
        ("flag", 1, "not true or false"),
        ("word", {"a": 1}, "an object"),
        ("word", [{"a": 1}], "an object"),
        ("text", "\ud800", "lone surrogate U+D800"),
        ("id", "a\udfff", "lone surrogate U+DFFF"),
        ("word", "\ud800", "lone surrogate U+D800"),
    ],
)
@pytest.mark.parametrize("kind", ["jsonl", "dicts"])
def test_wrong_types(tmp_path, kind, field, value, reason):
    good = {"id": "a", "title": "A", "text": "x", "n": 1, "x": 1.5, "flag": True, "word": "w"}
    rows = [good, good | {"id": "b", field: value}, good | {"id": "c"}]
    items, (reject,) = read(written(kind, tmp_path, rows), sample_rows=1)
    assert [item.item_id for item in items] == ["a", "c"]
    assert reject.row == 2
    assert f'"{field}"' in reject.reason
    assert reason in reject.reason
    json.dumps(reject.to_dict()).encode()
    str(reject).encode()


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


def test_keys_that_are_no_utf8_are_no_columns(tmp_path):
    path = put(tmp_path / "x.jsonl", b'{"id":"a","title":"A","\xff":1,"\\ud800":2}\n')
    catalog = open_catalog(path, max_text_bytes=LIMIT)
    assert split(catalog) == ([Item("a", "A")], [])
    "".join(catalog.notes).encode()


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


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": "b", "title"', "not valid JSON"),
        ("not json", "not valid JSON"),
        ("[1, 2]", "no object"),
        ("null", "no object"),
        ('"text"', "no object"),
        ('{"id": "b", "title": "\0"}', "not valid JSON"),
        ('{"id": ' + "1" * 5000 + "}", "not valid JSON"),
        ("{" * 3, "not valid JSON"),
        ('{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_lines_that_are_no_json_object(tmp_path, line, reason):
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
def test_broken_csv_rows(tmp_path, line, item_id, reason):
    path = put(tmp_path / "x.csv", f'id,title\na,"A\nA"\n{line}\nc,C\n\nd,"D,\n\nD"\n')
    items, (reject,) = read(path)
    assert [item.item_id for item in items] == ["a", "c", "d"]
    assert items[2].title == "D,\n\nD"
    assert (reject.row, reject.item_id) == (2, item_id)
    assert reason in reject.reason
    assert "line 4" in reject.reason


def test_an_endless_quote_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(textfile, "LONGEST_ROW_CHARACTERS", 100)
    rows = "".join(f"{n},title {n}\n" for n in range(100))
    items, (reject,) = read(put(tmp_path / "x.csv", f'id,title\nbad,"open\n{rows}'))
    assert len(items) == 100
    assert "no end within 100 characters" in reject.reason


def test_nul_bytes_and_large_fields_do_not_stop_csv(tmp_path):
    path = put(tmp_path / "x.csv", "id,title\na,A\0B\nb," + "x" * 10_000_000 + "\nc,C\n")
    items, (reject,) = read(path)
    assert items == [Item("a", "A\0B"), Item("c", "C")]
    assert (reject.row, reject.item_id) == (2, "b")
    assert "10,000,000 bytes" in reject.reason


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet", "dicts", "polars", "pandas", "arrow"])
def test_any_other_string_is_an_id(tmp_path, kind):
    ids = [
        "007",
        "7",
        "../..",
        "a\nb",
        "'\";--",
        "🪚",
        "x" * 10_000,
        " a ",
        "NaN ",
        "None",
        "null",
        "TRUE",
        "a,b\tc",
    ]
    items, rejects = read(written(kind, tmp_path, [{"id": one, "title": "T"} for one in ids]))
    assert [item.item_id for item in items] == ids
    assert rejects == []


def test_only_the_first_good_row_of_an_id_is_taken():
    rows = [{"id": "a", "title": ""}, {"id": "a", "title": "A"}, {"id": "a", "title": "B"}]
    items, rejects = read(rows)
    assert items == [Item("a", "A")]
    assert [reject.row for reject in rejects] == [1, 3]


def test_things_that_are_no_items():
    items, rejects = read([Item("a", "A"), "b", None, Item("c", "C", "", {"title": "x"})])
    assert items == [Item("a", "A")]
    assert [reject.reason for reject in rejects] == [
        "is a str, not an item or a dict",
        "is a NoneType, not an item or a dict",
        "metadata has a field named title",
    ]


def test_dates_and_lists_become_keywords(tmp_path):
    day = datetime.date(2024, 2, 3)
    frame = pl.DataFrame(
        {
            "id": [1],
            "title": ["A"],
            "day": [day],
            "at": [datetime.datetime(2024, 2, 3, 4, 5)],
            "tags": [["x", None, "y"]],
            "years": [[1, 2]],
            "none": [[]],
            "cost": [2.5],
        },
        schema_overrides={"none": pl.List(pl.String), "cost": pl.Decimal(10, 2)},
    )
    expected = {
        "day": "2024-02-03",
        "at": "2024-02-03T04:05:00",
        "tags": ("x", "y"),
        "years": ("1", "2"),
        "cost": 2.5,
    }
    for source in (frame, frame.to_dicts(), frame.to_arrow(), put(tmp_path / "x.parquet", parquet(frame))):
        catalog = open_catalog(source, max_text_bytes=LIMIT)
        assert split(catalog) == ([Item("1", "A", "", expected)], [])
        assert catalog.fields["cost"] == "float"
        assert {catalog.fields[name] for name in ("day", "at", "tags", "years", "none")} == {"keyword"}
        assert "item id: numbers are turned into strings" in catalog.notes
    pandas = pd.DataFrame({"id": [1.0, 2.0], "title": ["A", "B"], "at": [pd.Timestamp(day), pd.NaT]})
    first, second = read(pandas)[0]
    assert (first.item_id, first.metadata["at"]) == ("1", "2024-02-03T00:00:00")
    assert (second.item_id, second.metadata) == ("2", {})


# Sources that are no catalog -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.csv", "", "is empty"),
        ("x.jsonl", " \n\n", "is empty"),
        ("x.csv", b"\xef\xbb\xbf\n", "is empty"),
        ("x.csv.gz", gzip.compress(b""), "is empty"),
        ("x.csv.gz", "id,title\n", "cannot be read"),
        ("x.parquet", b"PAR1 and then nothing", "cannot be read as Parquet"),
        ("x.parquet", "id,title\na,A\n", "is not a Parquet file"),
        ("x.csv", parquet(), "is not a text file"),
        ("x.xlsx", b"PK\x03\x04", "--format"),
        ("x.json", '[{"id": "a"}]', "one JSON document"),
        ("x.json", '{\n  "id": "a"\n}', "one JSON document"),
        ("x.csv", "x" * 2_000_000, "--id"),
        ("x.csv", "id,title\na,A\n".encode("utf-16"), "is UTF-16"),
        ("x.csv", "id,title,title\na,A,B\n", "several columns are named 'title'"),
        ("x.csv", b"id,t\xfftle\n", "column names are not valid UTF-8"),
        ("x.csv", 'id,"title\na,A\n', "line with the column names"),
        ("x.csv", "x,title\na,A\n", '--id. Columns: "x", "title"'),
        ("x.csv", "id,x\na,A\n", "--title, --text or --encode"),
        ("x.jsonl", "what\nis this\n", "--id"),
    ],
)
def test_unreadable_files(tmp_path, name, content, reason):
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
        (".", "is a folder"),
        ([], "holds no items"),
        ({"id": ["a"]}, "is no catalog"),
        (5, "is no catalog"),
        ([5], "is no item"),
        (["nowhere.csv", 5], "give paths only|no such file"),
    ],
)
def test_no_catalog(source, reason):
    with pytest.raises(CatalogError, match=reason):
        open_catalog(source, max_text_bytes=LIMIT)


def test_unknown_format():
    with pytest.raises(CatalogError, match="unknown format 'xml'; there are csv, tsv, jsonl, parquet"):
        open_catalog("x", format="xml", max_text_bytes=LIMIT)


def test_a_file_that_breaks_off_is_said(tmp_path):
    rows = "".join(f"{n},{hash(str(n))}\n" for n in range(200_000))
    zipped = gzip.compress(f"id,title\n{rows}".encode())
    catalog = open_catalog(put(tmp_path / "x.csv.gz", zipped[: len(zipped) // 2]), max_text_bytes=LIMIT)
    with pytest.raises(CatalogError, match=r"x\.csv\.gz: cannot be read"):
        list(catalog)


# Real data -----------------------------------------------------------------------------------------


def test_the_bundled_catalog():
    path = Path(next(iter(semrec.__path__))) / "cli/demo_data/debian_deps/items.parquet"
    mapping = FieldMapping(metadata=("categories",), lists=("tags",))
    catalog = open_catalog(path, mapping, max_text_bytes=1_000_000)
    assert catalog.n_rows == 7528
    items, rejects = split(catalog)
    assert (len(items), rejects) == (7528, [])
    assert items[0].item_id == "2to3"
    assert all(isinstance(item.metadata.get("tags", ()), tuple) for item in items)
