"""Values of sources, converted to the types of their fields."""

from __future__ import annotations

import datetime
import json

import pandas as pd
import polars as pl
import pytest
from catalog_sources import LIMIT, parquet, put, read, split, written

from semrec.indexer.read import open_catalog
from semrec.types import Item


@pytest.mark.parametrize("kind", ["dicts", "polars", "arrow", "parquet", "jsonl"])
def test_nan_is_rejected(tmp_path, kind):
    rows = [{"id": "a", "title": "A", "price": 1.5}, {"id": "b", "title": "B", "price": float("nan")}]
    items, (reject,) = read(written(kind, tmp_path, rows))
    assert len(items) == 1
    assert (reject.row, reject.item_id) == (2, "b")
    assert '"price" is NaN' in reject.reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("cheap", "'cheap', not an integer"),
        ("2.5", "a number, not an integer"),
        ("nan", "NaN"),
        ("-Infinity", "infinite"),
        (str(2**63), "64-bit"),
        ("1" * 5000, "infinite"),
        ("true", "a truth value"),
        ("1_000", "not an integer"),
    ],
)
def test_csv_values_of_another_type_are_rejected(tmp_path, value, reason):
    path = put(tmp_path / "x.csv", f"id,title,n\na,A,1\nb,B,{value}\nc,C,-3\n")
    items, (reject,) = read(path, sample_rows=1)  # the first row decides the type
    assert [item.metadata["n"] for item in items] == [1, -3]
    assert (reject.row, reject.item_id) == (2, "b")
    assert reason in reject.reason


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("text", 5, "a number, not text"),
        ("text", ["a"], "a list, not text"),
        ("text", {"a": 1}, "an object, not text"),
        ("title", True, "a truth value, not text"),
        ("id", True, "a truth value, not text"),
        ("id", ["a"], "a list, not text"),
        ("id", float("inf"), "infinite"),
        ("n", "7", "not an integer"),
        ("n", False, "not an integer"),
        ("n", 2.5, "not an integer"),
        ("n", 2**63, "too large for a 64-bit number"),
        ("n", {"a": 1}, "an object"),
        ("x", 10**400, "too large for a 64-bit number"),
        ("x", "7", "not a number"),
        ("flag", 1, "not true or false"),
        ("word", {"a": 1}, "an object"),
        ("word", [{"a": 1}], "an object"),
        ("text", "\ud800", "lone surrogate U+D800"),
        ("id", "a\udfff", "lone surrogate U+DFFF"),
        ("word", "\ud800", "lone surrogate U+D800"),
    ],
)
@pytest.mark.parametrize("kind", ["jsonl", "dicts"])
def test_values_of_another_type_are_rejected(tmp_path, kind, field, value, reason):
    good = {"id": "a", "title": "A", "text": "x", "n": 1, "x": 1.5, "flag": True, "word": "w"}
    rows = [good, good | {"id": "b", field: value}, good | {"id": "c"}]
    items, (reject,) = read(written(kind, tmp_path, rows), sample_rows=1)
    assert [item.item_id for item in items] == ["a", "c"]
    assert reject.row == 2
    assert f'"{field}"' in reject.reason
    assert reason in reject.reason
    json.dumps(reject.to_dict()).encode()
    str(reject).encode()


def test_dates_and_lists_become_keywords(tmp_path):
    day = datetime.date(2024, 2, 3)
    frame = pl.DataFrame(
        {
            "id": [1],
            "title": ["A"],
            "day": [day],
            "at": [datetime.datetime(2024, 2, 3, 4, 5)],
            "tags": [["x", None, "y"]],
            "years": [[1, 2]],
            "none": [[]],
            "cost": [2.5],
        },
        schema_overrides={"none": pl.List(pl.String), "cost": pl.Decimal(10, 2)},
    )
    expected = {
        "day": "2024-02-03",
        "at": "2024-02-03T04:05:00",
        "tags": ("x", "y"),
        "years": ("1", "2"),
        "cost": 2.5,
    }
    for source in (frame, frame.to_dicts(), frame.to_arrow(), put(tmp_path / "x.parquet", parquet(frame))):
        catalog = open_catalog(source, max_text_bytes=LIMIT)
        assert split(catalog) == ([Item("1", "A", "", expected)], [])
        assert catalog.fields["cost"] == "float"
        assert {catalog.fields[name] for name in ("day", "at", "tags", "years", "none")} == {"keyword"}
        assert "item id: numbers are converted to strings" in catalog.notes
    pandas = pd.DataFrame({"id": [1.0, 2.0], "title": ["A", "B"], "at": [pd.Timestamp(day), pd.NaT]})
    first, second = read(pandas)[0]
    assert (first.item_id, first.metadata["at"]) == ("1", "2024-02-03T00:00:00")
    assert (second.item_id, second.metadata) == ("2", {})
