"""How text files are written: encodings, separators, missing lines of column names."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalog_sources import put

from semrec.errors import CatalogError
from semrec.indexer.event_mapping import EventMapping
from semrec.indexer.event_source import open_events
from semrec.indexer.mapping import FieldMapping
from semrec.indexer.read import open_catalog
from semrec.indexer.sources.text_format import guess_encoding
from semrec.types import Item

DATA = Path(__file__).parents[2] / "data" / "encodings"
GERMAN = FieldMapping(item_id="Nr", title="Bezeichnung", text="Beschreibung")


@pytest.mark.parametrize("name", ["cp1252.csv", "utf16.csv", "utf8_bom.csv", "excel_sep.csv"])
def test_the_same_table_in_every_encoding(name):
    catalog = open_catalog(DATA / name, GERMAN, max_text_bytes=1000)
    first, second, *_ = items = list(catalog)
    assert len(items) == 5
    assert first == Item("1", "Kännchen", "Ein Kännchen für Tee", {"Preis": 9.99, "Lager": 3})
    assert (second.title, second.metadata["Preis"]) == ("Löffel", 1299.0)
    assert catalog.fields == {"Preis": "float", "Lager": "integer"}


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"plain", "utf-8-sig"),
        ("naïve café".encode(), "utf-8-sig"),
        ("naïve café".encode("cp1252"), "cp1252"),
        ("naïve".encode("utf-16"), "utf-16"),
        ("a,b\n1,2\n".encode("utf-16-le"), "utf-16-le"),
        ("é".encode() + b" and \xe9", "utf-8-sig"),
        (b"b\xff", "utf-8-sig"),
        (b"\xed\xa0\x80", "utf-8-sig"),
    ],
)
def test_encodings_are_guessed(content, encoding):
    assert guess_encoding(content + b"....") == encoding or encoding.startswith("utf-16")
    assert guess_encoding(content) == encoding or encoding == "cp1252"


def test_an_encoding_can_be_given(tmp_path):
    path = put(tmp_path / "x.csv", "id,title\n1,Ελλάδα\n".encode("iso8859-7"))
    (item,) = open_catalog(path, FieldMapping(encoding="iso8859-7"), max_text_bytes=100)
    assert item == Item("1", "Ελλάδα")
    with pytest.raises(CatalogError, match="unknown encoding 'x-y'; write for instance cp1252"):
        open_catalog(path, FieldMapping(encoding="x-y"), max_text_bytes=100)


def test_files_without_column_names(tmp_path):
    path = put(tmp_path / "x.csv", "7,Tea,Green tea\n8,Cup,A cup\n")
    mapping = FieldMapping(header=("id", "title", "text"))
    assert list(open_catalog(path, mapping, max_text_bytes=100)) == [
        Item("7", "Tea", "Green tea"),
        Item("8", "Cup", "A cup"),
    ]
    by_place = FieldMapping(item_id="column 1", title="column 2", header=())
    assert [item.title for item in open_catalog(path, by_place, max_text_bytes=100)] == ["Tea", "Cup"]
    log = put(tmp_path / "log.tsv", "ann\tt1\nbob\tt2\n")
    (frame,) = open_events(log, EventMapping(header=("user", "item")))
    assert [row[:2] for row in frame.rows()] == [("ann", "t1"), ("bob", "t2")]


@pytest.mark.parametrize("separator", [";", "|", "\t"])
def test_separators_are_guessed(tmp_path, separator):
    path = put(tmp_path / "x.csv", f"id{separator}title\n1{separator}a, b\n")
    assert list(open_catalog(path, max_text_bytes=100)) == [Item("1", "a, b")]
