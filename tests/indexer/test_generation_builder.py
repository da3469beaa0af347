"""A build of a generation in the embedded store."""

from __future__ import annotations

import pytest
from stub_index import manifest, points_of

from semrec.errors import CatalogError
from semrec.indexer.generation_builder import GenerationBuilder
from semrec.store.edge import EdgeStore
from semrec.types import Item, item_keys

DRAFT = manifest()


@pytest.fixture
def store(tmp_path):
    return EdgeStore(tmp_path)


def test_counts_and_mean_are_those_of_the_points(store):
    with GenerationBuilder(store, DRAFT) as builder:
        builder.add(points_of([Item("a", "red"), Item("b", "blue")], DRAFT))
        builder.add([])
        builder.add(points_of([Item("c", "red " * 12)], DRAFT))
        assert store.current() is None
        built = builder.complete(item_keys([]))
    assert (store.current(), builder.generation) == (1, 1)
    assert (built.n_items, built.n_passages, built.n_changes) == (3, 4, 0)
    assert built.text_mean == pytest.approx([2 / 3, 0, 1 / 3, 0, 0, 0])


def test_a_generation_without_items_is_an_error(store):
    with pytest.raises(CatalogError, match="nothing was indexed"), GenerationBuilder(store, DRAFT) as builder:
        builder.complete(item_keys([]))
    assert store.current() is None
