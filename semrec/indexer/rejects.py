"""Rows that are no items, and the file that lists them."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semrec.errors import StoreError


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that is no item.

    Parameters
    ----------
    source : the file, or `standard input`, `frame`, `items`.
    row : 1 for the first row of data.
    item_id : when it could be read.
    reason : in plain words.
    """

    source: str
    row: int
    item_id: str | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return asdict(self)


class RejectsFile:
    """Counts rejected rows and writes them as JSON lines; no file when there are none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise self._cannot_write(error) from error

    def add(self, reject: Reject) -> None:
        """Write one row's fate."""
        try:
            with self.path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(reject.to_dict()) + "\n")
        except OSError as error:
            raise self._cannot_write(error) from error
        # One count for each kind of fault, whatever the numbers and names in it.
        self.counts[re.sub(r"\s*\(.*|\d[\d,.]*|[\"'“].*?[\"'”]", "…", reject.reason)] += 1

    def _cannot_write(self, error: OSError) -> StoreError:
        return StoreError(f"cannot write {self.path}: {error.strerror}. Nothing was changed.")
