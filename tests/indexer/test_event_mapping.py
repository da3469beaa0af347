"""Columns of a source of events, and the unit of its times."""

from __future__ import annotations

import pytest

from semrec.errors import CatalogError, ConfigError
from semrec.indexer.event_mapping import EventMapping, resolve_events


def resolved(columns, rows=(), **given):
    return resolve_events(EventMapping(**given), columns, rows, "x.csv")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (("userId", "movieId", "rating", "timestamp"), ("userId", "movieId", None, "rating", "timestamp")),
        (("visitor_id", "event", "sku"), ("visitor_id", "sku", "event", None, None)),
        (("用户", "商品", "行为", "时间"), ("用户", "商品", "行为", None, "时间")),
    ],
)
def test_guesses(columns, expected):
    mapping, notes = resolved(columns)
    assert (mapping.user, mapping.item, mapping.kind, mapping.value, mapping.time) == expected
    assert all(f'column "{name}" (guessed)' in " ".join(notes) for name in expected if name)


@pytest.mark.parametrize(
    ("column", "default_kind", "kinds"),
    [
        ("Stars", None, ("rate", "view")),
        ("amount", None, ("view", "view")),
        ("stars", "buy", ("buy", "buy")),
        (None, None, ("view", "view")),
    ],
)
def test_the_kind_of_rows_without_one(column, default_kind, kinds):
    mapping = EventMapping("u", "i", value=column, default_kind=default_kind)
    assert (mapping.kind_with_value, mapping.kind_without_value) == kinds


@pytest.mark.parametrize(
    ("times", "unit"),
    [
        ([1_600_000_000], "s"),
        ([99_999_999_999], "s"),
        ([1_600_000_000_000], "ms"),
        ([99_999_999_999_999], "ms"),
        ([1_600_000_000_000_000], "us"),
        ([1_600_000_000_000_000_000], "ns"),
        ([0, 1_600_000_000_000, 1_600_000_000_001], "ms"),
        (["1600000000000"], "ms"),
        ([-1_600_000_000_000], "ms"),
    ],
)
def test_the_unit_of_times_is_guessed_from_the_median(times, unit):
    mapping, notes = resolved(("user", "item", "time"), [{"time": time} for time in times])
    assert mapping.time_unit == unit
    assert f"time: numbers are unix time in {unit} (guessed)" in notes


def test_dates_need_no_unit():
    mapping, notes = resolved(("user", "item", "time"), [{"time": "2020-09-13"}])
    assert mapping.time_unit == "s"
    assert not any("unix time" in note for note in notes)


def test_a_given_unit_stays():
    mapping, _ = resolved(("user", "item", "time"), [{"time": 1_600_000_000_000}], time_unit="s")
    assert mapping.time_unit == "s"


def test_missing_columns_and_unknown_units_are_an_error():
    with pytest.raises(CatalogError, match=r"x\.csv: no column looks like the item; name it with --item"):
        resolved(("user", "thing"))
    with pytest.raises(CatalogError, match='there is no column "c"'):
        resolved(("user", "item"), time="c")
    with pytest.raises(ConfigError, match="unknown time unit 'days'; there are s, ms, us, ns"):
        resolved(("user", "item"), time_unit="days")
