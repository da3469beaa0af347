"""Times of events: units, positions and formats, told apart by column and by value."""

from __future__ import annotations

import datetime
import math

import pytest

from semrec.errors import ConfigError
from semrec.events.times import TimeFormat, guess_time_format, is_position, time_in_words
from semrec.plain_values import MisfitError

NOON = 1_656_072_000.0  # 2022-06-24 12:00:00 UTC


@pytest.mark.parametrize(
    "value",
    [
        NOON,
        str(int(NOON)),
        int(NOON * 1e3),
        int(NOON * 1e6),
        int(NOON * 1e9),
        f"{NOON * 1e3:.0f}",
        datetime.datetime(2022, 6, 24, 12, tzinfo=datetime.UTC),
        datetime.datetime(2022, 6, 24, 12),
        "2022-06-24 12:00",
    ],
)
def test_one_moment_in_all_units(value):
    assert TimeFormat().seconds(value) == NOON


def test_days_as_numbers_positions_and_missing_times():
    midnight = NOON - 12 * 3600
    assert TimeFormat().seconds(20220624) == TimeFormat().seconds("20220624") == midnight
    assert TimeFormat().seconds(datetime.date(2022, 6, 24)) == midnight
    assert [TimeFormat().seconds(value) for value in (0, 1, "2")] == [0, 1, 2]
    assert TimeFormat("position").seconds(20220624) == 20220624
    assert TimeFormat().seconds(None) is TimeFormat().seconds("") is None
    assert is_position(0.0)
    assert is_position(99_999_999.0)
    assert not is_position(1e8)
    assert not is_position(-1.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, "nan", "soon", True, [1]])
def test_what_is_no_time(value):
    with pytest.raises(MisfitError):
        TimeFormat().seconds(value)


def test_a_number_of_thousands_of_digits_is_no_time():
    with pytest.raises(MisfitError, match="too many digits"):
        TimeFormat().seconds(10**5000)


@pytest.mark.parametrize(
    ("values", "unit", "note"),
    [
        ([1_600_000_000], None, "time: numbers are unix time in s (guessed)"),
        ([99_999_999_999], None, "time: numbers are unix time in s (guessed)"),
        (["1600000000000"], None, "time: numbers are unix time in ms (guessed)"),
        ([1_600_000_000_000_000], None, "time: numbers are unix time in us (guessed)"),
        ([1_600_000_000_000_000_000], None, "time: numbers are unix time in ns (guessed)"),
        ([0, 1, 2], "position", "time: numbers are positions, which give an order without a clock (guessed)"),
        (["5", "17", 3.5], "position", "time: numbers are positions"),
        (
            [1_600_000_000_000, 1_600_000_000_001, 1_600_000_000],
            None,
            "time: numbers differ in their unit, told by their size: 2 in ms, 1 in s (guessed)",
        ),
    ],
)
def test_units_are_guessed_and_told(values, unit, note):
    found, notes = guess_time_format(values, "t")
    assert found.unit == unit
    assert notes[0].startswith(note)


def test_numbers_can_be_days_or_years():
    days, notes = guess_time_format([20220624, "20191001"], "t")
    assert days.seconds(20220624) == NOON - 12 * 3600
    assert notes == ["time: numbers such as 20220624 are days (guessed)"]
    years, notes = guess_time_format([2019, 2022], "t")
    assert years.seconds(2022) == datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC).timestamp()
    assert "positions: --time-format position" in notes[0]
    with pytest.raises(MisfitError, match="does not have the format %Y%m%d"):
        days.seconds(1_600_000_000)


def test_the_order_of_day_and_month_is_decided_for_the_column():
    found, notes = guess_time_format(["3/4/2022", "24/6/2022"], "t")
    assert found.seconds("3/4/2022") == found.seconds("2022-04-03")
    assert notes == ["time: 24/6/2022 has the day first, so all such dates do (guessed)"]
    assert guess_time_format(["2022-06-24"], "t")[1] == []


@pytest.mark.parametrize("dates", [["3/4/2022"], ["3/4/2022", "24/6/2022", "6/24/2022"]])
def test_a_column_that_can_be_read_in_two_ways_is_refused_with_advice_that_works(dates):
    with pytest.raises(ConfigError, match=r'column "t" are ambiguous, .* --time-format .%d/%m/%Y. or'):
        guess_time_format(dates, "t")
    assert TimeFormat.of("%d/%m/%Y").seconds("3/4/2022") == TimeFormat().seconds("2022-04-03")
    assert TimeFormat.of("%m/%d/%Y").seconds("3/4/2022") == TimeFormat().seconds("2022-03-04")


def test_a_given_format():
    assert TimeFormat.of("ms").seconds(5000) == 5
    assert TimeFormat.of("position") == TimeFormat("position")
    assert TimeFormat.of("%Y%m%d%H").seconds(2022062412) == NOON
    assert TimeFormat.of("%d/%m/%Y %H:%M%z").seconds("24/06/2022 14:00+0200") == NOON
    with pytest.raises(ConfigError, match="unknown time format 'days'; there are s, ms, us, ns, position"):
        TimeFormat.of("days")


def test_times_in_words():
    assert time_in_words(1_600_000_000.0) == "2020-09-13 12:26:40"
    assert time_in_words(3.0) == "position 3"
    assert time_in_words(1e300) == "1e+300"
