"""Items written into the current generation, and deleted from it, on both engines."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient
from shops import Counting, Shop, assert_same, encoded, found, stored
from toy import WORDS as COLOURS

from semrec.config import Settings
from semrec.errors import CatalogError, ItemRefusedError
from semrec.indexer.read import FieldMapping
from semrec.store import item_limits
from semrec.store.edge import EdgeStore
from semrec.store.server import ServerStore
from semrec.types import Item, ItemPatch

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")


CATALOG = [
    Item("a", "Apple", "red round", {"kind": "fruit", "price": 1}),
    Item("b", "Brick", "red square", {"kind": "stone", "price": 2}),
    Item("c", "Pea", "green round", {"kind": "fruit", "price": 3}),
]


def metadata(shop, *item_ids):
    return [record.metadata for record in shop.items(item_ids)]


def new_store(engine, folder):
    return EdgeStore(folder) if engine == "edge" else ServerStore("shop", client=QdrantClient(":memory:"))


def open_shop(engine, items, folder, built):
    """Return a shop with an index of these items and its passage cache."""
    if engine == "edge":
        built(items, folder)
    settings = Settings(encoder={"model": "toy"}, cache={"folder": folder / "cache"})
    shop = Shop(folder / "shop", settings, store=new_store(engine, folder / "shop"), encoder=Counting())
    if engine != "edge":
        shop.index(items)
        shop.encoder.texts.clear()
    return shop


@pytest.fixture(params=["edge", "memory"])
def shop(request, tmp_path, built):
    with open_shop(request.param, CATALOG, tmp_path, built) as opened:
        yield opened


# -- patching --------------------------------------------------------------------------------------


def test_a_price_is_changed_without_the_text(shop):
    report = shop.patch_items(
        [{"id": "a", "metadata": {"price": 9}}, ItemPatch("b", {"kind": None, "new": True})]
    )
    assert report.metadata == ("a", "b")
    assert shop.encoder.texts == []
    assert metadata(shop, "a", "b") == [{"kind": "fruit", "price": 9}, {"price": 2, "new": True}]
    assert [item.item_id for item in shop.recommend(text="red", where={"price": {"gte": 9}})] == ["a"]
    assert [item.item_id for item in shop.recommend(text="red", where={"new": True})] == ["b"]
    assert shop.recommend(text="red round", k=1)[0].title == "Apple"


def test_the_report_of_patches_names_every_item_once(shop):
    report = shop.patch_items(
        [
            {"id": "a", "metadata": {"price": 5}},
            {"id": "a", "metadata": {"price": 6, "kind": None}},
            {"id": "b", "metadata": {"price": 2}},
            {"id": "nowhere", "metadata": {"price": 2}},
        ]
    )
    assert (report.metadata, report.unchanged, report.unknown) == (("a",), ("b",), ("nowhere",))
    assert metadata(shop, "a") == [{"price": 6}]


@pytest.mark.parametrize(
    ("patch", "item_id", "reason"),
    [
        ({"id": "a", "title": "x"}, "a", 'it has "title"; a patch has id and metadata'),
        ({"id": "", "metadata": {}}, "entry 2", '"id" is missing'),
        ({"id": "a", "metadata": {"title": "x"}}, "a", "cannot be the name of a field"),
        ({"id": "a", "metadata": {"note": "x" * 2_000_000}}, "a", '"note" of 2,000,000 bytes'),
        ({"id": "a", "metadata": [1]}, "a", "metadata is a list"),
        ("a", "entry 2", "give an ItemPatch or a dict"),
    ],
)
def test_a_patch_that_does_not_fit_is_refused_and_the_rest_is_written(shop, patch, item_id, reason):
    report = shop.patch_items([{"id": "b", "metadata": {"price": 7}}, patch])
    assert report.metadata == ("b",)
    assert list(report.refused) == [item_id]
    assert reason in report.refused[item_id]
    assert metadata(shop, "a", "b") == [CATALOG[0].metadata, {"kind": "stone", "price": 7}]
    with pytest.raises(CatalogError) as error:
        shop.patch_items([patch])
    assert reason in str(error.value)


def test_a_patch_makes_a_type_wider_and_says_so(shop):
    report = shop.patch_items([{"id": "a", "metadata": {"price": 1.5}}])
    assert report.notes == ('"price" had whole numbers; from now on it has decimal numbers',)
    assert [item.item_id for item in shop.recommend(text="red", where={"price": {"lte": 1.5}})] == ["a"]


def test_a_field_of_the_encoded_text_needs_the_whole_item(tmp_path):
    with Shop(tmp_path / "own", Settings(), encoder=Counting()) as own:
        own.index(CATALOG, mapping=FieldMapping(template="{title} {kind}"))
        with pytest.raises(CatalogError, match='"kind" is part of the text that is encoded'):
            own.patch_items([{"id": "a", "metadata": {"kind": "x"}}])
        assert own.patch_items([{"id": "a", "metadata": {"price": 4}}]).metadata == ("a",)


# -- putting ---------------------------------------------------------------------------------------


def test_a_new_item_is_found_at_once(shop):
    report = shop.put_items([Item("d", "Sky", "blue", {"kind": "view"})])
    assert (report.added, report.changed, report.unchanged, report.n_written) == (("d",), (), (), 1)
    assert found(shop, "blue", k=1) == ["d"]
    assert found(shop, "red", where={"kind": "view"}) == ["d"]
    assert shop.info()["items"] == 4


def test_only_a_changed_text_is_encoded(shop):
    report = shop.put_items([Item("b", "Brick", "blue square", {"kind": "stone", "price": 2}), CATALOG[0]])
    assert (report.changed, report.unchanged) == (("b",), ("a",))
    assert encoded(shop) == ["Brick\nblue square"]
    assert found(shop, "blue", k=1) == ["b"]


def test_a_passage_of_a_deleted_item_is_in_the_cache(shop):
    shop.delete_items(["b"])
    shop.put_items([CATALOG[1], Item("d", "Brick", "red square")])
    assert encoded(shop) == []


def test_another_price_is_not_encoded(shop):
    before = stored(shop)["b"].vectors
    report = shop.put_items([Item("b", "Brick", "red square", {"kind": "stone", "price": 99})])
    assert report.metadata == ("b",)
    assert encoded(shop) == []
    assert found(shop, "red", where={"price": 99}) == ["b"]
    assert found(shop, "red", where={"price": 2}) == []
    np.testing.assert_allclose(stored(shop)["b"].vectors["text"], before["text"], atol=1e-6)


def test_an_unchanged_item_writes_nothing(shop, monkeypatch):
    with shop.reading() as generation:
        index = generation.index
    for writing in ("upsert", "update_records", "delete", "add_fields"):
        monkeypatch.setattr(index, writing, None)
    assert shop.put_items(CATALOG).unchanged == ("a", "b", "c")
    assert encoded(shop) == []


def test_items_may_be_dicts(shop):
    report = shop.put_items([{"id": 7, "title": "Sea", "text": "blue", "metadata": {"kind": "view"}}])
    assert report.added == ("7",)
    assert stored(shop)["7"].record.metadata == {"kind": "view"}


def test_of_equal_ids_the_first_holds(shop):
    report = shop.put_items([Item("d", "Sky", "blue"), Item("d", "Grass", "green")])
    assert stored(shop)["d"].record.title == "Sky"
    assert report.refused == {"d": "the id is repeated; the first item with it is kept"}


def test_a_new_field_is_typed_and_can_be_filtered_by(shop):
    shop.put_items([Item("d", "Sky", "blue", {"height": 100}), Item("e", "Hill", "green", {"height": 2.5})])
    assert shop.info()["fields"]["height"] == "float"
    assert found(shop, "blue", where={"height": {"gt": 50}}) == ["d"]


@pytest.mark.parametrize("deleted", [False, True], ids=["put", "deleted"])
def test_items_are_counted_again_when_a_change_is_repeated(shop, deleted):
    """A process that was killed between the items and the manifest makes the change again."""

    def change(shop):
        return shop.delete_items(["a"]) if deleted else shop.put_items([Item("d", "Sky", "blue")])

    with shop.reading() as generation:
        number, before = generation.number, generation.manifest
    change(shop)
    shop.store.rewrite_manifest(number, before)
    with shop.reopened() as next_shop:
        assert next_shop.info()["items"] == 3
        change(next_shop)
        n_items = 2 if deleted else 4
        n_passages = before.n_passages - 3 + n_items
        assert (next_shop.info()["items"], next_shop.info()["passages"]) == (n_items, n_passages)


def test_the_field_of_an_unchanged_item_is_added_again_after_a_kill(shop):
    """A process that was killed between the items and the manifest puts them again."""
    shop.put_items([Item("d", "Sky", "blue", {"height": 100})])
    with shop.reading() as generation:
        number, manifest = generation.number, generation.manifest
    shop.store.rewrite_manifest(number, replace(manifest, fields={}))
    with shop.reopened() as next_shop:
        next_shop.put_items([Item("d", "Sky", "blue", {"height": 100})])
        assert found(next_shop, "blue", where={"height": 100}) == ["d"]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (Item("d", "Sky", "blue", {"price": [{"eur": 1}]}), r"item 'd': 'price' is an object"),
        (Item("d", "Sky", "blue", {"title": "x"}), r"item 'd': 'title' cannot be the name of a field"),
        (Item("d"), r"item 'd': nothing to encode"),
        (Item("d", "Sky", "blue" * 500_000), r"item 'd': text of 2,000,000 bytes is longer"),
        (Item("", "Sky"), r"""item 'entry 1': "id" is missing"""),
        (Item("d", "Sky\ud800"), r"""item 'd': "title" is not valid UTF-8"""),
        (
            {"id": "d", "title": "Sky", "kind": "view"},
            r"""item 'd': it has "kind"; an item has id""",
        ),
        ({"id": "d", "title": "Sky", "metadata": [1]}, r"item 'd': metadata is a list, not a dict"),
        ("d", r"item 'entry 1': it is a str; give an Item or a dict"),
    ],
)
def test_an_invalid_item_is_named_and_not_written(shop, item, reason):
    with pytest.raises(CatalogError, match=reason):
        shop.put_items([item])
    report = shop.put_items([Item("new", "Sky", "blue"), item])
    assert report.added == ("new",)
    assert len(report.refused) == 1
    assert sorted(stored(shop)) == ["a", "b", "c", "new"]


NAMES = ("p\\", "\\", 'a\\"b', "a.b", "[0]", "a[b]", "%5C", "%", "\0", "\n", " ", "größe", "x" * 70_000)
"""Names of fields that a path in JSON could misread."""


def test_any_name_of_a_field_is_stored_and_can_be_filtered_by(shop):
    metadata = {name: f"value {place}" for place, name in enumerate(NAMES)}
    shop.put_items([Item("d", "Sky", "blue", metadata)])
    assert stored(shop)["d"].record.metadata == metadata
    for name, value in metadata.items():
        assert found(shop, "blue", where={name: value}) == ["d"]
        assert found(shop, "blue", where={name: "another"}) == []
    assert shop.put_items([Item("d", "Sky", "blue", metadata)]).unchanged == ("d",)


@pytest.mark.parametrize("value", [-(2**63), 2**63 - 1])
def test_the_largest_integers_are_stored_and_can_be_filtered_by(shop, value):
    shop.put_items([Item("d", "Sky", "blue", {"size": value, "price": value})])
    assert stored(shop)["d"].record.metadata == {"size": value, "price": value}
    assert found(shop, "blue", where={"price": value}) == ["d"]
    assert found(shop, "blue", where={"size": value}) == ["d"]


def nested(depth):
    value = "a"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"id": "d\0", "title": "Sky"}, "the id holds a NUL character"),
        (
            {"id": 10**5000, "title": "Sky"},
            "item 'entry 1': \"id\" is a number with too many digits",
        ),
        ({"id": "x" * 9_000_000, "title": "Sky"}, "the limit is 8,388,608"),
        (
            {"id": "d", "title": "Sky", "metadata": {f"f{n}": "x" * 1_000_000 for n in range(9)}},
            "id, texts and metadata together have 9,000,",
        ),
        ({"id": "d", "title": "Sky", "metadata": {"p": nested(5000)}}, "'p' is an object"),
        ({"id": "d", "title": "Sky", "metadata": {10**5000: 1}}, "of type int cannot be the name of a field"),
        ({"id": "d", "title": "Sky", 10**5000: 1}, "an item has id, title, text and metadata"),
    ],
    ids=["NUL", "digits", "long id", "size", "depth", "name", "key"],
)
def test_an_item_that_no_store_can_hold_is_refused_before_the_journal(shop, item, reason):
    with pytest.raises(CatalogError) as refusal:
        shop.put_items([item])
    assert reason in str(refusal.value)
    assert len(str(refusal.value)) < 300
    assert shop.put_items([Item("good", "Sky", "blue")]).added == ("good",)


@pytest.mark.parametrize("value", [2**63, Decimal("sNaN"), float("inf")])
def test_a_value_that_does_not_fit_its_field_is_left_out_and_told(shop, value):
    shop.put_items([Item(str(n), "Sky", "blue", {"price": n}) for n in range(20)])
    report = shop.put_items([Item("d", "Sky", "blue", {"price": value, "kind": "view"})])
    assert stored(shop)["d"].record.metadata == {"kind": "view"}
    assert any("1 values were left out, for instance item 'd'" in note for note in report.notes)


def test_an_item_with_too_many_passages_is_refused_before_the_journal(shop, monkeypatch):
    monkeypatch.setattr(item_limits, "MAX_ITEM_NUMBERS", 6 * 3)  # three passages of six numbers
    with pytest.raises(CatalogError, match=r"item 'd': the text has 5 passages; the limit is 3 "):
        shop.put_items([Item("d", "Sky", "blue " * 30)])
    assert shop.put_items([Item("good", "Sky", "blue " * 9)]).added == ("good",)
    assert sorted(stored(shop)) == ["a", "b", "c", "good"]


def test_an_item_whose_vector_is_not_finite_is_refused_before_the_journal(shop, monkeypatch):
    encode = shop.encoder.encode_documents

    def encode_badly(texts, progress=None):
        vectors = encode(texts, progress)
        return np.where([["odd" in text] for text in texts], np.float32("nan"), vectors)

    monkeypatch.setattr(shop.encoder, "encode_documents", encode_badly)
    with pytest.raises(ItemRefusedError, match=r"item 'd' was not stored: vector 'text' holds NaN"):
        shop.put_items([Item("new", "Sky", "blue"), Item("d", "odd")])
    assert sorted(stored(shop)) == ["a", "b", "c"]
    assert shop.put_items([Item("good", "Sky", "blue")]).added == ("good",)


def test_ids_that_no_item_can_have_are_unknown(shop):
    odd = ("", " ", "\0", "\ud800", "x" * 9_000_000)
    report = shop.delete_items(["a", *odd])
    assert (report.deleted, report.unknown) == (("a",), ("", *odd[2:]))
    with pytest.raises(CatalogError, match=r"item_ids\[1\] is a truth value"):
        shop.delete_items(["b", True])
    assert sorted(stored(shop)) == ["b", "c"]


def test_a_single_item_instead_of_a_list_is_an_error(shop):
    for wrong in (CATALOG[0], {"id": "d"}, "abc"):
        with pytest.raises(CatalogError, match="give a list of items"):
            shop.put_items(wrong)
    with pytest.raises(CatalogError, match=r"write item_ids=\['abc'\]"):
        shop.delete_items("abc")


def test_items_are_rendered_and_split_like_those_of_the_index(tmp_path):
    from semrec.indexer.read import FieldMapping

    folder = tmp_path / "shop"
    with Shop(
        folder,
        Settings(encoder={"model": "toy"}, index={"passage_tokens": 8}),
        encoder=Counting(passage_tokens=20),
    ) as shop:
        rows = [{"id": "a", "title": "red", "maker": "blue", "text": ""}]
        shop.index(rows, mapping=FieldMapping(template="{title} by {maker}. {text}"))
        assert encoded(shop) == ["red by blue."]
    with Shop(folder, Settings(), encoder=Counting(passage_tokens=20)) as shop:
        shop.put_items([Item("b", "green", "red " * 12, {"maker": "blue"})])
        assert encoded(shop) == ["green by blue.", "red " * 7 + "red", "red red red red"]


# -- deleting --------------------------------------------------------------------------------------


def test_a_deleted_item_is_gone_at_once_and_unknown_ids_are_named(shop):
    report = shop.delete_items(["b", "nobody", "b"])
    assert (report.deleted, report.unknown) == (("b",), ("nobody",))
    assert set(found(shop, "red square")) == {"a", "c"}
    assert (shop.info()["items"], shop.info()["passages"]) == (2, 2)


def test_deleting_unknown_items_writes_nothing(shop, monkeypatch):
    with shop.reading() as generation:
        monkeypatch.setattr(generation.index, "delete", None)
    assert shop.delete_items(["nobody"]).unknown == ("nobody",)
    assert shop.delete_items([]).unknown == ()


def test_all_items_can_be_deleted_and_others_put(shop):
    shop.delete_items(["a", "b", "c"])
    assert found(shop, "red") == []
    shop.put_items([Item("d", "Sky", "blue")])
    assert found(shop, "red") == ["d"]


# -- any sequence ----------------------------------------------------------------------------------

ITEMS = st.builds(
    Item,
    st.sampled_from("abcdef"),
    st.sampled_from(["", "Toy", "red"]),
    st.lists(st.sampled_from(COLOURS), min_size=1, max_size=12).map(" ".join),
    st.fixed_dictionaries({}, optional={"kind": st.sampled_from(["x", "y"]), "price": st.integers(0, 3)}),
)
CHANGES = st.lists(
    st.one_of(st.lists(ITEMS, max_size=4), st.sets(st.sampled_from("abcdefg"), max_size=3)), max_size=6
)
FIRST = [
    Item("a", "Toy", "red round", {"kind": "x", "price": 1}),
    Item("z", "Last", "blue", {"kind": "y", "price": 0}),
]


@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(changes=CHANGES)
@pytest.mark.parametrize("engine", ["edge", "memory"])
def test_any_sequence_of_changes_equals_a_new_index(engine, changes, built, tmp_path_factory):
    expected = {item.item_id: item for item in FIRST}
    folder = tmp_path_factory.mktemp("sequence")
    with closing(open_shop(engine, FIRST, folder / "changed", built)) as shop:
        for change in changes:
            if isinstance(change, list):
                shop.put_items(change)
                expected |= {item.item_id: item for item in reversed(change)}
            else:
                shop.delete_items(change)
                expected = {key: item for key, item in expected.items() if key not in change}
        with closing(open_shop(engine, FIRST, folder / "fresh", built)) as fresh:
            fresh.delete_items(["a", "z"])
            fresh.put_items(expected.values())
            assert_same(shop, fresh, {"kind": "x"})
