"""Items compared with a generation, and the counts of one pass over a catalog."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stub_index import index_of, manifest
from toy import ToyEncoder

from semrec.indexer.compare import CatalogComparison, are_among, compare, content_hash, find_records
from semrec.indexer.read import open_catalog
from semrec.indexer.rejects import RejectsFile
from semrec.store import item_limits
from semrec.types import Item, item_keys

DRAFT = manifest(price="integer")
APPLE = Item("a", "Apple", "red", {"price": 1})
INDEX = index_of([APPLE], DRAFT)


@pytest.mark.parametrize(
    ("item", "kind", "needs_encoding"),
    [
        (Item("b", "Apple", "red", {"price": 1}), "added", True),
        (Item("a", "Apple", "green", {"price": 1}), "changed", True),
        (Item("a", "Apple", "red", {"price": 2}), "metadata", False),
        (Item("a", "Apple", "red", {}), "metadata", False),
        (APPLE, "unchanged", False),
    ],
)
def test_kinds_of_changes(item, kind, needs_encoding):
    (compared,) = compare([item], INDEX, DRAFT)
    assert (compared.kind, compared.needs_encoding) == (kind, needs_encoding)
    assert compared.text == f"{item.title}\n{item.text}"
    assert (compared.record is None) == (kind == "added")


def test_a_title_outside_the_template_is_metadata():
    draft = manifest("{text}")
    index = index_of([Item("a", "Apple", "red")], draft)
    (compared,) = compare([Item("a", "Pear", "red")], index, draft)
    assert compared.kind == "metadata"


def test_without_an_index_all_items_are_new():
    assert [one.kind for one in compare([APPLE], None, DRAFT)] == ["added"]


def test_records_are_in_the_order_of_the_keys():
    records = find_records(INDEX, item_keys(["b", "a", "c"]))
    assert [record and record.item_id for record in records] == [None, "a", None]


def test_the_hash_changes_with_text_and_passage_length():
    hashes = {content_hash(text, tokens) for text in ("a", "b") for tokens in (None, 8)}
    assert len(hashes) == 4
    assert content_hash("a", 8) == content_hash("a", 8)


@given(st.lists(st.integers(0, 30)), st.lists(st.integers(0, 30)))
def test_membership_is_that_of_sets(keys, others):
    found = are_among(np.array(keys, np.uint64), np.unique(np.array(others, np.uint64)))
    assert found.tolist() == [key in set(others) for key in keys]


def test_a_pass_counts_items_and_remembers_keys(tmp_path):
    rows = [APPLE, Item("b", "Brick", "blue"), Item("a", "again"), Item("c")]
    source = CatalogComparison(
        open_catalog(rows, max_text_bytes=1000), INDEX, DRAFT, RejectsFile(tmp_path / "rejects"), ToyEncoder
    )
    ((compared, n_rows),) = source
    assert (len(compared), n_rows) == (2, 4)
    assert source.counts == {"unchanged": 1, "added": 1}
    assert (source.n_items, source.n_rejected) == (2, 2)
    assert source.item_keys.tolist() == sorted(item_keys(["a", "b"]).tolist())
    assert source.named_keys.tolist() == sorted(item_keys(["a", "b", "c"]).tolist())
    assert source.differing_keys.tolist() == item_keys(["b"]).tolist()
    report = source.report(3, DRAFT, 0.0, n_deleted=7)
    assert (report.generation, report.n_added, report.n_unchanged, report.n_deleted) == (3, 1, 1, 7)
    assert report.n_rejected == 2


def test_a_row_with_too_many_passages_is_a_reject(tmp_path, monkeypatch):
    monkeypatch.setattr(item_limits, "MAX_ITEM_NUMBERS", 6 * 3)  # three passages of six numbers
    rows = [Item("b", "Brick", "blue"), Item("long", "Long", "red " * 40), Item("c", "Cube", "red " * 10)]
    source = CatalogComparison(
        open_catalog(rows, max_text_bytes=1000), None, DRAFT, RejectsFile(tmp_path / "rejects"), ToyEncoder
    )
    ((compared, n_rows),) = source
    assert ([one.item.item_id for one in compared], n_rows) == (["b", "c"], 3)
    assert (source.n_items, source.n_rejected) == (2, 1)
    assert source.named_keys.tolist() == sorted(item_keys(["b", "long", "c"]).tolist())
    (line,) = (tmp_path / "rejects").read_text().splitlines()
    reject = json.loads(line)
    assert (reject["row"], reject["item_id"]) == (2, "long")
    assert reject["reason"].startswith("the text has 6 passages; the limit is 3 ")
