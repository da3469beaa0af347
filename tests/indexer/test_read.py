"""A catalog: every row is an item or a reject, in every format."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalog_sources import LIMIT, put, read, split, written

import semrec
from semrec.errors import CatalogError
from semrec.indexer.read import FieldMapping, open_catalog
from semrec.types import Item


def test_several_files_and_globs(tmp_path):
    put(tmp_path / "1.csv", "id,title,price\na,A,1\n")
    put(tmp_path / "2.jsonl", '{"title": "B", "id": "b"}\n{"id": "a", "title": "again"}\n')
    put(tmp_path / "3.csv", "title,id,other\nC,c,x\n")
    items, rejects = read([tmp_path / "1.csv", f"{tmp_path}/[23].*"])
    assert items == [Item("a", "A", "", {"price": 1}), Item("b", "B"), Item("c", "C", "", {"other": "x"})]
    assert [(Path(reject.source).name, reject.row) for reject in rejects] == [("2.jsonl", 2)]


def test_a_later_file_without_a_column_is_an_error_before_reading(tmp_path):
    first = put(tmp_path / "1.csv", "id,title\na,A\n")
    second = put(tmp_path / "2.csv", "id,name\nb,B\n")
    with pytest.raises(CatalogError, match=r'2\.csv: has no column "title"'):
        open_catalog([first, second], max_text_bytes=LIMIT)


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
]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("change", "item_id", "reason"), BAD)
def test_bad_rows_are_rejected_in_every_format(tmp_path, kind, change, item_id, reason):
    good = {"id": "good", "title": "A", "text": "x", "price": 1.5}
    rows = [good, good | {"id": "bad"} | change, good | {"id": "next"}]
    items, (reject,) = read(written(kind, tmp_path, rows))
    assert [item.item_id for item in items] == ["good", "next"]
    assert reject.row == 2
    assert reject.item_id in (item_id, item_id or "")
    assert reason in reject.reason
    assert {"csv": "line 3", "tsv": "line 3", "jsonl": "line 2"}.get(kind, "") in reject.reason


def test_keys_that_are_not_utf8_are_not_columns(tmp_path):
    path = put(tmp_path / "x.jsonl", b'{"id":"a","title":"A","\xff":1,"\\ud800":2}\n')
    catalog = open_catalog(path, max_text_bytes=LIMIT)
    assert split(catalog) == ([Item("a", "A")], [])
    "".join(catalog.notes).encode()


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
    assert [item.item_id for item in items] == [one.strip() for one in ids]
    assert rejects == []


def test_only_the_first_good_row_of_an_id_is_taken():
    rows = [{"id": "a", "title": ""}, {"id": "a", "title": "A"}, {"id": "a", "title": "B"}]
    items, rejects = read(rows)
    assert items == [Item("a", "A")]
    assert [reject.row for reject in rejects] == [1, 3]


def test_the_bundled_catalog():
    path = Path(semrec.__file__).parent / "cli/demo_data/debian_deps/items.parquet"
    mapping = FieldMapping(metadata=("categories",), lists=("tags",))
    catalog = open_catalog(path, mapping, max_text_bytes=1_000_000)
    assert catalog.n_rows == 7528
    items, rejects = split(catalog)
    assert (len(items), rejects) == (7528, [])
    assert items[0].item_id == "2to3"
    assert all(isinstance(item.metadata.get("tags", ()), tuple) for item in items)
