"""Long texts: a word, or a meaning, that only stands at the end is found, and its passage is shown."""

from __future__ import annotations

import pytest
from qdrant_client import QdrantClient
from toy import ToyEncoder

from semrec import Item, Recommender
from semrec.config import Settings
from semrec.signals.bm25 import largest_weights
from semrec.store.bm25_encoder import Bm25Encoder
from semrec.store.server import ServerStore

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

SENTENCE = "The red house stands near a square garden and a round well. "


def catalog(tail, n=29):
    """Return items of which the first has 400 sentences and the tail at its end."""
    long = Item("long", "A long story", SENTENCE * 400 + tail)
    words = ("red", "square", "round")
    others = [
        Item(f"i{row}", f"Story {row}", f"{words[row % 3]} house number {row} " * (row % 4 + 1))
        for row in range(1, n)
    ]
    return [long, *others]


@pytest.fixture(params=["edge", "memory"])
def open_shop(request, tmp_path):
    """Return a function: items -> a recommender of them, for every engine."""
    opened = []

    def make(items):
        store = None if request.param == "edge" else ServerStore("long", client=QdrantClient(":memory:"))
        shop = Recommender(tmp_path / "shop", Settings(), store=store, encoder=ToyEncoder(60))
        opened.append(shop)
        shop.index(items)
        return shop

    yield make
    for shop in opened:
        shop.close()


def test_a_word_at_the_end_of_400_sentences_is_found_and_shown(open_shop):
    shop = open_shop(catalog("Only here: zymurgy."))
    answer = shop.recommend(text="zymurgy", k=3)
    assert "long" in [item.item_id for item in answer]
    (found,) = (item for item in answer if item.item_id == "long")
    assert found.passages is not None
    assert "zymurgy" in found.passages.item


def test_a_meaning_at_the_end_of_400_sentences_is_found_and_shown(open_shop):
    shop = open_shop(catalog("blue blue blue blue blue blue blue blue " * 7))
    answer = shop.recommend(text="blue", k=1, weights={"bm25": 0})
    assert [item.item_id for item in answer] == ["long"]
    assert "blue" in answer[0].passages.item
    assert answer[0].signals == {"text": 1.0}


def test_a_long_text_that_is_put_later_is_searched_too(open_shop):
    items = catalog("blue " * 50)
    shop = open_shop(items[1:])
    shop.put_items(items[:1])
    assert shop.recommend(text="blue", k=1, weights={"bm25": 0})[0].item_id == "long"
    shop.delete_items(["long"])
    assert "long" not in [item.item_id for item in shop.recommend(text="blue", k=28)]


def test_filters_hold_in_the_search_of_passages(open_shop):
    shop = open_shop([*catalog("blue " * 50), Item("other", "Other", "red", {"kind": "b"})])
    assert [item.item_id for item in shop.recommend(text="blue", where={"kind": "b"})] == ["other"]


def test_the_weight_of_a_word_is_that_of_its_best_passage():
    encoder = Bm25Encoder()
    one, two = encoder.encode_documents(["red red house", "red garden"])
    both = largest_weights([one, two])
    weights = dict(zip(both.indices.tolist(), both.values.tolist(), strict=True))
    for vector in (one, two):
        for index, value in zip(vector.indices.tolist(), vector.values.tolist(), strict=True):
            assert weights[index] >= value
    assert len(weights) == 3
    assert largest_weights([one]) is one
