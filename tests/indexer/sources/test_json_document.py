"""One JSON document is read like JSON Lines: an array of objects, or an object that holds one."""

from __future__ import annotations

import gzip
import json

import pytest
from catalog_sources import ITEMS, LIMIT, ROWS, pipe, put, read

from semrec.errors import CatalogError
from semrec.indexer.event_source import open_events
from semrec.indexer.read import open_catalog
from semrec.indexer.sources import json_document
from semrec.indexer.sources.tables import open_tables

DOCUMENTS = {
    "one line": json.dumps(ROWS),
    "pretty": json.dumps(ROWS, indent=2),
    "items": json.dumps({"items": ROWS}),
    "pretty items": json.dumps({"count": 2, "links": ["a"], "items": ROWS}, indent=2),
    "after others": json.dumps({"next": None, "meta": {"pages": [{"n": 1}]}, "none": [], "results": ROWS}),
    "a feed": json.dumps({"title": "News", "name": "x", "items": ROWS}),
    "before others": json.dumps({"results": ROWS, "next": {"page": 2}}, ensure_ascii=False),
    "one entry a line": "[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n",
    "with a mark": "\ufeff" + json.dumps(ROWS),
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize("chunk", [7, 1 << 20])
def test_a_document_is_read_like_lines(tmp_path, monkeypatch, document, chunk):
    monkeypatch.setattr(json_document, "CHUNK_CHARACTERS", chunk)
    assert read(put(tmp_path / "x.json", document)) == (ITEMS, [])


def test_compressed_documents_and_pipes(tmp_path, monkeypatch):
    packed = put(tmp_path / "x.json.gz", gzip.compress(DOCUMENTS["items"].encode()))
    assert read(packed) == (ITEMS, [])
    pipe(monkeypatch, DOCUMENTS["pretty items"].encode())
    assert read("-", format="jsonl") == (ITEMS, [])
    assert read(put(tmp_path / "x.json", DOCUMENTS["pretty"].encode("utf-16"))) == (ITEMS, [])


def test_the_list_that_is_read_is_told(tmp_path):
    path = put(tmp_path / "x.json", DOCUMENTS["after others"])
    assert (
        f"{path}: one JSON document, of which the list 'results' is read"
        in open_catalog(path, max_text_bytes=LIMIT).notes
    )


def test_events_in_a_document(tmp_path):
    events = [{"user": "a", "item": "x", "time": 1.6e9}, {"user": "b", "item": "y", "time": 1.6e9}]
    (frame,) = open_events(put(tmp_path / "x.json", json.dumps({"events": events})))
    assert frame["user_id"].to_list() == ["a", "b"]


def test_an_entry_that_is_no_object_is_rejected_alone(tmp_path):
    items, (reject,) = read(put(tmp_path / "x.json", json.dumps([ROWS[0], 5, ROWS[1]])))
    assert items == ITEMS
    assert (reject.row, reject.reason) == (2, "is JSON, but not an object: 5 (entry 2)")


def test_one_row_with_a_list_of_objects_is_a_row(tmp_path):
    row = {"id": "a", "title": "A", "variants": [{"size": 1}]}
    (table,) = open_tables(put(tmp_path / "x.jsonl", json.dumps(row)))
    assert [found.values for found in table.read(None)] == [row]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ('[{"id": "a", "title": "A"}, {"id": ', "broken or incomplete after entry 1"),
        ('[{"id": "a", "title": "A"} {"id": "b"}]', "broken or incomplete after entry 1"),
        ('[{"id": "a", "title": "A"}] x', "text after the end"),
        (
            '{\n"a": 1,\n"b": {}}',
            "without a list of objects; write one object a line",
        ),
        ('{\n"sku": 1,\n"b": [{}]}', "it is one object, with 'sku'; write one object a line"),
        (
            '{"items": [{"id": 1, "title": "A"}], "users": [{"id": 2}]}',
            "several lists of objects, 'items' and",
        ),
        ("[]", "--id"),
    ],
)
def test_documents_that_cannot_be_read(tmp_path, document, reason):
    path = put(tmp_path / "x.json", document)
    with pytest.raises(CatalogError) as caught:
        read(path)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)
