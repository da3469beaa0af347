"""Dates in texts."""

from __future__ import annotations

import datetime


def iso_seconds(text: str) -> float | None:
    """Return the unix seconds of an ISO 8601 date, with or without a time; without a zone it is UTC.

    `2019-10-01 00:00:00 UTC` is understood, too. None if the text is not such a date.
    """
    try:
        moment = datetime.datetime.fromisoformat(text.strip().removesuffix(" UTC"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def date_of(seconds: float) -> str | None:
    """Return unix seconds as a date and a time, UTC; None outside the years 1 to 9999."""
    try:
        return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return None
