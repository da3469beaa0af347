"""Moments in time, as people and programs write them."""

from __future__ import annotations

import datetime


def iso_seconds(text: str) -> float | None:
    """Return the unix seconds of an ISO 8601 date, with or without time; UTC where no zone is told.

    None when the text is none.
    """
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
