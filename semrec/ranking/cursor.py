"""The cursor of an answer: which items the pages so far have shown.

A cursor holds the keys of the items themselves, not a position. So no item comes twice and none is skipped,
also if items change between two pages, and diversity and groups go on where the last page ended.
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode

import numpy as np

from semrec.errors import QueryError
from semrec.types import Keys

MOST_SHOWN = 1000
"""Items after which an answer has no next page."""

_KEY = np.dtype("<u8")


def write_cursor(shown: Keys) -> str:
    """Return the cursor after these items, uint64 (n,)."""
    return urlsafe_b64encode(shown.astype(_KEY).tobytes()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> Keys:
    """Return the keys of the items that were shown, uint64 (n,), in order; none for the first page.

    Raises
    ------
    QueryError
        It is not a cursor of an answer.
    """
    if not cursor:
        return np.empty(0, np.uint64)
    try:
        content = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        shown = np.frombuffer(content, _KEY).astype(np.uint64)
    except (ValueError, TypeError) as error:
        raise QueryError("the cursor cannot be read: give `next` of the last answer as it is") from error
    if len(shown) > MOST_SHOWN:
        raise QueryError(f"a cursor has at most {MOST_SHOWN:,} items: give `next` of the last answer")
    return shown
