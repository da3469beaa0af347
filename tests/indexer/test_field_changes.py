"""Types of a running index become wider, for every way in and on every engine."""

from __future__ import annotations

import pytest
from qdrant_client import QdrantClient
from toy import ToyEncoder

from semrec import Item, Recommender, Settings
from semrec.errors import CatalogError
from semrec.store.server import ServerStore
from semrec.types import ItemPatch

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")


@pytest.fixture(params=["edge", "memory"])
def shop(request, tmp_path):
    store = ServerStore("widening", client=QdrantClient(":memory:")) if request.param == "memory" else None
    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder(), store=store) as opened:
        yield opened


def found(shop, **where):
    return sorted(one.item_id for one in shop.recommend(text="red", where=where))


def fields(shop):
    with shop.reading() as generation:
        return dict(generation.manifest.fields)


def test_whole_numbers_become_decimal_ones(shop):
    shop.index([Item("a", "red", "", {"n": 9}), Item("b", "red red", "", {"n": 12})])
    report = shop.put_items([Item("c", "red blue", "", {"n": 9.5})])
    assert report.added == ("c",)
    assert report.notes == ('"n" had whole numbers; from now on it has decimal numbers',)
    assert fields(shop) == {"n": "float"}
    assert found(shop, n={"gte": 9, "lt": 12}) == ["a", "c"]
    assert (found(shop, n=9), found(shop, n=9.5)) == (["a"], ["c"])


def test_numbers_and_truth_values_become_texts(shop):
    shop.index([Item("a", "red", "", {"size": 9, "new": True})])
    report = shop.put_items([Item("b", "red red", "", {"size": "XL", "new": "maybe"})])
    assert set(report.notes) == {
        '"size" had whole numbers; from now on it has texts',
        '"new" had truth values; from now on it has texts',
    }
    assert fields(shop) == {"size": "keyword", "new": "keyword"}
    assert (found(shop, size="9"), found(shop, size="XL"), found(shop, new="true")) == (["a"], ["b"], ["a"])
    assert shop.put_items([Item("c", "red", "", {"size": 9})]).added == ("c",)
    assert found(shop, size="9") == ["a", "c"]


def test_a_value_that_does_not_fit_is_left_out_at_both_doors(shop):
    shop.index([Item(str(n), "red", "", {"price": n + 0.5}) for n in range(20)])
    values = {"price": "call us", "brand": "Acme"}
    put = shop.put_items([Item("1", "red", "", values)])
    patched = shop.patch_items([ItemPatch("2", values)])
    assert (put.metadata, patched.metadata, put.refused, patched.refused) == (("1",), ("2",), {}, {})
    assert [one.metadata for one in shop.items(["1", "2"])] == [{"brand": "Acme"}] * 2
    assert put.notes == (
        "\"price\": 1 values were left out, for instance item '1': is the text 'call us', not a number",
    )
    assert patched.notes == (put.notes[0].replace("'1'", "'2'"),)
    words = shop.patch_items([ItemPatch("3", {"price": "N/A"})])
    assert words.notes == ("'N/A' counted as missing in 1 values",)
    assert shop.items(["3"])[0].metadata == {}


def test_one_word_does_not_make_prices_words(shop):
    shop.index([Item(str(n), "red", "", {"price": n + 0.5}) for n in range(20)])
    report = shop.put_items(
        [
            Item("odd", "red", "", {"price": "call us"}),
            Item("none", "red", "", {"price": "N/A"}),
            Item("sign", "red", "", {"price": "$ 3.25"}),
        ]
    )
    assert report.added == ("odd", "none", "sign")
    assert fields(shop) == {"price": "float"}
    assert found(shop, price={"lt": 4}) == ["0", "1", "2", "3", "sign"]
    assert shop.items(["odd"])[0].metadata == {}
    assert any("1 values were left out, for instance item 'odd'" in note for note in report.notes)


def test_a_catalog_makes_types_of_a_running_index_wider(shop):
    shop.index([Item(str(n), "red", "", {"n": 1, "t": 1}) for n in range(3)])
    report = shop.index([Item("x", "red blue", "", {"n": 2.5, "t": "a"})])
    assert fields(shop) == {"n": "float", "t": "keyword"}
    assert '"n" had whole numbers; from now on it has decimal numbers' in report.notes
    assert found(shop, n={"lte": 1}) == ["0", "1", "2"]
    assert found(shop, t="1") == ["0", "1", "2"]


def test_a_decimal_far_down_a_catalog_makes_the_field_decimal(tmp_path):
    rows = [{"id": n, "title": "red", "n": 1.5 if n == 1100 else 1} for n in range(1101)]
    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as shop:
        report = shop.index(rows)
        assert (report.n_items, report.n_rejected) == (1101, 0)
        assert fields(shop) == {"n": "float"}
        assert found(shop, n={"gt": 1}) == ["1100"]


def test_an_older_generation_catches_up_with_wider_types(shop):
    shop.index([Item("a", "red", "", {"n": 9})])
    shop.index([Item("a", "red", "", {"n": 9})], rebuild=True)
    shop.put_items([Item("b", "red red", "", {"n": 9.5}), Item("c", "red", "", {"n": "XL"})])
    assert fields(shop) == {"n": "keyword"}
    shop.rollback()
    assert fields(shop) == {"n": "keyword"}
    assert (found(shop, n="9"), found(shop, n="9.5"), found(shop, n="XL")) == (["a"], ["b"], ["c"])


def test_results_are_those_of_each_item(shop):
    shop.index([Item("a", "red")])
    report = shop.put_items(
        [Item("good", "red blue"), Item("empty"), {"title": "no id"}, Item("good", "other"), 5]
    )
    assert report.added == ("good",)
    assert report.refused == {
        "empty": "nothing to encode: every encoded column is empty",
        "entry 3": '"id" is missing',
        "good": "the id is repeated; the first item with it is kept",
        "entry 5": "it is a int; give an Item or a dict",
    }
    with pytest.raises(CatalogError, match=r"item 'empty': nothing to encode.* \(and 1 more\)"):
        shop.put_items([Item("empty"), Item(" ", "x")])


def test_the_first_of_two_equal_ids_holds_at_every_door(shop):
    both = [Item("a", "red", "first"), Item(" a", "red", "second")]
    shop.index(both)
    assert shop.items(["a"])[0].passages == ("red\nfirst",)
    shop.put_items([Item("b", "red", "first"), Item("b", "red", "second")])
    assert shop.items(["b"])[0].passages == ("red\nfirst",)
