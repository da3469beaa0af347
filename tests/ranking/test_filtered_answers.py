"""Filters give the same items in an answer, in `why_not` and in recommendations for all users."""

from __future__ import annotations

import polars as pl
import pytest
from qdrant_client import QdrantClient
from toy import ToyEncoder

from semrec import Item, Recommender
from semrec.config import Settings
from semrec.ranking.typed_filters import parse_filters
from semrec.store.server import ServerStore

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

ITEMS = [
    Item(
        "pot", "red pot", "red", {"brand": "Acme", "price": "19.99", "tags": ("tea", "kitchen"), "year": 2019}
    ),
    Item("cup", "red cup", "red", {"brand": "ACME", "price": "$25", "tags": ("tea",), "year": 2021}),
    Item("pan", "red pan", "red", {"brand": "Bolt", "price": "N/A", "added": "2024-01-05T14:00:00"}),
    Item("jar", "red jar", "red", {"brand": "Bolt", "price": "7", "added": "2024-02-01", "year": 2020}),
    Item("lid", "red lid", "red", {"tags": ("kitchen",), "year": 2018}),
]
CASES = [
    (["brand=acme"], {"pot", "cup"}),
    (["brand!=Acme"], {"pan", "jar", "lid"}),
    (["brand!=*"], {"lid"}),
    (["price<=20"], {"pot", "jar"}),
    (["tags+=tea", "tags+=kitchen"], {"pot"}),
    (["added<=2024-01-05"], {"pan"}),
    (["added>=2024-01", "brand=*"], {"pan", "jar"}),
    (["brand=acme | year<2019"], {"pot", "cup", "lid"}),
    (["brand=acme | year<2019", "tags=kitchen", "year!=2018"], {"pot"}),
    (["year>=2019", "year!=2020"], {"pot", "cup"}),
]


@pytest.fixture(scope="module", params=["edge", "memory"])
def shop(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"filtered-{request.param}") / "shop"
    store = None if request.param == "edge" else ServerStore("filtered", client=QdrantClient(":memory:"))
    with Recommender(folder, Settings(), store=store, encoder=ToyEncoder()) as recommender:
        recommender.index(ITEMS)
        recommender.add_events([{"user_id": "u", "item_id": "gone", "kind": "view", "time": 1.7e9}])
        yield recommender


@pytest.mark.parametrize(("written", "fitting"), CASES, ids=lambda case: " ".join(sorted(case)))
def test_every_door_gives_the_same_items(shop, tmp_path, written, fitting):
    where = parse_filters(written)
    assert {item.item_id for item in shop.recommend(text="red", where=where)} == fitting
    verdicts = {item.item_id: shop.why_not(item.item_id, text="red", where=where).verdict for item in ITEMS}
    assert {item_id for item_id, verdict in verdicts.items() if verdict == "recommended"} == fitting
    assert set(verdicts.values()) == {"recommended", "filtered"}
    report = shop.recommend_all(tmp_path / "all.parquet", where=where)
    assert set(pl.read_parquet(report.output)["item_id"]) == fitting


@pytest.mark.parametrize(
    ("where", "note"),
    [
        ({"brand": "Acmy"}, "no item has 'Acmy' in 'brand'; the nearest values: 'ACME' (1)"),
        ({"year": 1890}, "no item fits: year must be 1890; the nearest values: 2018, 2019, 2020"),
        (
            {"year": {"gt": 2021}},
            "no item fits: year must be more than 2021; the nearest values: 2019, 2020, 2021",
        ),
        ({"brand": "Acme", "year": 2018}, "each filter fits some items, but no item fits all filters"),
    ],
)
def test_an_empty_answer_says_which_filter_leaves_nothing(shop, where, note):
    answer = shop.recommend(text="red", where=where)
    assert len(answer) == 0
    assert answer.notes == (note,)


def test_a_value_that_does_not_occur_is_noted_next_to_one_that_does(shop, tmp_path):
    where = {"brand": ["Bolt", "Bold"]}
    answer = shop.recommend(text="red", where=where)
    assert {item.item_id for item in answer} == {"pan", "jar"}
    assert answer.notes[0].startswith("no item has 'Bold' in 'brand'; the nearest values: 'Bolt' (2)")
    report = shop.recommend_all(tmp_path / "all.parquet", where=where)
    assert answer.notes[0] in report.notes


def test_a_new_spelling_is_found_at_once(shop):
    shop.put_items([Item("mug", "red mug", "red", {"brand": "acMe"})])
    found = {item.item_id for item in shop.recommend(text="red", where={"brand": "ACME"})}
    shop.delete_items(["mug"])
    assert found == {"pot", "cup", "mug"}
