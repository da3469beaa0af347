"""A catalog indexed again: only what differs is encoded and written, on both engines."""

from __future__ import annotations

import json

import numpy as np
import pytest
from qdrant_client import QdrantClient
from shops import Counting, Shop, assert_same, encoded, found, stored
from toy import WORDS as COLOURS

from semrec.config import Settings
from semrec.errors import CatalogError, ConfigError
from semrec.indexer.read import FieldMapping
from semrec.indexer.update import max_in_place
from semrec.indexer.upsert import UNCOUNTED
from semrec.store.edge import EdgeStore
from semrec.store.server import ServerStore
from semrec.types import Item

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")


def items(n, first=0, **metadata):
    """Return items with different texts."""
    return [
        Item(
            f"item-{i}", f"Toy {i}", " ".join(["red"] * (i % 5) + [COLOURS[i % 5]]), {"price": i, **metadata}
        )
        for i in range(first, first + n)
    ]


@pytest.fixture(params=["edge", "memory"])
def new_shop(request, tmp_path):
    """Return a function that opens workspaces; the same name is the same workspace."""
    stores = {}
    opened = []

    def open_shop(name="shop", computed_by=None, **given):
        folder = tmp_path / name
        if request.param == "edge":
            store = EdgeStore(folder)
        else:
            store = stores.setdefault(name, ServerStore(name, client=QdrantClient(":memory:")))
        given = {"encoder": {"model": "toy"}, "cache": {"folder": tmp_path / "cache"}, **given}
        opened.append(Shop(folder, Settings(**given), store=store, encoder=computed_by or Counting()))
        return opened[-1]

    yield open_shop
    for shop in opened:
        shop.close()


@pytest.fixture
def shop(new_shop, built, tmp_path):
    shop = new_shop()
    if isinstance(shop.store, EdgeStore):
        built(items(60), tmp_path)
    else:
        shop.index(items(60))
        shop.encoder.texts.clear()
    return shop


def counts(report):
    return report.n_added, report.n_changed, report.n_metadata, report.n_unchanged, report.n_deleted


