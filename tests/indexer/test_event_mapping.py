"""Columns of a source of events, and the unit of its times."""

from __future__ import annotations

import pytest

from semrec.errors import CatalogError, ConfigError
from semrec.events.event_columns import EventMapping
from semrec.events.kinds import USUAL_KIND_NAMES
from semrec.indexer.event_mapping import resolve_events


def resolved(columns, rows=(), **given):
    mapping, _, notes = resolve_events(EventMapping(**given), columns, rows, "x.csv", USUAL_KIND_NAMES)
    return mapping, notes


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
    ("columns", "rows", "kind"),
    [
        (("user", "item", "event", "type"), [{"event": "Order Completed", "type": "track"}], "event"),
        (("user", "item", "event", "type"), [{"event": "interaction", "type": "click"}], "type"),
        (("USER_ID", "ITEM_ID", "EVENT_TYPE"), [{"EVENT_TYPE": "Watch"}], "EVENT_TYPE"),
        (("FeedbackType", "UserId", "ItemId"), [{"FeedbackType": "read"}], "FeedbackType"),
        (("user", "item", "type"), [{"type": "paperback"}], None),
        (("user", "item", "behavior"), [{"behavior": "1"}], "behavior"),
    ],
)
def test_the_kind_is_the_column_with_usual_kinds(columns, rows, kind):
    mapping, notes = resolved(columns, rows)
    assert mapping.kind == kind
    assert kind or 'kind: "type" holds no usual kind; name it with --kind if it is one' in notes


@pytest.mark.parametrize(
    ("columns", "item", "value"),
    [
        (("USER_ID", "ITEM_ID", "EVENT_VALUE"), "ITEM_ID", "EVENT_VALUE"),
        (("user_id", "asin", "parent_asin", "rating"), "parent_asin", "rating"),
        (("customer_id", "product_id", "quantity", "price"), "product_id", "quantity"),
    ],
)
def test_items_and_values_of_known_layouts(columns, item, value):
    mapping, _ = resolved(columns)
    assert (mapping.item, mapping.value) == (item, value)


@pytest.mark.parametrize("money", ["amount", "price", "Revenue", "total_price"])
def test_money_is_no_value_unless_it_is_named(money):
    mapping, notes = resolved(("user", "item", money))
    assert mapping.value is None
    assert f'value: "{money}" is money, which is no weight; name it with --value to use it' in notes
    assert resolved(("user", "item", money), value=money)[0].value == money


def test_seconds_watched_are_a_share_where_the_duration_is_known():
    mapping, notes = resolved(("user", "video_id", "play_duration", "video_duration"))
    assert (mapping.value, mapping.duration) == ("play_duration", "video_duration")
    assert 'value: column "play_duration", as the share of "video_duration", from 0 to 1 (guessed)' in notes
    mapping, notes = resolved(("user", "item", "dwell_time"))
    assert (mapping.value, mapping.duration) == ("dwell_time", None)
    assert resolved(("user", "item", "rating", "duration"))[0].duration is None


def test_how_times_are_written_is_guessed_from_the_column():
    rows = [{"time": time} for time in range(3)]
    _, times, notes = resolve_events(EventMapping(), ("user", "item", "time"), rows, "x", USUAL_KIND_NAMES)
    assert times.unit == "position"
    assert "time: numbers are positions, which give an order without a clock (guessed)" in notes


def test_a_given_format_stays():
    given = EventMapping(time_format="ms")
    rows = [{"time": 1_600_000_000}]
    _, times, notes = resolve_events(given, ("user", "item", "time"), rows, "x", USUAL_KIND_NAMES)
    assert times.unit == "ms"
    assert not any("unix" in note for note in notes)


def test_missing_columns_and_unknown_units_are_an_error():
    with pytest.raises(CatalogError, match=r"x\.csv: no column looks like the item; name it with --item"):
        resolved(("user", "thing"))
    with pytest.raises(CatalogError, match='there is no column "c"'):
        resolved(("user", "item"), time="c")
    with pytest.raises(ConfigError, match="unknown time format 'days'; there are s, ms, us, ns, position"):
        resolved(("user", "item"), time_format="days")
