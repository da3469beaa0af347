"""Items of events that the catalog does not have are counted when they are loaded, on every store."""

from __future__ import annotations

import uuid
from contextlib import contextmanager

import pytest
from stand_in_server import stand_in_server
from toy import ToyEncoder

from semrec import Item, Recommender, Settings
from semrec.config import StoreSettings
from semrec.store import patience

ROWS = [{"user": "ann", "item": item} for item in ("red", "x", "y")]


@contextmanager
def opened(folder, url):
    store = StoreSettings(qdrant=url, collection=folder.name if url else None)
    with Recommender(folder, Settings(store=store), encoder=ToyEncoder()) as shop:
        yield shop


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("engine", ["edge", "server"])
def test_unknown_items_are_counted(tmp_path, engine, is_open):
    folder = tmp_path / f"shop{uuid.uuid4().hex[:8]}"
    note = "2 of 3 items are not in the catalog: wrong id column?"
    with stand_in_server() as server:
        url = server.url if engine == "server" else None
        with opened(folder, url) as shop:
            shop.index([Item("red", "red")])
            if is_open:
                assert shop.recommend(text="red").recommendations
                assert note in shop.add_events(ROWS).notes
        if not is_open:
            with opened(folder, url) as shop:
                assert note in shop.add_events(ROWS).notes


def test_events_are_stored_while_the_server_is_away(tmp_path, monkeypatch):
    monkeypatch.setattr(patience, "SHORT_S", 0.1)
    folder = tmp_path / f"shop{uuid.uuid4().hex[:8]}"
    with stand_in_server() as server, opened(folder, server.url) as shop:
        shop.index([Item("red", "red")])
    with opened(folder, server.url) as shop:
        report = shop.add_events(ROWS)
    assert (report.added, report.notes) == (3, ())
