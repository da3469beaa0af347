"""What must fail is found before anything is encoded or learned."""

from __future__ import annotations

import shutil
from collections import namedtuple

import polars as pl
import pytest
from club_shop import open_shop

from semrec import Recommender
from semrec.config import EventSettings, Settings
from semrec.errors import CatalogError, ConfigError, StoreError
from semrec.evaluation.evaluate_recommender import split_interactions
from semrec.events.frame import SCHEMA
from semrec.workspace.preflight import clean_events, interactions_to_evaluate

CATALOG = "id,title\n" + "".join(f"i{n},item {n}\n" for n in range(6))
TIMED = "".join(f"u{n % 3},i{n % 6},{1_600_000_000 + n * 60}\n" for n in range(15))


class NoEncoder:
    """An encoder that must not encode."""

    fingerprint = "none"

    def __getattr__(self, name):
        raise AssertionError(f"the encoder was asked for its {name}")


@pytest.fixture
def check(tmp_path):
    def check(events, catalog=CATALOG, **options):
        (tmp_path / "events.csv").write_text(events)
        (tmp_path / "catalog.csv").write_text(catalog)
        with Recommender(tmp_path / "shop", Settings(), encoder=NoEncoder()) as recommender:
            sources = str(tmp_path / "events.csv"), str(tmp_path / "catalog.csv")
            recommender.check_evaluation(*sources, **options)
        assert not (tmp_path / "shop").exists()

    return check


@pytest.mark.parametrize(
    ("events", "split", "error", "words"),
    [
        ("user,item,time\n" + TIMED, "tomorrow", ConfigError, "there is no split 'tomorrow'"),
        ("user,thing\na,i1\n", "random", CatalogError, "no column looks like the item"),
        ("user,item,time\na,i1,3/4/2022\n", "random", ConfigError, "--time-format"),
        ("user,item,kind\na,i1,sniff\nb,i2,sniff\n", "random", ConfigError, "kind has no weight: 2"),
        ("user,item\na,x1\nb,x2\n", "random", ConfigError, "item is not in the catalog: 2"),
        ("user,item\na,i1\na,i2\nb,i1\nb,i3\n", "time", ConfigError, "this split needs a time"),
        ("user,item,time\na,i1,1600000000\nb,i2,1600000000\n", "time", ConfigError, "leaves nothing to test"),
        (
            "user,item,time\na,i1,0\na,i2,1\nb,i1,0\nb,i3,1\n",
            "global-time",
            ConfigError,
            "use the split 'time'",
        ),
    ],
)
def test_an_evaluation_that_must_fail_fails_before_the_catalog_is_encoded(check, events, split, error, words):
    with pytest.raises(error, match=words):
        check(events, split=split)


def test_an_evaluation_that_can_run_passes(check):
    for split in ("time", "last", "random"):
        check("user,item,time\n" + TIMED, split=split)


def test_positions_hold_out_the_last_ones():
    rows = [(f"u{user}", f"{place}", "view", None, float(place)) for user in range(4) for place in range(5)]
    settings = EventSettings()
    frame = pl.DataFrame(rows[::-1], schema=SCHEMA, orient="row")
    items = [str(place) for place in range(5)]
    found = interactions_to_evaluate([frame], items, settings, "last", 0)
    assert clean_events([frame], items, settings).is_timed
    parts = split_interactions(found, "last", 0.2, 0)
    assert set(parts.test_events["item_id"]) == {"4"}


def test_no_room_on_the_disk_is_found_before_learning_and_encoding(own_unfitted, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(2**40, 2**40, 2**10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    (tmp_path / "catalog.csv").write_text(CATALOG)
    with (
        Recommender(tmp_path / "new", Settings(), encoder=NoEncoder()) as recommender,
        pytest.raises(StoreError, match="is full"),
    ):
        recommender.index(str(tmp_path / "catalog.csv"))
    steps = []
    with open_shop(own_unfitted) as shop, pytest.raises(StoreError, match="is full"):
        shop.fit(progress=steps.append)
    assert steps == []
