"""One JSON document as rows: an array of objects, or an object with such an array, read entry by entry."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from semrec.errors import CatalogError, shown

CHUNK_CHARACTERS = 1 << 20
LONGEST_ENTRY_CHARACTERS = 1 << 26
"""A longer entry of an array is taken for broken JSON."""
_BLANK = "\ufeff \t\r\n"
_CURE = "write one object a line, for instance by jq -c ."
_OF_ROWS = re.compile(r"_?id|\w+_id|\w+I[dD]|sku|asin|isbn|handle|user|item")
"""Names of values of an item or event, which is no document although it may hold a list."""


def is_document(head: str) -> bool:
    """Return whether a text is one JSON document, and not JSON Lines, by its first characters."""
    start = head.lstrip(_BLANK)
    if not start.startswith("{"):
        return start.startswith("[")
    line, _, rest = start.partition("\n")
    if rest.strip():  # only a document has a first line that is no object
        return line.rstrip()[-1:] in ("{", "[", ",", ":")
    return array_in(start) is not None


def array_in(head: str) -> str | None:
    """Return the name of the array of objects in a document; None if these characters have none."""
    try:
        return next(_Scanner(io.StringIO(head)).arrays(), None)
    except (ValueError, RecursionError):
        return None


def entries(name: str, text: TextIO) -> Iterator[Any]:
    """Yield the entries of the array of a document.

    Parameters
    ----------
    name : of the file, for messages.
    text : the document.

    Raises
    ------
    CatalogError
        The JSON is broken or incomplete, or the document has no array of objects, or several.
    """
    scanner = _Scanner(text)
    number = 0
    try:
        arrays = iter([""]) if scanner.next() == "[" else scanner.arrays()
        first = next(arrays, None)
        if first is None:
            raise CatalogError(f"{name}: is one JSON document without a list of objects; {_CURE}")
        for entry in scanner.array():
            number += 1
            yield entry
        if (other := next(arrays, None)) is not None:
            raise CatalogError(
                f"{name}: has several lists of objects, {shown(first)} and {shown(other)}; write the one to "
                f"read to a file of its own, for instance by jq -c '.{first}[]'"
            )
        if scanner.next():
            raise CatalogError(f"{name}: has text after the end of its JSON document; {_CURE}")
    except _OneRowError as error:
        raise CatalogError(f"{name}: {error}") from None
    except (ValueError, RecursionError) as error:
        what = f"its JSON is broken or incomplete after entry {number}"
        raise CatalogError(f"{name}: {what}: {error}") from error


class _OneRowError(ValueError):
    """A document is an item or an event."""


class _Scanner:
    """Reads a JSON text value by value."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._buffer, self._place, self._is_all = "", 0, False
        self._decoder = json.JSONDecoder()

    def next(self) -> str:
        """Return the next character that is not white space; empty at the end."""
        while True:
            while self._place < len(self._buffer) and self._buffer[self._place] in _BLANK:
                self._place += 1
            if self._place < len(self._buffer):
                return self._buffer[self._place]
            if self._is_all:
                return ""
            self._fill()

    def arrays(self) -> Iterator[str]:
        """Yield the names of the arrays of objects in the object that starts here, each before its array.

        Raises
        ------
        ValueError
            It is no JSON object, or an item or event.
        """
        self._take("{")
        while self.next() != "}":
            name = str(self._value())
            if _OF_ROWS.fullmatch(name):
                raise _OneRowError(f"is one JSON document, and it is one object, with {shown(name)}; {_CURE}")
            self._take(":")
            if self.next() == "[" and self._has_objects():
                yield name
            else:
                self._value()
            if self.next() != "}":
                self._take(",")
        self._take("}")

    def array(self) -> Iterator[Any]:
        """Yield the entries of the array that starts here."""
        self._take("[")
        while self.next() != "]":
            yield self._value()
            if self.next() != "]":
                self._take(",")
        self._take("]")

    def _has_objects(self) -> bool:
        """Return whether the array that starts here begins with an object."""
        while not (rest := self._buffer[self._place + 1 : self._place + 99].lstrip(_BLANK)):
            if self._is_all:
                return False
            self._fill()
        return rest.startswith("{")

    def _value(self) -> Any:
        while True:
            self.next()
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._place)
            except ValueError:
                if self._is_all or len(self._buffer) - self._place > LONGEST_ENTRY_CHARACTERS:
                    raise
            else:
                if end < len(self._buffer) or self._is_all:
                    self._place = end
                    return value
            self._fill()

    def _take(self, sign: str) -> None:
        if self.next() != sign:
            found = self.next() or "the end"
            raise ValueError(f"expected {sign!r}, found {found!r}")
        self._place += 1

    def _fill(self) -> None:
        more = self._text.read(CHUNK_CHARACTERS)
        self._buffer, self._place = self._buffer[self._place :] + more, 0
        self._is_all = not more


def is_json(line: str) -> bool:
    """Return whether a line is a JSON value."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
