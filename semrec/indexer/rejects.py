"""Rejected rows: why a row of a source cannot be used, and the file that lists such rows."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from semrec.errors import StoreError
from semrec.indexer.sources.textfile import RawRow
from semrec.types import Plain


@dataclass(frozen=True, slots=True)
class Reject(Plain):
    """A row that cannot be used.

    Parameters
    ----------
    source : the file, or `standard input`, `frame`, `items`.
    row : number of the row; the first row of data is 1.
    item_id : if it can be read.
    reason : in words.
    """

    source: str
    row: int
    item_id: str | None
    reason: str


def reject(source: str, row: RawRow, reason: str, item_id: str | None = None) -> Reject:
    """Return the reject for a row; its texts are valid UTF-8, so that they can be printed and stored."""
    where = f" ({row.where})" if row.where else ""
    return Reject(source, row.number, None if item_id is None else legible(item_id), legible(reason + where))


def legible(text: str) -> str:
    """Return the text with lone surrogates written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def kind_of_reason(reason: str) -> str:
    """Return a reason without its details, so that rows with the same fault can be counted together.

    Names in double quotes are columns and stay; numbers, values in single quotes, and what follows a colon
    or an opening bracket are details.
    """
    return re.sub(
        r"(\"[^\"]*\")|(?P<rest>\s*\(.*|: .*)|(?<![\w-])\d[\d,.]*(?!-)\b|'[^']*'",
        lambda found: found[1] or ("" if found["rest"] else "…"),
        reason,
    )


class RejectsFile:
    """Counts rejected rows by reason and lists them as JSON lines; without rejects there is no file.

    Parameters
    ----------
    path : the file; an old one is removed.

    Attributes
    ----------
    counts : reason -> number of rows.

    Raises
    ------
    StoreError
        The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise self._cannot_write(error) from error

    def add(self, rejected: Reject) -> None:
        """Count and list one row."""
        try:
            with self.path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(rejected.to_dict()) + "\n")
        except OSError as error:
            raise self._cannot_write(error) from error
        self.counts[kind_of_reason(rejected.reason)] += 1

    def _cannot_write(self, error: OSError) -> StoreError:
        return StoreError(f"cannot write {self.path}: {error.strerror}. Nothing was changed.")
