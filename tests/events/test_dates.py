"""Dates in texts: every usual spelling is one moment, and what can be read in two ways is refused."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semrec.events.dates import date_of, date_seconds, day_orders
from semrec.plain_values import MisfitError


@pytest.mark.parametrize(
    "text",
    [
        "2022-06-24T09:20:00Z",
        "2022-06-24T11:20:00+02:00",
        "2022-06-24 09:20:00",
        "2022-06-24 09:20:00 UTC",
        "2022-06-24 9:20",
        "2022/06/24 09:20",
        "2022/6/24 9:20:00",
        "2022.06.24 09:20",
        "20220624T092000",
        "Fri, 24 Jun 2022 09:20:00 GMT",
        "Fri, 24 Jun 2022 11:20:00 +0200",
        "24 Jun 2022 05:20:00 EDT",
        "Fri Jun 24 2022 11:20:00 GMT+0200 (Central European Summer Time)",
        "Fri Jun 24 09:20:00 2022",
        "Fri Jun 24 09:20:00 UTC 2022",
        "Fri Jun 24 09:20:00 +0000 2022",
        "June 24, 2022 9:20 AM",
        "24-Jun-2022 09:20",
        "24.06.2022 09:20",
        "24/06/2022 09:20",
        "6/24/2022 9:20:00 AM",
        "2022年6月24日 9:20",
    ],
)
def test_one_moment_in_many_spellings(text):
    assert date_of(date_seconds(text)) == "2022-06-24 09:20:00"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2019-10-01 00:00:00 UTC", "2019-10-01 00:00:00"),
        ("2022/06/24", "2022-06-24 00:00:00"),
        ("09 13, 2009", "2009-09-13 00:00:00"),
        ("Thursday, June 2nd, 2022", "2022-06-02 00:00:00"),
        ("12:05 am, 24 Jun 2022", "2022-06-24 00:05:00"),
        ("04/04/2022", "2022-04-04 00:00:00"),
    ],
)
def test_dates_of_known_logs(text, date):
    assert date_of(date_seconds(text)) == date


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("3/4/2022", r"can have the day or the month first; give its format \(--time-format"),
        ("3-4-2022 10:00", "day or the month first"),
        ("yesterday", "neither a unix time nor a date"),
        ("", "neither a unix time nor a date"),
        ("12:30", "neither a unix time nor a date"),
        ("10/10/22", "neither a unix time nor a date"),
        ("June 2022", "neither a unix time nor a date"),
        ("2022-02-30", "no date of the calendar"),
        ("31/02/2022", "no date of the calendar"),
        ("2022-06-24 25:00", "no date of the calendar"),
        ("2022-06-24 13:00 PM", "no date of the calendar"),
        ("Fri, 24 Jun 2022 09:20:00 CEST", "a time zone whose name is not clear"),
    ],
)
def test_what_is_no_date_or_two(text, reason):
    with pytest.raises(MisfitError, match=reason):
        date_seconds(text)


def test_a_known_order_decides():
    assert date_of(date_seconds("3/4/2022", "day first")) == "2022-04-03 00:00:00"
    assert date_of(date_seconds("3/4/2022", "month first")) == "2022-03-04 00:00:00"


def test_the_orders_that_a_column_needs():
    assert day_orders(["3/4/2022", "5/5/2022", "24/6/2022 10:00", "2022-01-01"]) == {
        None: "3/4/2022",
        "day first": "24/6/2022 10:00",
    }
    assert set(day_orders(["6/24/2022", "24/6/2022"])) == {"month first", "day first"}
    assert set(day_orders(["3.4.2022"])) == {"day first"}


@given(st.datetimes(datetime.datetime(1990, 1, 1), datetime.datetime(2100, 1, 1)))
def test_spellings_agree_with_each_other(moment):
    moment = moment.replace(microsecond=0)
    patterns = ("%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S", "%a, %d %b %Y %H:%M:%S +0000", "%d.%m.%Y %H:%M:%S")
    expected = moment.replace(tzinfo=datetime.UTC).timestamp()
    assert {date_seconds(moment.strftime(pattern)) for pattern in patterns} == {expected}
