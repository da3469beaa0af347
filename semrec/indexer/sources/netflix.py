"""Ratings of the Netflix Prize: a line such as `1:` names a film, the lines below it are its ratings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from semrec.indexer.sources.compressed import Open
from semrec.indexer.sources.textfile import RawRow, reading

COLUMNS = ("user_id", "rating", "date", "item_id")
_START = re.compile(rb"\s*\d+:\s*\n\d+,\d,\d{4}-\d\d-\d\d\s")


def is_netflix(head: bytes) -> bool:
    """Return whether a file holds such ratings, by its first bytes."""
    return _START.match(head) is not None


def netflix_rows(name: str, open_stream: Open) -> Iterator[RawRow]:
    """Yield the ratings, each with its film."""
    film = None
    number = 0
    with reading(name), open_stream() as stream:
        for place, raw in enumerate(stream, 1):
            line = raw.decode("utf-8", "surrogateescape").strip()
            if line.endswith(":"):
                film = line[:-1]
            elif line:
                number += 1
                fields = line.split(",")
                fault = None if len(fields) == 3 else f"{len(fields)} fields where ratings have 3"
                values = dict(zip(COLUMNS, (*fields, film), strict=False)) if fault is None else {}
                yield RawRow(number, values, fault, f"line {place}")
