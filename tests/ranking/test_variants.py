"""Variants and near-duplicates: groups, collapse, pages, `why_not`, all users."""

from __future__ import annotations

import polars as pl
import pytest
from qdrant_client import QdrantClient
from toy import ToyEncoder

from semrec import Item, QueryError, Recommender, UnknownFieldError
from semrec.config import Settings
from semrec.store.server import ServerStore

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

VIOLINS = [Item(f"violin{n}", "Violin", "red red round", {"brand": "Strad", "size": n}) for n in range(9)]
OTHERS = [
    Item("viola", "Viola", "red red red round square", {"brand": "Strad"}),
    Item("cello", "Cello", "red round round round", {"brand": "Amati"}),
    Item("bow", "Bow", "red square square", {"brand": "Amati"}),
    Item("rosin", "Rosin", "red green", {}),
    Item("stand", "Stand", "red blue blue", {"brand": "Holder"}),
    Item("lamp", "Lamp", "red red blue green", {"brand": "Holder"}),
]


@pytest.fixture(scope="module", params=["edge", "memory"])
def shop(request, tmp_path_factory):
    """A shop with nine equal violins, where a search finds ten items."""
    folder = tmp_path_factory.mktemp(f"variants-{request.param}") / "shop"
    store = None if request.param == "edge" else ServerStore("variants", client=QdrantClient(":memory:"))
    settings = Settings(ranking={"candidates": 10, "near_duplicates": "auto"})
    with Recommender(folder, settings, store=store, encoder=ToyEncoder(20)) as recommender:
        recommender.index([*VIOLINS, *OTHERS])
        recommender.add_events([{"user_id": "u", "item_id": "rosin", "kind": "view", "time": 1.7e9}])
        yield recommender


def ids(answer):
    return [item.item_id for item in answer]


@pytest.mark.parametrize("question", [{"text": "red red round"}, {"history": ["lamp"]}, {"user": "u"}])
def test_nine_equal_violins_are_one_card(shop, question):
    answer = shop.recommend(**question, k=5)
    assert len(answer) == 5
    assert sum(item_id.startswith("violin") for item_id in ids(answer)) <= 1
    for item in answer:
        if item.item_id.startswith("violin"):
            assert item.n_variants == len(item.variants) == 8
            assert {item.item_id, *item.variants} == {violin.item_id for violin in VIOLINS}
        else:
            assert (item.n_variants, item.variants) == (0, ())


def test_all_of_them_are_shown_on_request_and_in_long_lists(shop):
    assert sum(i.startswith("violin") for i in ids(shop.recommend(text="red round", k=15))) == 9
    kept = shop.recommend(text="red red round", k=5, near_duplicates="keep")
    assert all(item_id.startswith("violin") for item_id in ids(kept))
    collapsed = shop.recommend(text="red round", k=15, near_duplicates="collapse")
    assert len(collapsed) == 7


def test_similar_collapses_the_variants_of_an_item(shop):
    answer = shop.similar("violin3", k=5)
    assert sum(item_id.startswith("violin") for item_id in ids(answer)) == 1
    assert answer[0].n_variants == 7


def test_a_catalog_without_near_duplicates_has_nothing_to_collapse(tmp_path):
    settings = Settings(ranking={"near_duplicates": "auto"})
    with Recommender(tmp_path / "shop", settings, encoder=ToyEncoder(20)) as recommender:
        recommender.index([*OTHERS, VIOLINS[0]])
        with recommender.reading() as generation:
            assert generation.near_duplicates.per_item == 0
        assert len(recommender.recommend(text="red", k=7)) == 7


