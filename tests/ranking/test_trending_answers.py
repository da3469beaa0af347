"""Users without a history get what is popular and what many have used lately."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from toy import ToyEncoder

from semrec import Item, Recommender
from semrec.config import Settings

DAY = 86_400
N_DAYS, SEASON = 160, 40
KINDS = ("red", "green")


def items():
    """Return twelve items for each of four seasons, half of them of each kind."""
    return [
        Item(f"s{season}-{n}", f"Item {n} of {season}", f"{KINDS[n % 2]} " * (n + 1), {"kind": KINDS[n % 2]})
        for season in range(N_DAYS // SEASON)
        for n in range(12)
    ]


def events(has_times):
    """Return events of one new user a day; each uses three items of the season, the first ones more often."""
    random = np.random.default_rng(0)
    share = 1 / np.arange(1, 13)
    return [
        {
            "user_id": f"u{day}",
            "item_id": f"s{day // SEASON}-{n}",
            "kind": "view",
            **({"time": 1.6e9 + DAY * day} if has_times else {}),
        }
        for day in range(N_DAYS)
        for n in random.choice(12, 3, replace=False, p=share / share.sum())
    ]


@pytest.fixture(scope="module", params=[True, False], ids=["with times", "without times"])
def has_times(request):
    return request.param


@pytest.fixture(scope="module")
def shop(has_times, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trending") / "shop"
    with Recommender(folder, Settings(), encoder=ToyEncoder(20)) as recommender:
        recommender.index(items())
        recommender.add_events(events(has_times))
        recommender.fit()
        yield recommender


def test_an_unknown_user_gets_the_items_of_the_last_season(shop, has_times):
    answer = shop.recommend(user="new", k=5, near_duplicates="keep")
    seasons = [item.item_id.split("-")[0] for item in answer]
    assert (set(seasons) == {"s3"}) == has_times
    assert (answer.fallback == "popular and trending") == has_times
    assert ("trending" in answer[0].signals) == has_times
    if has_times:
        assert "popular and trending" in answer.notes[0]
        assert sum(answer[0].signals.values()) == pytest.approx(1)


def test_what_is_rising_in_a_part_of_the_catalog(shop, has_times):
    answer = shop.recommend(user="new", k=3, where={"kind": "green"}, near_duplicates="keep")
    assert {item.metadata["kind"] for item in answer} == {"green"}
    assert all(item.item_id.startswith("s3") for item in answer) or not has_times


def test_a_history_is_not_asked_for_what_is_trending(shop):
    answer = shop.recommend(history=["s0-1", "s0-3"], k=5)
    assert all("trending" not in item.signals for item in answer)


def test_the_half_life_is_told(shop, has_times):
    assert ("trending" in shop.info()["signals"]) == has_times


def test_all_users_get_the_same_as_one(shop, has_times, tmp_path):
    shop.add_events([{"user_id": "unknown", "item_id": "s0-0", "kind": "impression"}])
    report = shop.recommend_all(tmp_path / "all.parquet", k=5, near_duplicates="keep")
    rows = pl.read_parquet(report.output).filter(pl.col("user_id") == "unknown").sort("rank")
    alone = shop.recommend(user="unknown", k=5, near_duplicates="keep")
    assert rows["item_id"].to_list() == [item.item_id for item in alone]
    assert rows["score"].to_list() == pytest.approx([item.score for item in alone], abs=1e-4)


def test_an_item_that_is_put_later_is_not_trending(shop):
    shop.put_items([Item("later", "Later", "red green", {"kind": "red"})])
    answer = shop.recommend(user="new", k=10, near_duplicates="keep")
    assert "later" not in [item.item_id for item in answer]
