"""Items that wait, in memory or, if they are many, in a temporary file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator

from semrec.types import Item, from_plain, to_plain

SPOOL_BYTES = 16 * 2**20
"""More than that goes to a file."""


class Spool:
    """A list of items, read from the first one on; a context manager that removes its file."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(SPOOL_BYTES, mode="w+", encoding="utf-8")  # noqa: SIM115
        self._n_items = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._n_items

    def __iter__(self) -> Iterator[Item]:
        self._file.seek(0)
        for line in self._file:
            yield from_plain(Item, json.loads(line))

    def add(self, items: Iterable[Item]) -> None:
        """Append items; not while the spool is iterated over."""
        for item in items:
            self._file.write(json.dumps(to_plain(item)) + "\n")
            self._n_items += 1
