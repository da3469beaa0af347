"""What is cleaned on the way in, and counted."""

from __future__ import annotations

import json

import pytest
from toy import ToyEncoder

from semrec import Item, Recommender, Settings
from semrec.indexer.mapping import FieldMapping
from semrec.indexer.read import open_catalog

HTML = '<div class="x"><p>A <b>red</b> violin &amp; bow</p><script>track()</script></div>'


def catalog_of(rows, mapping=None, **options):
    catalog = open_catalog(rows, mapping, max_text_bytes=10_000, **options)
    return list(catalog), [*catalog.notes, *catalog.cleaning.notes()]


def test_html_becomes_text_and_is_counted():
    rows = [
        {"id": 1, "title": "<b>Violin</b>", "text": HTML, "brand": "B&amp;C", "tags": ["R&amp;D"]},
        {"id": 2, "title": "std::vector<int>", "text": "a < b", "brand": "D"},
    ]
    (first, second), told = catalog_of(rows)
    assert first == Item("1", "Violin", "A red violin & bow", {"brand": "B&C", "tags": ("R&D",)})
    assert second == Item("2", "std::vector<int>", "a < b", {"brand": "D"})
    assert "HTML was turned into text in 1 items (--keep-html keeps it)" in told


def test_html_can_be_kept():
    (item,), told = catalog_of([{"id": 1, "title": "<b>x</b>"}], keep_html=True)
    assert item.title == "<b>x</b>"
    assert not any("HTML" in note for note in told)


def test_words_for_nothing_are_missing_in_titles_texts_and_fields():
    rows = [
        {"id": "nan", "title": "NULL", "text": "seen", "brand": "None", "price": "nan"},
        {"id": "b", "title": "Nan", "text": "None", "brand": "Acme", "price": 5},
    ]
    (first, second), told = catalog_of(rows)
    assert first == Item("nan", "", "seen", {})
    assert second == Item("b", "Nan", "", {"brand": "Acme", "price": 5})
    assert "'NULL', 'None', 'nan' counted as missing in 4 values" in told


@pytest.mark.parametrize("description", [["one", "two"], '["one", "two"]', "['one', 'two']"])
def test_a_text_column_with_lists_is_joined(description):
    (first, second), _ = catalog_of(
        [{"id": 1, "title": "T", "description": description}, {"id": 2, "title": "T", "description": "[]"}]
    )
    assert (first.text, second.text) == ("one\ntwo", "")


@pytest.mark.parametrize("as_text", [False, True])
def test_objects_become_fields(as_text):
    details = {"Brand": "Acme", "Size": {"Width": 1.5}}
    rows = [
        {"id": 1, "title": "T", "details": json.dumps(details) if as_text else details},
        {"id": 2, "title": "T", "details": "{}" if as_text else {}},
    ]
    (first, second), _ = catalog_of(rows)
    assert first.metadata == {"details.Brand": "Acme", "details.Size.Width": 1.5}
    assert second.metadata == {}
    (item, _), _ = catalog_of(rows, FieldMapping(metadata=("details.Brand",)))
    assert item.metadata == {"details.Brand": "Acme"}


def test_items_from_python_are_cleaned_like_those_of_a_catalog(tmp_path):
    columns = {"title": "<i>red</i>", "text": "NULL", "brand": "B&amp;C", "genres": "a|b", "price": "9,50 €"}
    more = {**columns, "genres": "a", "price": "1.000,00 €"}
    fields = {name: columns[name] for name in ("brand", "genres", "price")}
    put = {"id": "put", "title": columns["title"], "text": "NULL", "metadata": {**fields, "d": {"x": 1}}}
    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as shop:
        shop.index([{"id": "a", **columns}, {"id": "b", **more}])
        report = shop.put_items([put])
        first, second = shop.items(["a", "put"])
        assert second.metadata == {**first.metadata, "d.x": 1}
        assert first.metadata == {"brand": "B&C", "genres": ("a", "b"), "price": 9.5}
        assert (first.title, first.passages) == (second.title, second.passages) == ("red", ("red",))
        assert "HTML was turned into text in 1 items (--keep-html keeps it)" in report.notes
