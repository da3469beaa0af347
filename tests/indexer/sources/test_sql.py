"""Rows of a SQL query."""

from __future__ import annotations

import sqlite3

import polars as pl
import pytest
import sqlalchemy as sa
from postgres_cluster import postgres_url  # noqa: F401

from semrec.errors import CatalogError
from semrec.indexer.event_source import open_events
from semrec.indexer.read import open_catalog
from semrec.indexer.sources.sql import SqlQuery
from semrec.types import Item


@pytest.fixture
def url(tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE products (id INTEGER, title TEXT, price NUMERIC, seen TEXT)")
        database.execute("INSERT INTO products VALUES (1, 'Tea', 9.5, '12:30'), (2, 'Cup :x', NULL, '100%')")
        database.execute("CREATE TABLE log (user_id TEXT, item_id INTEGER)")
        database.execute("INSERT INTO log VALUES ('ann', 1), ('bob', 2)")
    database.close()
    return f"sqlite:///{tmp_path}/shop.db"


def test_items_and_events_of_a_query(url):
    query = SqlQuery("SELECT * FROM products WHERE title LIKE '%e%' OR seen <> ':x' ORDER BY id", url)
    catalog = open_catalog(query, max_text_bytes=100)
    assert list(catalog) == [
        Item("1", "Tea", "", {"price": 9.5, "seen": "12:30"}),
        Item("2", "Cup :x", "", {"seen": "100%"}),
    ]
    frame = pl.concat(list(open_events(SqlQuery("SELECT * FROM log", url))))
    assert [row[:2] for row in frame.rows()] == [("ann", "1"), ("bob", "2")]


@pytest.mark.parametrize(
    ("query", "other", "reason"),
    [
        ("SELECT * FROM nowhere", None, "failed: no such table: nowhere"),
        ("DELETE FROM log", None, "write a SELECT statement"),
        ("SELECT 1", "sqlite:///nowhere.db", "there is no such database"),
        ("SELECT 1", "what", "cannot be read; write sqlite:///FILE"),
        ("SELECT 1", "postgresql://ann:secret@127.0.0.1:1/shop", "failed"),
    ],
)
def test_a_query_that_fails_says_why(url, query, other, reason):
    with pytest.raises(CatalogError, match=reason) as caught:
        open_catalog(SqlQuery(query, other or url), max_text_bytes=100)
    assert "secret" not in str(caught.value)


def test_nothing_is_changed(url):
    with pytest.raises(CatalogError):
        open_catalog(SqlQuery("DELETE FROM log", url), max_text_bytes=100)
    assert len(pl.concat(list(open_events(SqlQuery("SELECT * FROM log", url))))) == 2


def test_postgresql_has_arrays_decimals_and_times(postgres_url):  # noqa: F811
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS semrec_products"))
        columns = "id INT, title TEXT, price NUMERIC, tags TEXT[], seen TIMESTAMPTZ"
        connection.execute(sa.text(f"CREATE TABLE semrec_products ({columns})"))
        values = "(1, 'Tea', 9.50, ARRAY['a','b'], '2024-01-02T03:04:05Z')"
        connection.execute(sa.text(f"INSERT INTO semrec_products VALUES {values}"))
    url = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    (item,) = open_catalog(SqlQuery("SELECT * FROM semrec_products", url), max_text_bytes=100)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE semrec_products"))
    engine.dispose()
    assert item.metadata["price"] == 9.5
    assert item.metadata["tags"] == ("a", "b")
    assert str(item.metadata["seen"]).startswith("2024-01-02T")
