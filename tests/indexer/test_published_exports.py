"""Exports of shops and published data sets, read as they are; the files are made up in their layouts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from semrec.errors import CatalogError
from semrec.events.event_columns import EventMapping
from semrec.indexer.event_source import open_events
from semrec.indexer.mapping import FieldMapping
from semrec.indexer.read import open_catalog
from semrec.indexer.rejects import Reject
from semrec.types import Item

DATA = Path(__file__).parents[1] / "data"


def read_items(name, mapping=None):
    """Return the items of a file by id, the reasons of its rejects, and what is told."""
    catalog = open_catalog(DATA / name, mapping, max_text_bytes=10_000)
    entries = list(catalog)
    items = {item.item_id: item for item in entries if isinstance(item, Item)}
    told = "\n".join([*catalog.notes, *catalog.later_notes(), *catalog.cleaning.notes()])
    return items, [reject.reason for reject in entries if isinstance(reject, Reject)], told


def read_events(name, mapping=None):
    """Return the events of a file as rows, and what is told."""
    source = open_events(DATA / name, mapping)
    frame = pl.concat(list(source))
    assert not source.rejected
    return frame.rows(), "\n".join((*source.notes, *source.renamed))


def test_magento_attributes_are_fields_and_hidden_products_are_told():
    items, rejects, told = read_items("magento/catalog_product.csv")
    assert "taken for products of Magento" in told
    assert sorted(items) == ["MB-01", "MB-02", "MB-03", "MB-04"]
    assert ['"product_online" is 2' in rejects[0], '"visibility" is Not Visible' in rejects[1]] == [True] * 2
    found = items["MB-01"]
    assert (found.title, found.text) == (
        "Harbour Duffle",
        "The Harbour Duffle holds a lot.\nTwo handles, one strap.",
    )
    wanted = {
        "activity": ("Gym", "Hiking"),
        "color": ("Blue, dark",),
        "material": ("Nylon", "Wool"),
        "categories": ("Default Category/Gear", "Default Category/Gear/Bags"),
        "price": 30.0,
    }
    assert found.metadata.items() >= wanted.items()


def test_bigcommerce_rows_of_options_are_no_items():
    items, rejects, told = read_items("bigcommerce/products.csv")
    assert "taken for products of BigCommerce: rows of options and rules are left out" in told
    assert sorted(items) == ["77", "78", "79", "81"]
    assert ['"Product Visible?" is N' in reason for reason in rejects] == [True]
    assert items["78"].title == "Bench Brush"


def test_prestashop_names_with_remarks():
    items, rejects, told = read_items("prestashop/products.csv")
    assert 'title: column "Name *" (guessed)' in told
    assert (sorted(items), len(rejects)) == (["1", "2", "3", "4"], 1)
    assert (items["4"].title, items["4"].text) == ("Évening mug", "Soft cotton, printed in Besançon.")
    wanted = {"Categories (x,y,z...)": ("Home", "Clothes", "Men"), "Price tax excluded": 23.9}
    assert items["1"].metadata.items() >= wanted.items()


def test_steam():
    items, _, _ = read_items("steam/steam.csv")
    assert items["10"].metadata["genres"] == ("Action", "Puzzle")
    with pytest.raises(CatalogError, match="if the first line is a row, add --no-header --columns"):
        open_events(DATA / "steam/steam-200k.csv")
    mapping = EventMapping(header=("user", "item", "event", "hours", "zero"))
    rows, told = read_events("steam/steam-200k.csv", mapping)
    assert 'kind "play" is taken as "view": 3 events' in told
    assert rows[1] == ("1516", "Paper Racer, Gold", "view", 273.0, None)


def test_lastfm():
    items, _, _ = read_items("lastfm/artists.dat")
    assert items["52"].title == "Ödland"
    rows, _ = read_events("lastfm/user_artists.dat")
    assert rows[0] == ("2", "51", "view", 13883.0, None)
    both, _, told = read_items("lastfm")
    assert both == items
    assert "user_artists.dat: events of users with items" in told


def test_yelp():
    items, _, _ = read_items("yelp/yelp_academic_dataset_business.json")
    assert items["Pns2l4eNsfO8kk83dixA61"].metadata["attributes.RestaurantsPriceRange2"] == "2"
    rows, _ = read_events("yelp/yelp_academic_dataset_review.json")
    assert rows[0] == ("mh_-eMZ6K5RLWhZyISBhw0", "Pns2l4eNsfO8kk83dixA60", "rate", 3.0, 1531001351.0)


def test_goodreads_books_without_asin_and_isbn_have_an_id():
    items, rejects, told = read_items("goodreads/goodreads_books.json")
    assert (sorted(items), rejects) == ([f"533326{n}" for n in range(5)], [])
    assert 'left out: "popular_shelves", "authors" (filters cannot use nested objects)' in told
    rows, _ = read_events("goodreads/goodreads_interactions.csv")
    assert {item for _, item, *_ in rows} <= {*items, "5333263"}


def test_netflix():
    rows, told = read_events("netflix/combined_data_1.txt")
    assert "taken for ratings of the Netflix Prize" in told
    assert Counter(row[1] for row in rows) == {"1": 4, "2": 4, "3": 4}
    assert rows[0] == ("1488844", "1", "rate", 3.0, 1125532800.0)
    items, rejects, _ = read_items("netflix/movie_titles.csv", FieldMapping(header=("id", "year", "title")))
    assert (items["6"], rejects) == (Item("6", "Sík"), ["4 fields where the header has 3 (line 5)"])


def test_dicts_of_python_are_read_like_json():
    items, rejects, told = read_items("amazon_2014/meta_Books.json")
    assert "its lines are dicts of Python, not JSON (guessed)" in told
    assert (len(items), rejects) == (6, [])
    assert items["0001"].text == "It's a book about number 1."
    assert items["0001"].metadata == {"price": 1.5, "salesRank.Books": 1}


def test_the_only_column_of_ids_is_the_id():
    items, _, told = read_items("spotify/mpd.slice.0-2.json")
    assert 'item id: column "pid" (guessed: the only one of ids)' in told
    assert items["1"].title == "Evening"


def test_parts_of_a_folder_may_differ_in_other_columns(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": 1, "title": "A"}\n{"id": 2, "title": "B", "price": 3}\n')
    (tmp_path / "b.jsonl").write_text('{"id": 3, "title": "C", "brand": "x"}\n')
    items, _, told = read_items(tmp_path)
    assert items["3"].metadata == {"brand": "x"}
    assert f'"brand" (row 1 of {tmp_path / "b.jsonl"})' in told


def test_a_workbook_in_a_folder_is_told(tmp_path):
    (tmp_path / "a.csv").write_text("id,title\n1,A\n")
    (tmp_path / "b.xlsx").write_bytes(b"PK")
    items, _, told = read_items(tmp_path)
    assert (list(items), "b.xlsx: left out, is a workbook; save it as CSV" in told) == (["1"], True)
