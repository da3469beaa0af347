"""How a text file is written: its encoding, what separates its columns, and whether it names them."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from semrec.errors import CatalogError
from semrec.indexer.sources.layouts import unnamed_columns

DELIMITERS = (",", ";", "\t", "|")
UNIT = "\x1f"
"""Stands for `::` inside, because a column separator of two characters is unknown to the csv module."""

HEAD_BYTES = 1 << 20
"""Bytes that are read to recognise the format of a file."""
_BOMS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_WINDOWS_LETTERS = frozenset([0x80, 0x85, *range(0x91, 0x98), 0xA0, 0xA3, 0xA9, 0xAB, 0xAE, 0xB0, 0xBB])
"""Bytes of CP1252 that occur in texts, besides letters."""


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How a text file is written.

    Parameters
    ----------
    encoding : of the file, as Python names it.
    delimiter : between two columns.
    header : names of the columns, if the file does not name them; None: its first line does.
    n_skipped : lines before the first one.
    is_quoted : whether cells may be in double quotes.
    notes : what was guessed, in words.
    """

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    header: tuple[str, ...] | None = None
    n_skipped: int = 0
    is_quoted: bool = True
    notes: tuple[str, ...] = ()


def guess_encoding(head: bytes) -> str:
    """Return the encoding of a text: by its byte order mark, else UTF-8, UTF-16 or CP1252.

    A text is in CP1252 if bytes in it cannot be UTF-8, no letter of UTF-8 is in it, and all of these bytes
    are letters or signs of texts in CP1252.
    """
    for mark, encoding in _BOMS.items():
        if head.startswith(mark):
            return encoding
    zeros_at = [head[place:1000:2].count(0) for place in (0, 1)]
    if max(zeros_at) > 0.2 * min(len(head), 1000):
        return "utf-16-be" if zeros_at[0] > zeros_at[1] else "utf-16-le"
    text = head.decode("utf-8", "surrogateescape")
    whole = text if len(head) < HEAD_BYTES else text[:-4]  # the last letter may be cut
    others = [ord(character) for character in whole if not character.isascii()]
    strange = [code - 0xDC00 for code in others if 0xDC80 <= code <= 0xDCFF]
    has_long_run = re.search(r"[^\x00-\x7f]{3}", text)  # rare in Western languages
    if strange and len(strange) == len(others) and not has_long_run and all(map(_is_windows, strange)):
        return "cp1252"
    return "utf-8-sig"


def guess_text_format(
    name: str,
    head: bytes,
    kind: str,
    header: Sequence[str] | None = None,
    encoding: str | None = None,
) -> TextFormat:
    """Return how a table in a text file is written.

    Parameters
    ----------
    name : of the file, for messages.
    head : its first bytes.
    kind : csv or tsv.
    header : names of the columns of a file that does not name them, empty for their places; None: guessed.
    encoding : None: guessed.

    Raises
    ------
    CatalogError
        The encoding is unknown.
    """
    found = TextFormat(encoding or guess_encoding(head))
    try:
        lines = head.decode(found.encoding, "replace").lstrip("\ufeff\r\n").splitlines()
    except LookupError as error:
        raise CatalogError(f"{name}: unknown encoding {encoding!r}; write for instance cp1252") from error
    notes = [] if encoding or found.encoding == "utf-8-sig" else [f"{name}: is in {found.encoding} (guessed)"]
    first = lines[0] if lines else ""
    if told := re.fullmatch(r"sep=(.)", first.strip('"')):
        found = replace(found, delimiter=told[1], n_skipped=1)
    else:
        delimiter = "\t" if kind == "tsv" else guess_delimiter(first)
        found = replace(found, delimiter=delimiter, is_quoted=delimiter != UNIT)
        if delimiter not in (",", "\t"):
            shown = "::" if delimiter == UNIT else delimiter
            notes.append(f"{name}: columns are separated by {shown!r} (guessed)")
    cells = split_line(first, found)
    if header is not None:
        columns = tuple(header) or tuple(f"column {place}" for place in range(1, len(cells) + 1))
        found = replace(found, header=columns)
    elif layout := unnamed_columns(cells):
        found = replace(found, header=layout.columns, is_quoted=False)
        notes.append(f"{name}: has no line of column names; taken for {layout.name} (guessed)")
    return replace(found, notes=tuple(notes))


def guess_delimiter(line: str) -> str:
    """Return the separator that splits a line into the most columns; a comma if none does."""
    if line.count("::") >= 2:
        return UNIT
    return max(
        DELIMITERS, key=lambda delimiter: len(next(csv.reader([line[:100_000]], delimiter=delimiter), []))
    )


def split_line(line: str, found: TextFormat) -> list[str]:
    """Return the cells of the first line of a file."""
    if not found.is_quoted:
        return (
            line.replace("::", UNIT).split(found.delimiter)
            if found.delimiter == UNIT
            else line.split(found.delimiter)
        )
    return next(csv.reader([line[:100_000]], delimiter=found.delimiter), [])


def _is_windows(byte: int) -> bool:
    return byte in _WINDOWS_LETTERS or (0xC0 <= byte <= 0xFC and byte not in (0xC3, 0xD7, 0xF7))