@pytest.mark.parametrize("store", ["edge", "memory"])
@pytest.mark.parametrize(("title", "n_shown"), [("Horn 2", 1), ("Tuba", 2)])
def test_like_texts_are_one_card_if_their_titles_agree(tmp_path, store, title, n_shown):
    """The texts have a cosine of 0.95: two instruments, or two sizes of one."""
    of_memory = None if store == "edge" else ServerStore("horns", client=QdrantClient(":memory:"))
    with Recommender(tmp_path / "shop", Settings(), store=of_memory, encoder=ToyEncoder(20)) as shop:
        horns = [
            Item("horn", "Horn 1", "green green square"),
            Item("other", title, "green green square square"),
        ]
        shop.index([*VIOLINS, *OTHERS, *horns])
        shop.add_events([{"user_id": "u", "item_id": "rosin", "kind": "view", "time": 1.7e9}])
        answer = shop.recommend(user="u", k=6, near_duplicates="collapse")
        assert len({"horn", "other"} & set(ids(answer))) == n_shown
        report = shop.recommend_all(tmp_path / "all.parquet", k=6, near_duplicates="collapse")
        of_all = pl.read_parquet(report.output).sort("rank")["item_id"].to_list()
        assert len({"horn", "other"} & set(of_all)) == n_shown


def test_pages_show_no_variant_of_an_earlier_page(shop):
    seen, after = [], None
    for _ in range(4):
        page = shop.recommend(text="red red round", k=2, after=after)
        seen += ids(page)
        if (after := page.next) is None:
            break
    assert len(seen) == len(set(seen)) == 7
    assert sum(item_id.startswith("violin") for item_id in seen) == 1


@pytest.mark.parametrize("group", ["brand", {"brand": 1}])
def test_a_group_has_one_place_also_where_it_fills_all_searches(shop, group):
    answer = shop.recommend(text="red red round", k=4, group=group, near_duplicates="keep")
    brands = [item.metadata.get("brand") for item in answer]
    assert sorted(map(str, brands)) == ["Amati", "Holder", "None", "Strad"]


def test_two_places_over_pages(shop):
    first = shop.recommend(text="red red round", k=2, group="brand=2", near_duplicates="keep")
    second = shop.recommend(
        text="red red round", k=9, group="brand=2", near_duplicates="keep", after=first.next
    )
    assert [item.metadata["brand"] for item in first] == ["Strad", "Strad"]
    brands = [item.metadata.get("brand") for item in second]
    assert sorted(map(str, brands)) == ["Amati", "Amati", "Holder", "Holder", "None"]


def test_groups_collapse_and_diversity_compose(shop):
    answer = shop.recommend(text="red red round", k=4, group="brand=2", diversity=0.3)
    brands = [item.metadata.get("brand") for item in answer]
    assert len(answer) == 4
    assert max(brands.count(brand) for brand in set(brands)) <= 2
    assert sum(item_id.startswith("violin") for item_id in ids(answer)) <= 1


def test_why_not_knows_variants_and_groups(shop):
    shown = ids(shop.recommend(text="red red round", k=3))[0]
    variant = next(violin.item_id for violin in VIOLINS if violin.item_id != shown)
    answer = shop.why_not(variant, text="red red round", k=3)
    assert (answer.verdict, answer.reason) == ("variant", "it is nearly the same as Violin, which is shown")
    grouped = shop.why_not("viola", text="red red round", k=3, group="brand")
    assert grouped.verdict == "grouped"
    assert "room for 1 items with the same brand" in grouped.reason


@pytest.mark.parametrize(
    "options",
    [{"k": 5}, {"k": 4, "group": "brand"}, {"k": 6, "group": "brand=2", "near_duplicates": "collapse"}],
)
def test_all_users_get_the_lists_of_single_answers(shop, tmp_path, options):
    report = shop.recommend_all(tmp_path / "all.parquet", **options)
    rows = pl.read_parquet(report.output).sort("rank")
    alone = shop.recommend(user="u", **options)
    assert rows["score"].to_list() == pytest.approx([item.score for item in alone], abs=1e-4)
    assert [i.rstrip("012345678") for i in rows["item_id"]] == [i.rstrip("012345678") for i in ids(alone)]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"group": "colour"}, UnknownFieldError, "cannot group by 'colour'"),
        ({"group": "brand=0"}, QueryError, "one field and its places"),
        ({"group": "brand=many"}, QueryError, "one field and its places"),
        ({"group": {"brand": 1, "size": 1}}, QueryError, "got 'brand, size'"),
        ({"near_duplicates": "some"}, QueryError, "one of auto, collapse, keep; got 'some'"),
    ],
)
def test_options_that_cannot_be_used(shop, options, error, message):
    with pytest.raises(error, match=message):
        shop.recommend(text="red", **options)
