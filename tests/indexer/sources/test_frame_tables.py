"""Frames, Parquet files and data sets with the types that they have in practice."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pandas as pd
import polars as pl
import pytest
from catalog_sources import parquet, put

from semrec.errors import CatalogError
from semrec.indexer.read import open_catalog
from semrec.types import Item


def test_parquet_with_structs_decimals_categories_and_time_zones(tmp_path):
    noon = datetime.datetime(2024, 2, 3, 12, tzinfo=datetime.UTC)
    frame = pl.DataFrame(
        {
            "id": [1, 2],
            "title": ["A", "B"],
            "details": [{"brand": "Acme", "size": {"w": 2}}, {"brand": None, "size": None}],
            "price": pl.Series([Decimal("9.50"), None], dtype=pl.Decimal(10, 2)),
            "colour": pl.Series(["red", "red"], dtype=pl.Categorical),
            "seen": pl.Series([noon, None]).dt.convert_time_zone("Asia/Tokyo"),
            "tags": [["x", "y"], []],
        }
    )
    catalog = open_catalog(put(tmp_path / "x.parquet", parquet(frame)), max_text_bytes=100)
    first, second = catalog
    assert first.metadata == {
        "details.brand": "Acme",
        "details.size.w": 2,
        "price": 9.5,
        "colour": "red",
        "seen": "2024-02-03T21:00:00+09:00",
        "tags": ("x", "y"),
    }
    assert second == Item("2", "B", "", {"colour": "red"})


def test_pandas_with_an_index():
    columns = {"title": ["A", "B"], "size": [1, 2]}
    for index in (pd.Index(["x", "y"], name="sku"), pd.Index(["x", "y"])):
        (first, _) = open_catalog(pd.DataFrame(columns, index=index), max_text_bytes=100)
        assert first == Item("x", "A", "", {"size": 1})
    numbered = pd.DataFrame({"id": ["x", "y", "z"], "title": ["A", "B", "C"]})[1:]
    assert list(open_catalog(numbered, max_text_bytes=100)) == [Item("y", "B"), Item("z", "C")]


class Dataset(list):
    """A data set as the library `datasets` has them."""

    __module__ = "datasets.arrow_dataset"

    @property
    def column_names(self):
        return list(self[0])


class DatasetDict(dict):
    __module__ = "datasets.dataset_dict"

    @property
    def column_names(self):
        return {name: split.column_names for name, split in self.items()}


def test_data_sets_of_hugging_face():
    train = Dataset([{"id": 1, "title": "A", "details": '{"brand": "Acme"}'}])
    for source in (train, DatasetDict(train=train)):
        catalog = open_catalog(source, max_text_bytes=100)
        assert list(catalog) == [Item("1", "A", "", {"details.brand": "Acme"})]
    with pytest.raises(
        CatalogError, match=r"has the splits 'train', 'test'; give one of them: dataset\['train'\]"
    ):
        open_catalog(DatasetDict(train=train, test=train), max_text_bytes=100)