def content_of(folder):
    """Return the content of the files. The engine rewrites its JSON files when it opens an index."""
    return {
        str(path): json.loads(path.read_text() or "0") if path.suffix == ".json" else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_an_unchanged_catalog_writes_nothing(shop, tmp_path):
    if not isinstance(shop.store, EdgeStore):
        pytest.skip("has no files")
    shop.close()
    before = content_of(tmp_path / "shop")
    report = shop.index(items(60))
    shop.close()
    assert counts(report) == (0, 0, 0, 60, 0)
    assert (report.generation, report.n_items, report.device) == (1, 60, "")
    assert encoded(shop) == []
    assert content_of(tmp_path / "shop") == before


def test_few_changes_are_written_in_place(shop):
    changed = [
        *items(57),
        Item("item-57", "Toy 57", "square", {"price": 57}),
        Item("item-58", "Toy 58", items(1, 58)[0].text, {"price": 1000}),
        Item("item-60", "Toy 60", "blue blue", {"price": 60, "new": True}),
    ]
    report = shop.index(changed)
    assert (report.generation, counts(report)) == (1, (1, 1, 1, 57, 0))
    assert encoded(shop) == ["Toy 57\nsquare", "Toy 60\nblue blue"]
    assert report.n_items == len(stored(shop)) == 61
    assert found(shop, "red", where={"price": 1000}) == ["item-58"]
    assert found(shop, "red", where={"new": True}) == ["item-60"]


def test_many_changes_make_a_new_generation_with_copies_of_the_rest(shop, new_shop):
    report = shop.index(items(40, 40))
    assert (report.generation, counts(report)) == (2, (20, 0, 0, 20, 0))
    assert len(encoded(shop)) == 20
    fresh = new_shop("fresh")
    fresh.index(items(80))
    assert_same(shop, fresh, where={"price": {"lt": 30}})
    with shop.reading() as one, fresh.reading() as other:
        np.testing.assert_allclose(one.manifest.text_mean, other.manifest.text_mean, atol=1e-6)


def test_many_prices_change_and_nothing_is_encoded(shop, new_shop):
    report = shop.index([Item(i.item_id, i.title, i.text, {"price": -1}) for i in items(60)])
    assert (report.generation, counts(report), encoded(shop)) == (2, (0, 0, 60, 0, 0), [])
    assert all(point.record.metadata == {"price": -1} for point in stored(shop).values())


@pytest.mark.parametrize(
    ("n_items", "most"), [(60, 12), (5_000, 1_000), (10_000, 1_000), (20_000, 1_000), (40_000, 2_000)]
)
def test_changes_in_place_are_a_thousand_or_a_twentieth_and_at_most_a_fifth(n_items, most):
    assert max_in_place(n_items) == most


def test_changes_in_place_add_up_until_the_index_is_built_again(shop):
    for n in range(3):
        report = shop.index([Item(f"new-{n}-{m}", "Toy", "blue") for m in range(4)])
        assert report.generation == 1
    report = shop.index([Item(f"more-{m}", "Toy", "blue") for m in range(3)])
    assert report.generation == 2
    with shop.reading() as generation:
        assert generation.manifest.n_changes == 0


# -- deleting --------------------------------------------------------------------------------------


def test_only_sync_deletes_what_the_source_does_not_name(shop):
    assert shop.index(items(55)).n_deleted == 0
    assert len(stored(shop)) == 60
    report = shop.index(items(55), sync=True)
    assert (report.generation, report.n_deleted, report.n_items) == (1, 5, 55)
    assert sorted(stored(shop)) == sorted(item.item_id for item in items(55))


def test_a_fifth_of_the_items_can_be_deleted_and_not_one_more(shop):
    with pytest.raises(CatalogError, match=r"13 of the 60 items of the index would be deleted"):
        shop.index(items(47), sync=True)
    assert shop.index(items(48), sync=True).n_deleted == 12


def test_more_is_deleted_only_if_that_is_allowed(shop):
    before = stored(shop).keys()
    with pytest.raises(
        CatalogError,
        match=r"names 40 items; .*20 of the 60 items .* would be deleted\. .*Nothing was .*--yes",
    ):
        shop.index(items(40), sync=True)
    with pytest.raises(CatalogError, match=r"would be deleted"):
        shop.index(items(80, 50), sync=True)  # also after a build was started
    assert stored(shop).keys() == before
    assert shop.info()["current"] == 1
    report = shop.index(items(40), sync=True, allow_large_delete=True)
    assert (report.n_deleted, len(stored(shop))) == (20, 40)


@pytest.mark.parametrize("options", [{}, {"sync": True}, {"sync": True, "allow_large_delete": True}])
def test_a_source_without_items_changes_nothing(shop, options):
    with pytest.raises(CatalogError, match=r"No row can be used: .*\(2 rows\)"):
        shop.index([Item("item-1"), Item("item-2")], **options)
    assert len(stored(shop)) == 60


def test_an_item_with_a_rejected_row_stays_unchanged(shop):
    report = shop.index([Item("item-0"), *items(59, 1)], sync=True)
    assert (report.n_rejected, report.n_deleted) == (1, 0)
    assert stored(shop)["item-0"].record.title == "Toy 0"


def test_an_item_with_a_rejected_row_stays_if_everything_is_encoded(shop):
    report = shop.index([Item("item-0"), *items(59, 1)], mapping=FieldMapping(template="{title}"), sync=True)
    assert (report.generation, report.n_items, report.n_deleted) == (2, 60, 0)


# -- another way to encode -------------------------------------------------------------------------


def test_another_template_encodes_everything_and_keeps_what_the_source_does_not_name(shop):
    report = shop.index(items(50), mapping=FieldMapping(template="{title}, {text}"))
    assert (report.generation, report.n_items) == (2, 60)
    assert (len(encoded(shop)), report.n_cached) == (50, 10), "the other passages are in the cache"
    assert "10 items that the source does not name were kept" in report.notes[-1]
    assert stored(shop)["item-1"].record.passages == ("Toy 1, red green",)
    assert stored(shop)["item-59"].record.passages == (f"Toy 59\n{items(1, 59)[0].text}",)
    shop.encoder.texts.clear()
    assert shop.index(items(50)).generation == 2, "without a given template it stays"
    assert encoded(shop) == []


def test_another_encoder_encodes_everything(shop, new_shop):
    shop.close()
    other = Counting()
    other.name = other.fingerprint = "other"
    again = new_shop(computed_by=other, encoder={"model": "other"})
    report = again.index(items(10))
    assert (report.generation, report.n_items, len(other.texts)) == (2, 60, 60)
    assert again.info()["encoder"] == "other"
    assert not any("collaborative" in note for note in report.notes), "there were no models"


def test_another_passage_length_encodes_everything(shop, new_shop):
    shop.close()
    again = new_shop(index={"passage_tokens": 8})
    assert again.index(items(60)).generation == 2
    assert again.index(items(60)).generation == 2


def test_a_field_gets_the_wider_type_for_all_items(shop):
    report = shop.index([Item("new", "Toy", "blue", {"price": "free"})])
    assert (report.generation, shop.info()["fields"]["price"]) == (2, "keyword")
    assert stored(shop)["item-7"].record.metadata == {"price": "7"}
    assert found(shop, "red", where={"price": "free"}) == ["new"]


def test_a_rebuild_has_only_the_items_of_the_source(shop):
    report = shop.index(items(10), rebuild=True)
    assert (report.generation, report.n_items) == (2, 10)


# -- errors and kills ------------------------------------------------------------------------------


def test_a_run_after_an_error_encodes_only_the_rest(new_shop):
    broken = new_shop(computed_by=Counting(breaks_after=600))
    many = items(1500)
    for number, item in enumerate(many):
        many[number] = Item(item.item_id, f"Toy{number}", item.text)
    with pytest.raises(RuntimeError, match="out of memory"):
        broken.index(many)
    n_done = 512
    broken.close()
    again = new_shop()
    report = again.index(many)
    assert len(encoded(again)) == 1500 - n_done
    assert (report.n_items, report.n_cached) == (1500, n_done)


def test_an_interrupted_change_in_place_is_completed_by_the_next_run(shop, monkeypatch):
    with shop.reading() as generation:
        index = generation.index
    store = shop.store
    rewrite = store.rewrite_manifest

    def breaks_when_counted(number, manifest):
        rewrite(number, manifest)
        if manifest.n_passages == UNCOUNTED:
            monkeypatch.setattr(store, "rewrite_manifest", lambda *_: 1 / 0)

    monkeypatch.setattr(store, "rewrite_manifest", breaks_when_counted)
    changed = [*items(55), *items(4, 60, colour="red")]
    with pytest.raises(ZeroDivisionError):
        shop.index(changed, sync=True)
    monkeypatch.undo()
    assert index.count() == 59
    report = shop.index(changed, sync=True)
    assert (report.n_items, report.n_passages, shop.info()["passages"]) == (59, 59, 59)
    assert len(found(shop, "red", where={"colour": "red"})) == 4


# -- dimension and int8 ----------------------------------------------------------------------------------


def test_vectors_of_items_and_queries_are_truncated(new_shop):
    whole = new_shop("whole")
    whole.index(items(60))
    cut = new_shop("cut", index={"text_dimension": 3})
    cut.index(items(60))
    with cut.reading() as generation:
        manifest = generation.manifest
    assert (manifest.dimension, manifest.vectors[0].dimension) == (3, 3)
    assert manifest.encoder_fingerprint.endswith("-3d")
    found, expected = stored(cut), stored(whole)
    for item_id, point in found.items():
        first = expected[item_id].vectors["text"][:3]
        assert point.vectors["text"] == pytest.approx(first / max(np.linalg.norm(first), 1e-12), abs=1e-5)
    cut.close()
    again = new_shop("cut")
    (best, *_) = again.recommend(text=COLOURS[1], k=1)
    assert COLOURS[1] in next(item.text for item in items(60) if item.item_id == best.item_id)


def test_without_a_setting_the_dimension_stays(new_shop):
    cut = new_shop("cut", index={"text_dimension": 3})
    cut.index(items(60))
    cut.close()
    again = new_shop("cut")
    assert counts(again.index(items(60))) == (0, 0, 0, 60, 0)
    again.put_items([Item("new", "Toy", "red red")])
    with again.reading() as generation:
        assert generation.manifest.dimension == 3


def test_another_dimension_encodes_everything(new_shop):
    cut = new_shop("cut", index={"text_dimension": 3})
    cut.index(items(60))
    cut.close()
    wider = new_shop("cut", index={"text_dimension": 4})
    wider.index(items(60))
    alone = new_shop("alone", index={"text_dimension": 4})
    alone.index(items(60))
    assert_same(wider, alone, {"price": {"gte": 30}})


def test_a_dimension_that_is_too_large_is_an_error(new_shop):
    with pytest.raises(ConfigError, match="text_dimension can be 1 to"):
        new_shop("cut", index={"text_dimension": 4000}).index(items(60))


@pytest.mark.filterwarnings("ignore:Local mode performs exact")
def test_search_in_int8_needs_no_encoding(shop, new_shop):
    answers = [one.item_id for one in shop.recommend(history=["item-3"], k=5)]
    with shop.reading() as generation:
        first = generation.number
    shop.close()
    again = new_shop(index={"quantize": True})
    again.index(items(60))
    assert again.encoder.texts == []
    with again.reading() as generation:
        assert generation.number > first
        assert generation.manifest.vectors[0].quantized
    assert [one.item_id for one in again.recommend(history=["item-3"], k=5)] == answers
    again.close()
    kept = new_shop()
    kept.index(items(61))
    with kept.reading() as generation:
        assert generation.manifest.vectors[0].quantized
    kept.close()
    exact = new_shop(index={"quantize": False})
    exact.index(items(61))
    with exact.reading() as generation:
        assert not generation.manifest.vectors[0].quantized
