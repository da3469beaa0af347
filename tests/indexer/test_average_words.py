"""The average length for BM25 comes from the catalog, and stays what the index says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toy import ToyEncoder

from semrec import Item, Recommender
from semrec.config import Settings
from semrec.store.edge import EdgeStore
from semrec.types import item_keys

LONG = " ".join(f"word{n}" for n in range(199))
"""With its title, a text of 200 words."""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "shop"


def opened(folder, passage_tokens=300):
    return Recommender(folder, Settings(), encoder=ToyEncoder(passage_tokens))


def long_items(n=4):
    return [Item(f"i{row}", "title", LONG) for row in range(n)]


def average(shop):
    with shop.reading() as generation:
        return generation.manifest.average_words


def weights(shop, item_id):
    """Return the weights of the words of an item."""
    with shop.reading() as generation:
        (vector,) = generation.index.sparse_vectors("bm25", item_keys([item_id]))
    return vector.values


def test_words_of_a_catalog_of_long_texts_weigh_as_much_as_those_of_short_ones(folder):
    with opened(folder) as shop:
        shop.index(long_items())
        assert average(shop) == pytest.approx(200)
        np.testing.assert_allclose(weights(shop, "i0"), 1, rtol=1e-5)


def test_the_length_is_that_of_passages(folder):
    with opened(folder, passage_tokens=50) as shop:
        shop.index(long_items())
        assert 30 < average(shop) <= 50


def test_items_that_come_later_are_measured_by_the_same_length(folder):
    with opened(folder) as shop:
        shop.index(long_items())
        shop.put_items([Item("short", "title", "word"), Item("same", "title", LONG)])
        assert average(shop) == pytest.approx(200)
        np.testing.assert_allclose(weights(shop, "same"), 1, rtol=1e-5)
        assert (weights(shop, "short") > 1.6).all()
        shop.index([*long_items(), *(Item(f"new{n}", "title", "word") for n in range(40))])
        assert average(shop) == pytest.approx(200)


def test_an_index_that_is_built_again_measures_again(folder):
    with opened(folder) as shop:
        shop.index(long_items())
        shop.index([Item("short", "title", "word")], rebuild=True)
        assert average(shop) == pytest.approx(2)


def test_an_index_without_a_measured_length_keeps_the_usual_one(folder):
    with opened(folder) as shop:
        shop.index(long_items())
    store = EdgeStore(folder)
    store.rewrite_manifest(1, replace(store.manifest(1), average_words=None))
    with opened(folder) as shop:
        shop.put_items([Item("later", "title", LONG)])
        assert average(shop) is None
        saturation = 1.2 * (1 - 0.75 + 0.75 * 200 / 64)
        np.testing.assert_allclose(weights(shop, "later"), 2.2 / (1 + saturation), rtol=1e-5)
