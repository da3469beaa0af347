"""CSV, TSV and JSON, plain or compressed, as raw rows.

Invalid UTF-8 bytes become lone surrogates, so that only their row is rejected.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, cast

from semrec.errors import CatalogError
from semrec.indexer.sources import json_document
from semrec.indexer.sources.compressed import READ_ERRORS, Open, decompressed
from semrec.indexer.sources.text_format import HEAD_BYTES, UNIT, TextFormat

LONGEST_ROW_CHARACTERS = 1 << 26
"""A longer CSV row is an unclosed quote."""
LONGEST_FIELD_CHARACTERS = 2**31 - 1
_READ_ERRORS = (OSError, EOFError, zlib.error, UnicodeError, *READ_ERRORS)


class RawRow(NamedTuple):
    """A row of a source.

    Parameters
    ----------
    number : the first row of data is 1.
    values : by column; those that could be read.
    fault : why the row cannot be used; None if it can.
    where : position in the source, for instance `line 7`.
    """

    number: int
    values: Mapping[str, Any]
    fault: str | None = None
    where: str = ""


class _Replay(io.RawIOBase):
    """A pipe that returns its first bytes again."""

    def __init__(self, head: bytes, rest: BinaryIO, *, owned: bool) -> None:
        self._head = memoryview(head)
        self._rest = rest
        self._owned = owned

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if self._owned:
            self._rest.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        if not self._head:
            chunk = self._rest.read(size)
        else:
            chunk, self._head = bytes(self._head[:size]), self._head[size:]
        buffer[: len(chunk)] = chunk
        return len(chunk)


def read_head(name: str, open_file: Open) -> bytes:
    """Return the first bytes of a file."""
    with reading(name), open_file() as stream:
        return stream.read(HEAD_BYTES)


def peek_pipe(name: str, pipe: BinaryIO, *, owned: bool) -> tuple[bytes, Open]:
    """Return the first bytes of a pipe, and a function that opens it from the start, once.

    Parameters
    ----------
    name : for messages.
    pipe : where nothing was read yet.
    owned : close the pipe after reading.
    """

    def peek(stream: BinaryIO) -> tuple[bytes, BinaryIO]:
        head = stream.read(HEAD_BYTES)
        return head, cast(BinaryIO, io.BufferedReader(_Replay(head, stream, owned=owned)))

    with reading(name):
        head, stream = peek(pipe)
        if content := decompressed(stream, head):
            head, stream = peek(content)
    unread = [stream]

    def open_pipe() -> BinaryIO:
        if not unread:
            raise CatalogError(f"{name}: can be read only once")
        return unread.pop()

    return head, open_pipe


def check_text(name: str, head: bytes) -> None:
    """Raise `CatalogError` for a file that is not text."""
    if head.startswith((b"PAR1", b"PK\x03\x04", b"\x1f\x8b")):
        raise CatalogError(f"{name}: is not a text file; give the format with --format")


def check_columns(name: str, columns: Sequence[str]) -> None:
    """Raise `CatalogError` for columns with the same name."""
    twice = sorted(column for column, count in Counter(columns).items() if count > 1)
    if twice:
        raise CatalogError(f"{name}: several columns are named {', '.join(map(repr, twice))}; rename them")


def read_header(name: str, head: bytes, found: TextFormat) -> tuple[str, ...]:
    """Return the columns of a CSV file; a column without a name is named by its position."""
    csv.field_size_limit(LONGEST_FIELD_CHARACTERS)
    lines = io.StringIO(head.decode(found.encoding, "surrogateescape").lstrip("\ufeff"), newline="")
    try:
        header = next(
            row for row in csv.reader(islice(lines, found.n_skipped, None), **_dialect(found)) if row
        )
    except (csv.Error, StopIteration) as error:
        raise CatalogError(f"{name}: the line with the column names cannot be read: {error}") from error
    columns = tuple(column or f"column {place}" for place, column in enumerate(header, 1))
    if any("\udc80" <= character <= "\udcff" for column in columns for character in column):
        raise CatalogError(f"{name}: the column names are not valid UTF-8; name the encoding with --encoding")
    check_columns(name, columns)
    return columns


def csv_rows(
    name: str,
    open_stream: Open,
    found: TextFormat,
    header: Sequence[str],
    longest_row: int = LONGEST_ROW_CHARACTERS,
) -> Iterator[RawRow]:
    """Yield the rows of a CSV file below its header, if it has one, without blank lines.

    Parameters
    ----------
    name : of the file, for messages.
    open_stream : opens the file.
    found : how the file is written.
    header : the columns.
    longest_row : most characters of a row.
    """
    csv.field_size_limit(LONGEST_FIELD_CHARACTERS)
    with reading(name), open_stream() as stream:
        text = io.TextIOWrapper(stream, found.encoding, "surrogateescape", newline="")
        lines = _Lines(text, longest_row, found)
        records = _records(csv.reader(lines, **_dialect(found)), lines)
        if found.header is None:
            next(records, None)
        for number, (fields, fault, line) in enumerate(records, 1):
            if fault is None and len(fields) != len(header):
                fault = f"{len(fields)} fields where the header has {len(header)}"
            yield RawRow(number, dict(zip(header, fields, strict=False)), fault, f"line {line}")


def _dialect(found: TextFormat) -> dict[str, Any]:
    """Return the arguments of `csv.reader` for a file."""
    quoting = csv.QUOTE_MINIMAL if found.is_quoted else csv.QUOTE_NONE
    return {"delimiter": found.delimiter, "quoting": quoting, "strict": True}


def _records(reader: Iterator[list[str]], lines: _Lines) -> Iterator[tuple[list[str], str | None, int]]:
    """Yield fields, fault and first line of every record.

    With a broken or unclosed quote only its line is rejected; reading goes on with the next line.
    """
    while True:
        line = lines.begin_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (csv.Error, _RowTooLongError) as error:
            lines.return_all_but_first()
            yield [], f"quotes are broken: {error}", line
        else:
            if fields:
                yield fields, None, line


class _RowTooLongError(Exception):
    """A record is longer than allowed."""


class _Lines:
    """Lines of a text; the lines of the current record can be read again from its second line on."""

    def __init__(self, stream: io.TextIOWrapper, longest_row: int, found: TextFormat) -> None:
        self._stream = stream
        self._has_pairs = found.delimiter == UNIT
        self._longest_row = longest_row
        self._returned: list[str] = []  # in reverse: the next line is the last
        self._record: list[str] = []
        self._size = 0
        self._number = 0
        for _ in range(found.n_skipped):
            next(stream, None)
            self._number += 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._size > self._longest_row:
            raise _RowTooLongError(f"no end within {self._longest_row:,} characters")
        line = self._returned.pop() if self._returned else self._next_line()
        self._record.append(line)
        self._size += len(line)
        self._number += 1
        return line

    def _next_line(self) -> str:
        line = next(self._stream)
        return line.replace("::", UNIT) if self._has_pairs else line

    def begin_record(self) -> int:
        """Start a record; return the number of its first line."""
        self._record.clear()
        self._size = 0
        return self._number + 1

    def return_all_but_first(self) -> None:
        """Read the lines of this record again, except the first one."""
        again = self._record[1:]
        self._number -= len(again)
        self._returned.extend(reversed(again))


def json_rows(name: str, open_stream: Open, encoding: str = "utf-8-sig") -> Iterator[RawRow]:
    """Yield the rows of a JSON Lines file, without blank lines."""
    number = 0
    with reading(name), open_stream() as stream:
        text = io.TextIOWrapper(stream, encoding, "surrogateescape", newline="\n")
        for place, line in enumerate(text, 1):
            if line.strip():
                number += 1
                yield _json_row(number, line, f"line {place}")


def _json_row(number: int, line: str, where: str) -> RawRow:
    try:
        values = json.loads(line)
    except RecursionError:
        return RawRow(number, {}, "is JSON nested too deeply", where)
    except ValueError as error:
        values = python_dict(line)
        if values is None:
            return RawRow(number, {}, f"is not valid JSON: {error}", where)
    return _object_row(number, values, where)


def python_dict(line: str) -> dict[Any, Any] | None:
    """Return the dict that a line is as Python writes it, as in older data sets; None if it is none."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        values = ast.literal_eval(line.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return values if isinstance(values, dict) and all(isinstance(name, str) for name in values) else None


def document_rows(name: str, open_stream: Open, encoding: str = "utf-8-sig") -> Iterator[RawRow]:
    """Yield the entries of the array of objects in one JSON document."""
    with reading(name), open_stream() as stream:
        text = io.TextIOWrapper(stream, encoding, "surrogateescape")
        for number, values in enumerate(json_document.entries(name, text), 1):
            yield _object_row(number, values, f"entry {number}")


def _object_row(number: int, values: Any, where: str) -> RawRow:
    if not isinstance(values, dict):
        return RawRow(number, {}, f"is JSON, but not an object: {str(values)[:40]}", where)
    return RawRow(number, values, None, where)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn errors of reading into `CatalogError`s that name the file."""
    try:
        yield
    except _READ_ERRORS as error:
        raise CatalogError(f"{name}: cannot be read: {error}") from error
