"""Items from Python: checks, and the types of new fields."""

from __future__ import annotations

import pytest
from stub_index import manifest

from semrec.errors import CatalogError
from semrec.indexer.read_items import read_ids, read_items, require_some
from semrec.types import Item

MANIFEST = manifest(price="integer")


def read(*items):
    found = read_items(items, MANIFEST, max_text_bytes=1000)
    assert not found.refused
    return found.items


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


def test_the_first_of_equal_ids_holds():
    items = [Item("a", "first"), Item("b", "B"), Item(" a", "second")]
    found = read_items(items, MANIFEST, max_text_bytes=1000)
    assert found.items == items[:2]
    assert found.refused == {"a": "the id is repeated; the first item with it is kept"}


def test_the_template_must_have_a_value():
    found = read_items([Item("a", "", "", {"price": 1})], MANIFEST, max_text_bytes=1000)
    assert found.refused == {"a": "nothing to encode: every encoded column is empty"}
    with pytest.raises(CatalogError, match=r"item 'a': nothing to encode"):
        require_some(found)


def test_new_fields_have_the_type_that_fits_all_values():
    first, second = read(Item("a", "A", "", {"x": 1}), Item("b", "B", "", {"x": 2.5, "y": True}))
    assert (first.metadata, second.metadata) == ({"x": 1.0}, {"x": 2.5, "y": True})


def test_ids_are_read_once_and_in_order():
    assert read_ids(["b", "a", "b"]) == ["b", "a"]
    with pytest.raises(CatalogError, match=r"write item_ids=\['abc'\]"):
        read_ids("abc")
