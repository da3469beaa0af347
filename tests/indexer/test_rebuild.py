"""The steps of a rebuild: what is encoded, what is copied, and what is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stub_index import index_of, manifest
from toy import ToyEncoder

from semrec.indexer.compare import CatalogComparison
from semrec.indexer.read import open_catalog
from semrec.indexer.rebuild import Rebuild, encodes_differently
from semrec.indexer.rejects import RejectsFile
from semrec.types import Item, item_keys

DRAFT = manifest(price="integer")
BEFORE = [
    Item("same", "Same", "red", {"price": 1}),
    Item("text", "Text", "red", {"price": 2}),
    Item("price", "Price", "red", {"price": 3}),
    Item("other", "Other", "green", {"price": 4}),
    Item("gone", "Gone", "blue", {"price": 5}),
]
SOURCE = [
    BEFORE[0],
    Item("text", "Text", "blue", {"price": 2}),
    Item("price", "Price", "red", {"price": 30}),
    Item("new", "New", "square", {"price": 6}),
]


def run(folder, draft=DRAFT, deleted=("gone",)):
    """Return the rebuild, the encoded texts by item id, and the copied points by item id."""
    index = index_of(BEFORE, DRAFT)
    catalog = open_catalog(SOURCE, max_text_bytes=1000)
    source = CatalogComparison(catalog, index, draft, RejectsFile(folder / "rejects"), ToyEncoder)
    rebuild = Rebuild(index, DRAFT, draft, ToyEncoder)
    steps = list(rebuild.steps(source, [], source, lambda: np.sort(item_keys(deleted))))
    encoded = {
        item.item_id: text
        for step in steps
        for item, text in zip(step.batch.items, step.batch.texts, strict=True)
    }
    copied = {point.record.item_id: point.record for step in steps for point in step.copied}
    assert sum(step.n_rows for step in steps) == len(SOURCE)
    return rebuild, encoded, copied


def test_only_new_and_changed_texts_are_encoded(tmp_path):
    rebuild, encoded, copied = run(tmp_path)
    assert encoded == {"text": "Text\nblue", "new": "New\nsquare"}
    assert {item_id: record.metadata["price"] for item_id, record in copied.items()} == {
        "same": 1,
        "price": 30,
        "other": 4,
    }
    assert (rebuild.n_deleted, rebuild.n_encoded_again) == (1, 0)


def test_another_template_encodes_everything(tmp_path):
    rebuild, encoded, copied = run(tmp_path, replace(DRAFT, template="{title}"))
    assert encoded == {
        "same": "Same",
        "text": "Text",
        "price": "Price",
        "new": "New",
        "other": "Other\ngreen",  # not in the source: only its passages are known
    }
    assert copied == {}
    assert rebuild.n_encoded_again == 1


def test_metadata_gets_the_types_of_the_draft(tmp_path):
    _, _, copied = run(tmp_path, replace(DRAFT, fields={"price": "keyword"}))
    assert copied["other"].metadata == {"price": "4"}


@pytest.mark.parametrize(
    ("change", "is_different"),
    [
        ({"encoder_fingerprint": "other"}, True),
        ({"template": "{text}"}, True),
        ({"passage_tokens": 8}, True),
        ({"fields": {}}, False),
        ({"journal": 9}, False),
    ],
)
def test_what_makes_text_vectors_differ(change, is_different):
    assert encodes_differently(DRAFT, replace(DRAFT, **change)) is is_different
