"""Items that wait, in memory or in a file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from semrec.types import Item

SPOOL_BYTES = 16 * 2**20


class Spool:
    """Items that wait, in a file when they are many; a context manager that removes it."""

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
        """Yield the items from the first one on."""
        self._file.seek(0)
        for line in self._file:
            values = json.loads(line)
            metadata = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in values.pop("metadata").items()
            }
            yield Item(**values, metadata=metadata)

    def add(self, items: Iterable[Item]) -> None:
        """Add items at the end."""
        for item in items:
            self._file.write(json.dumps(asdict(item)) + "\n")
            self._n_items += 1
