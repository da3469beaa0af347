"""Indexing, learning and changes on a server that answers late or is away: they complete, or go on later."""

from __future__ import annotations

import pytest
from toy import WORDS, ToyEncoder

from semrec import Item, Recommender, Settings
from semrec.errors import StoreUnavailableError
from semrec.store.server import ServerStore

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

N_ITEMS, WRITTEN = 600, 512  # a minute away after the first write, of 512 items
CATALOG = [Item(f"i{n}", f"{WORDS[n % 5]} {n}", WORDS[n % 5], {"size": n}) for n in range(N_ITEMS)]
EVENTS = [
    {"user_id": f"u{user}", "item_id": f"i{(user + 5 * n) % 20}", "time": 1.7e9 + 100 * user + n}
    for user in range(20)
    for n in range(4)
]


class CountingEncoder(ToyEncoder):
    """Counts the texts that it encodes."""

    n_texts = 0

    def encode_documents(self, texts, progress=None):
        self.n_texts += len(texts)
        return super().encode_documents(texts, progress)


@pytest.fixture
def encoder():
    return CountingEncoder()


@pytest.fixture
def shop(tmp_path, unreliable, clock, encoder):
    store = ServerStore("shop", client=unreliable, clock=clock)
    settings = Settings(cache={"mb": 0})
    with Recommender(tmp_path / "shop", settings, store=store, encoder=encoder) as shop:
        yield shop


def renamed(items):
    """Return the items with other texts."""
    return [Item(item.item_id, f"{item.title} again", f"{item.text} square", item.metadata) for item in items]


@pytest.mark.parametrize("stale_s", [0.07, 5])
def test_everything_completes_on_a_cluster_that_answers_late(shop, unreliable, stale_s):
    unreliable.stale_s = stale_s
    assert shop.index(CATALOG[:50]).generation == 1
    shop.add_events(EVENTS)
    assert shop.fit().generation == 2
    shop.put_items([Item("new", "new", "square", {"size": 1, "colour": "red"})])
    shop.delete_items(["i7"])
    assert shop.index(renamed(CATALOG[:50])).generation == 3
    assert shop.rollback() == 2
    assert {item.item_id for item in shop.items(["new", "i7", "i8"])} == {"new", "i8"}


@pytest.mark.parametrize("method", ["upsert", "update_collection", "count", "create_payload_index"])
def test_indexing_completes_when_the_server_is_away_for_ten_seconds(shop, unreliable, clock, method):
    shop.index(CATALOG[:50])
    unreliable.leave(method, seconds=10, loses_answer=True)
    report = shop.index(renamed(CATALOG))
    assert (report.generation, report.n_items, shop.info()["items"]) == (2, N_ITEMS, N_ITEMS)
    assert 10 <= clock.slept < 14


@pytest.mark.parametrize("method", ["upsert", "create_payload_index", "update_collection_aliases"])
def test_after_a_minute_indexing_goes_on_where_it_was(shop, unreliable, clock, encoder, method):
    shop.index(CATALOG[:50])
    unreliable.leave(method, after=1 if method == "upsert" else 0, seconds=60)
    with pytest.raises(StoreUnavailableError, match="run the same command again"):
        shop.index(renamed(CATALOG))
    clock.sleep(60)
    encoder.n_texts = 0
    report = shop.index(renamed(CATALOG)[: N_ITEMS - 20])
    assert (report.generation, report.n_items) == (2, N_ITEMS - 20)
    assert encoder.n_texts == (N_ITEMS - 20 - WRITTEN if method == "upsert" else 0)
    assert shop.items(["i3"])[0].title == "round 3 again"
    assert next(iter(shop.recommend(text="blue square"))).item_id.startswith("i")


def test_a_new_index_goes_on_too(shop, unreliable, clock, encoder):
    unreliable.leave("upsert", after=1, seconds=60)
    with pytest.raises(StoreUnavailableError, match="run the same command again"):
        shop.index(CATALOG)
    clock.sleep(60)
    encoder.n_texts = 0
    assert shop.index(CATALOG).n_items == N_ITEMS
    assert encoder.n_texts == N_ITEMS - WRITTEN


@pytest.mark.parametrize("method", ["upsert", "retrieve", "get_collection", "update_collection"])
def test_items_are_put_when_the_server_is_away_for_ten_seconds(shop, unreliable, method):
    shop.index(CATALOG[:50])
    shop.recommend(text="red")
    unreliable.leave(method, seconds=10, loses_answer=True)
    assert shop.put_items([Item("new", "new", "square")]).added == ("new",)
    assert shop.info()["items"] == 51


def test_an_item_that_could_not_be_put_in_a_minute_is_put_later(shop, unreliable, clock):
    shop.index(CATALOG[:50])
    shop.recommend(text="red")
    unreliable.leave("upsert", seconds=60)
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        shop.put_items([Item("new", "new", "square")])
    clock.sleep(60)
    shop.put_items([Item("next", "next", "round")])
    assert [item.item_id for item in shop.items(["new", "next"])] == ["new", "next"]
    assert shop.info()["items"] == 52


@pytest.mark.parametrize("method", ["scroll", "upsert", "get_aliases"])
def test_learning_survives_ten_seconds(shop, unreliable, method):
    shop.index(CATALOG[:50])
    shop.add_events(EVENTS)
    unreliable.leave(method, seconds=10)
    assert shop.fit().generation == 2
    assert "collaborative" in shop.info()["signals"]


def test_learning_ends_after_a_minute(shop, unreliable, clock):
    shop.index(CATALOG[:50])
    shop.add_events(EVENTS)
    assert shop.fit().generation == 2
    unreliable.leave("upsert", seconds=60)
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        shop.fit()
    clock.sleep(60)
    complete = [one.number for one in shop.generations() if one.is_complete]
    assert (shop.info()["current"], complete) == (2, [1, 2])
    assert "collaborative" in shop.info()["signals"]
    assert shop.fit().generation > 2


@pytest.mark.parametrize("method", ["query_batch_points", "get_collection"])
def test_a_question_waits_for_two_seconds_only(shop, unreliable, clock, method):
    def ask():
        return shop.recommend(text="red") if method == "query_batch_points" else shop.info()

    shop.index(CATALOG[:50])
    shop.recommend(text="red")
    unreliable.leave(method, seconds=1)
    assert ask()
    unreliable.leave(method, seconds=10)
    before = clock.slept
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        ask()
    assert clock.slept - before < 4
