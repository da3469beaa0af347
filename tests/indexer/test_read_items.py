"""Items from Python: checks, and the types of new fields."""

from __future__ import annotations

import pytest
from stub_index import manifest

from semrec.errors import CatalogError
from semrec.indexer.read_items import new_fields, read_ids, read_items
from semrec.types import Item

MANIFEST = manifest(price="integer")


def read(*items):
    return read_items(items, MANIFEST, max_text_bytes=1000)


def test_dicts_become_items():
    assert read({"id": 7, "title": "Sea"}, {"item_id": "b", "text": "blue", "metadata": None}) == [
        Item("7", "Sea"),
        Item("b", "", "blue"),
    ]


def test_values_get_the_type_of_their_field():
    first, second = read(Item("a", "A", "", {"size": 1}), Item("b", "B", "", {"size": 2.5, "price": 3.0}))
    assert first.metadata == {"size": 1.0}
    assert isinstance(first.metadata["size"], float)
    assert second.metadata == {"size": 2.5, "price": 3}


def test_the_last_of_equal_ids_counts():
    assert read(Item("a", "old"), Item("b", "B"), Item("a", "new")) == [Item("a", "new"), Item("b", "B")]


def test_the_template_must_have_a_value():
    with pytest.raises(CatalogError, match=r"item 'a': nothing to encode"):
        read(Item("a", "", "", {"price": 1}))


def test_new_fields_have_the_type_that_fits_all_values():
    items = [Item("a", metadata={"x": 1, "price": "ignored"}), Item("b", metadata={"x": 2.5, "y": True})]
    assert new_fields(items, {"price": "integer"}) == {"x": "float", "y": "bool"}


def test_ids_are_read_once_and_in_order():
    assert read_ids(["b", "a", "b"]) == ["b", "a"]
    with pytest.raises(CatalogError, match="give a list of item ids"):
        read_ids("abc")
