"""Dates in texts."""

from __future__ import annotations

import datetime


def iso_seconds(text: str) -> float | None:
    """Return the unix seconds of an ISO 8601 date, with or without a time; without a zone it is UTC.

    None if the text is not such a date.
    """
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
