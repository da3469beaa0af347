"""Whole folders in public layouts: which file holds what, and what is read of it."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from semrec.errors import CatalogError
from semrec.indexer.event_source import open_events
from semrec.indexer.mapping import FieldMapping
from semrec.indexer.read import open_catalog
from semrec.indexer.recognition import content_of
from semrec.indexer.rejects import Reject
from semrec.types import Item

DATA = Path(__file__).parents[1] / "data"


def catalog_of(name, mapping=None):
    """Return the items of a folder by id, the reasons of its rejects, and what is told."""
    catalog = open_catalog(DATA / name, mapping, max_text_bytes=10_000)
    entries = list(catalog)
    items = {item.item_id: item for item in entries if isinstance(item, Item)}
    rejects = [reject.reason for reject in entries if isinstance(reject, Reject)]
    return items, rejects, "\n".join([*catalog.notes, *catalog.cleaning.notes()])


def events_of(name):
    """Return user and item of the events of a folder, the kinds, and what is told."""
    source = open_events(DATA / name)
    frame = pl.concat(list(source))
    assert not source.rejected
    rows = frame.rows()
    return [row[:2] for row in rows], Counter(row[2] for row in rows), "\n".join(source.notes)


@pytest.mark.parametrize(
    ("columns", "content"),
    [
        ("movieId title genres", "items"),
        ("userId movieId rating timestamp", "events"),
        ("movieId imdbId tmdbId", "neither"),
        ("ITEM_ID GENRES DESCRIPTION", "items"),
        ("USER_ID ITEM_ID TIMESTAMP EVENT_TYPE EVENT_VALUE", "events"),
        ("USER_ID AGE GENDER", "neither"),
        ("timestamp visitorid event itemid transactionid", "events"),
        ("Handle Title Vendor", "items"),
        ("parent_asin title description price", "items"),
    ],
)
def test_columns_tell_what_a_file_holds(columns, content):
    assert content_of(columns.split()) == content


@pytest.mark.parametrize("name", ["movielens", "movielens_1m"])
def test_movielens(name):
    items, rejects, told = catalog_of(name)
    assert (len(items), rejects) == (6, [])
    genres = ("Adventure", "Animation", "Children")
    assert items["1"] == Item("1", "Harbour Lights (1995)", "", {"genres": genres})
    assert items["2"].title == "The Café Mystery (1996)"
    assert "ratings" in told
    pairs, kinds, told = events_of(name)
    assert (len(pairs), kinds) == (8, {"rate": 8})
    assert pairs[0] == ("1", "1")


def test_movielens_says_what_each_file_is_taken_for():
    _, _, told = catalog_of("movielens")
    assert "movies.csv: items (guessed by its columns)" in told
    assert "ratings.csv: events of users with items (guessed by its columns)" in told
    assert "links.csv: neither items nor events (guessed by its columns)" in told
    _, _, told = events_of("movielens")
    assert 'tags.csv" (other columns than the rest; name a file to read it)' in told


def test_movielens_100k():
    items, _, told = catalog_of("movielens_100k")
    assert items["2"].title == "The Café Mystery (1996)"
    assert "u.item: is in cp1252 (guessed)" in told
    assert "has no line of column names; taken for films of MovieLens 100K (guessed)" in told
    assert len(events_of("movielens_100k")[0]) == 8


def test_amazon_reviews_2023():
    items, rejects, told = catalog_of("amazon_2023")
    assert (len(items), rejects) == (5, [])
    violin = items["B000000001"]
    assert violin.text == "A violin for beginners.\nWith case & bow."
    assert violin.metadata["details.Brand"] == "Cantata"
    assert violin.metadata["categories"] == ("Musical Instruments", "Stringed Instruments")
    prices = [item.metadata.get("price") for item in items.values()]
    assert prices == [89.99, 6.49, None, None, 31.0]
    assert items["B000000003"].text == "Folds & fits into the bag."
    assert "HTML was turned into text in 1 items" in told
    pairs, _, _ = events_of("amazon_2023")
    assert set(pairs) >= {("AE222AAAA", "B000000001"), ("AG444CCCC", "B000000004")}


def test_mind():
    items, rejects, told = catalog_of("mind")
    assert (len(items), rejects) == (5, [])
    assert items["N1"].title == 'Keeper: "We play on"'
    assert "taken for news of MIND (guessed)" in told
    pairs, kinds, told = events_of("mind")
    assert kinds == {"click": 12, "impression": 5}
    assert pairs[:4] == [("U13740", "N1"), ("U13740", "N2"), ("U13740", "N3"), ("U13740", "N4")]
    assert "taken for behaviors of MIND: clicks and impressions" in told


def test_shopify():
    items, rejects, told = catalog_of("shopify")
    shirt = items["linen-shirt"]
    assert (shirt.title, shirt.text) == ("Linen Shirt", "A light shirt for summer.\n100% linen")
    assert shirt.metadata["Option1 Value"] == ("S", "M", "L")
    assert shirt.metadata["Variant SKU"] == ("LS-S", "LS-M", "LS-L")
    assert (shirt.metadata["Variant Price"], shirt.metadata["Tags"]) == (49.0, ("summer", "linen"))
    assert list(items) == ["linen-shirt", "wool-hat", "canvas-bag"]
    assert [reason.split(" (")[0] for reason in rejects] == [
        'is hidden by the shop, see --with-hidden: "Published" is false',
        'is hidden by the shop, see --with-hidden: "Status" is archived',
        'is hidden by the shop, see --with-hidden: "Status" is draft',
    ]
    assert "the rows of a handle are one item" in told
    assert len(catalog_of("shopify", FieldMapping(with_hidden=True))[0]) == 6


def test_woocommerce():
    items, rejects, _ = catalog_of("woocommerce")
    assert list(items) == ["44", "45", "46", "49"]
    assert items["44"].text == "Soft cotton. Fits well."
    assert items["44"].metadata["Categories"] == ("Clothing", "Clothing > Tshirts")
    assert items["46"].metadata["Sale price"] == 9.5
    assert len(rejects) == 2


def test_personalize_and_gorse():
    items, _, _ = catalog_of("personalize")
    assert items["p1"].metadata == {
        "GENRES": ("Garden", "Tools"),
        "PRICE": 12.5,
        "CREATION_TIMESTAMP": 1570003267,
    }
    pairs, _, _ = events_of("personalize")
    assert pairs[0] == ("35", "p1")
    items, rejects, _ = catalog_of("gorse")
    assert items["polars:polars"].metadata["categories"] == ("dataframe", "rust")
    assert ["is_hidden" in reason for reason in rejects] == [True]
    assert len(events_of("gorse")[0]) == 5


@pytest.mark.parametrize(
    ("name", "first"), [("retailrocket", ("257597", "355908")), ("rees46", ("541312140", "44600062"))]
)
def test_logs_of_shops(name, first):
    pairs, _, _ = events_of(name)
    assert pairs[0] == first
    with pytest.raises(CatalogError, match="no file has columns of items; name the file"):
        catalog_of(name)


def test_a_zip_archive_is_read_like_its_folder(tmp_path):
    archive = shutil.make_archive(str(tmp_path / "ml"), "zip", DATA, "movielens")
    catalog = open_catalog(archive, max_text_bytes=10_000)
    assert len(list(catalog)) == 6
    assert any(f"{archive}/movielens/ratings.csv: events" in note for note in catalog.notes)


def test_a_guess_can_be_overruled():
    path = DATA / "movielens" / "links.csv"
    (first, _) = open_catalog(path, FieldMapping(title="imdbId"), max_text_bytes=100)
    assert first == Item("1", "0114709", "", {"tmdbId": 862})
    pairs, _, _ = events_of("movielens/tags.csv")
    assert pairs == [("2", "1"), ("2", "2")]
