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


def left_out(catalog):
    """Return the items of a catalog, and why values of them were left out."""
    items = list(catalog)
    assert all(isinstance(item, Item) for item in items)
    return items, "\n".join(catalog.cleaning.notes())


@pytest.mark.parametrize("kind", ["dicts", "polars", "arrow", "parquet", "jsonl"])
def test_nan_is_left_out(tmp_path, kind):
    rows = [{"id": "a", "title": "A", "price": 1.5}, {"id": "b", "title": "B", "price": float("nan")}]
    items, told = left_out(open_catalog(written(kind, tmp_path, rows), max_text_bytes=LIMIT))
    assert [item.metadata for item in items] == [{"price": 1.5}, {}]
    assert "\"price\": 1 values were left out, for instance item 'b': is NaN" in told


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("cheap", "'cheap', not an integer"),
        ("-Infinity", "infinite"),
        ("true", "a truth value"),
    ],
)
def test_csv_values_of_another_type_are_left_out(tmp_path, value, reason):
    others = "".join(f"{n},C,{n}\n" for n in range(40))
    path = put(tmp_path / "x.csv", f"id,title,n\na,A,1\nb,B,{value}\n{others}")
    items, told = left_out(open_catalog(path, max_text_bytes=LIMIT, sample_rows=1))
    assert [item.metadata.get("n") for item in items] == [1, None, *range(40)]
    assert "\"n\": 1 values were left out, for instance item 'b'" in told
    assert reason in told


@pytest.mark.parametrize("value", [str(2**63), "1" * 500, "1_000", "12a"])
def test_a_code_makes_whole_numbers_texts(tmp_path, value):
    others = "".join(f"{n},C,{n}\n" for n in range(40))
    path = put(tmp_path / "x.csv", f"id,title,n\na,A,1\nb,B,{value}\n{others}")
    catalog = open_catalog(path, max_text_bytes=LIMIT, sample_rows=1)
    assert [item.metadata["n"] for item in catalog] == [1, value, *map(str, range(40))]
    assert catalog.fields == {"n": "keyword"}


GOOD = {"id": "a", "title": "A", "text": "x", "n": 1, "x": 1.5, "flag": True, "word": "w"}


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("text", 5, "a number, not text"),
        ("title", True, "a truth value, not text"),
        ("id", True, "a truth value, not text"),
        ("id", ["a"], "a list, not text"),
        ("id", float("inf"), "infinite"),
        ("text", "\ud800", "lone surrogate U+D800"),
        ("id", "a\udfff", "lone surrogate U+DFFF"),
    ],
)
@pytest.mark.parametrize("kind", ["jsonl", "dicts"])
def test_ids_and_texts_of_another_type_are_rejected(tmp_path, kind, field, value, reason):
    rows = [GOOD, GOOD | {"id": "b", field: value}, GOOD | {"id": "c"}]
    items, (reject,) = read(written(kind, tmp_path, rows), sample_rows=1)
    assert [item.item_id for item in items] == ["a", "c"]
    assert reject.row == 2
    assert f'"{field}"' in reject.reason
    assert reason in reject.reason
    json.dumps(reject.to_dict()).encode()
    str(reject).encode()


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("n", False, "not an integer"),
        ("n", 2**63, "too large for a 64-bit number"),
        ("n", [1], "a list"),
        ("x", 10**400, "too large for a 64-bit number"),
        ("flag", 1, "not true or false"),
        ("word", [{"a": 1}], "an object"),
        ("word", "\ud800", "lone surrogate U+D800"),
    ],
)
@pytest.mark.parametrize("kind", ["jsonl", "dicts"])
def test_metadata_of_another_type_is_left_out(tmp_path, kind, field, value, reason):
    rows = [GOOD, GOOD | {"id": "b", field: value}, *(GOOD | {"id": n} for n in range(40))]
    catalog = open_catalog(written(kind, tmp_path, rows), max_text_bytes=LIMIT, sample_rows=1)
    items, told = left_out(catalog)
    rest = {name: GOOD[name] for name in ("n", "x", "flag", "word") if name != field}
    assert items[1] == Item("b", "A", "x", rest)
    assert reason in told
    told.encode()


@pytest.mark.parametrize("kind", ["jsonl", "dicts"])
def test_texts_that_are_numbers_are_numbers_in_a_column_of_numbers(tmp_path, kind):
    rows = [GOOD, GOOD | {"id": "b", "n": "7", "x": "$ 1,200", "flag": "false"}]
    (_, item), told = left_out(
        open_catalog(written(kind, tmp_path, rows), max_text_bytes=LIMIT, sample_rows=1)
    )
    assert item.metadata == {"n": 7, "x": 1200.0, "flag": False, "word": "w"}
    assert told == ""


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
        assert {catalog.fields[name] for name in ("day", "at", "tags", "years")} == {"keyword"}
        assert "none" not in catalog.fields
        assert "item id: numbers are converted to strings" in catalog.notes
    pandas = pd.DataFrame({"id": [1.0, 2.0], "title": ["A", "B"], "at": [pd.Timestamp(day), pd.NaT]})
    first, second = read(pandas)[0]
    assert (first.item_id, first.metadata["at"]) == ("1", "2024-02-03T00:00:00")
    assert (second.item_id, second.metadata) == ("2", {})
