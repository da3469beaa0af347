"""A shop whose users go through its items in one order: what is taken next counts, and so does the order."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from club_shop import DAY, START, load, open_shop

from semrec import Event, Item
from semrec.ranking.sentences import reason_sentence

N_ITEMS, N_USERS, LENGTH = 24, 150, 6
IDS = [f"{place:02}" for place in range(N_ITEMS)]


def catalog():
    """Return items of a row, each like its neighbours, and one that nobody used."""
    words = ("red", "green", "blue", "round", "square", "flat")
    items = [Item(item_id, f"Title {item_id}", words[place // 4 % 6]) for place, item_id in enumerate(IDS)]
    return [*items, Item("new", "Title new", "red")]


def walks(time_of=lambda user, step: START + (10 * user + step) * DAY / 50):
    """Return users who take one item after the other, from a random one on."""
    starts = np.random.default_rng(0).integers(N_ITEMS, size=N_USERS)
    return {
        f"u{user}": [
            Event(IDS[(start + step) % N_ITEMS], "view", None, time_of(user, step)) for step in range(LENGTH)
        ]
        for user, start in enumerate(starts)
    }


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """The fitted shop and the report of its fit."""
    folder = tmp_path_factory.mktemp("street") / "shop"
    with open_shop(folder) as shop:
        shop.index(catalog())
        load(folder, walks())
        yield shop, shop.fit()


def answer(shop, history, k=5):
    return shop.recommend(history=[Event(item) for item in history], k=k)


def test_what_follows_is_learned_and_comes_first(street):
    shop, report = street
    assert report.learning["chosen"]["item_item_link"] == "taken next"
    assert report.learning["compared"]["taken next"] > report.learning["compared"]["EASE"]
    for length in (1, 2, 3):
        history = IDS[7 : 7 + length]
        assert answer(shop, history)[0].item_id == IDS[7 + length], history


def test_the_same_items_in_another_order_get_another_answer(street):
    shop, _ = street
    one, other = answer(shop, IDS[3:6]), answer(shop, IDS[3:6][::-1])
    assert [item.item_id for item in one] != [item.item_id for item in other]
    assert [item.score for item in one] != [item.score for item in other]


def test_reasons_tell_what_an_item_is_taken_after_and_add_up(street):
    shop, _ = street
    first = answer(shop, IDS[7:10])[0]
    strongest = first.because[0]
    assert (strongest.item_id, strongest.signal, strongest.relation) == (
        IDS[9],
        "item_item",
        "taken next after",
    )
    assert reason_sentence(first).startswith("Often taken next after Title 09 (")


def test_one_answer_is_that_of_all_users(street, tmp_path):
    shop, _ = street
    shop.recommend_all(tmp_path / "all.parquet", k=5)
    rows = pl.read_parquet(tmp_path / "all.parquet").filter(pl.col("user_id") == "u3").sort("rank")
    one = shop.recommend(user="u3", k=5)
    assert rows["item_id"].to_list() == [item.item_id for item in one]
    np.testing.assert_allclose(rows["score"], [item.score for item in one], atol=1e-3)


@pytest.mark.parametrize(
    "time_of", [lambda user, step: None, lambda user, step: START], ids=["none", "equal"]
)
def test_a_log_without_order_says_so(tmp_path, time_of):
    with open_shop(tmp_path / "shop") as shop:
        shop.index(catalog())
        load(tmp_path / "shop", walks(time_of))
        report = shop.fit()
        assert any("the events have no order" in note for note in report.learning["notes"])
        assert report.learning["chosen"]["item_item_link"] != "taken next"
        one, other = answer(shop, IDS[3:6]), answer(shop, IDS[3:6][::-1])
        assert {item.item_id for item in one} == {item.item_id for item in other}
