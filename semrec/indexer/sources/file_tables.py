"""Files, archives, folders and standard input as tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from semrec.errors import CatalogError
from semrec.indexer.sources import json_document, textfile
from semrec.indexer.sources.compressed import SUFFIXES, Open, file_members
from semrec.indexer.sources.frame_tables import parquet_table
from semrec.indexer.sources.netflix import COLUMNS, is_netflix, netflix_rows
from semrec.indexer.sources.source_files import STANDARD_INPUT, files_in, paths_of
from semrec.indexer.sources.table import FileOptions, Table
from semrec.indexer.sources.text_format import guess_encoding, guess_text_format

FORMATS = ("csv", "tsv", "jsonl", "parquet")
EXTENSIONS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".dat": "csv",
    ".data": "csv",
    ".item": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")
_WORKBOOK = "is a workbook; save it as CSV (in Excel: Save As, CSV UTF-8)"


class Stream(NamedTuple):
    """A file or standard input.

    Parameters
    ----------
    name : for messages.
    head : its first bytes, decompressed.
    open : opens it from the start.
    path : None if it can be read only once.
    is_plain : whether the file itself holds these bytes.
    group : the folder or archive that it was found in; None: it was named.
    notes : on files beside it that are not read, in words.
    """

    name: str
    head: bytes
    open: Open
    path: Path | None
    is_plain: bool = False
    group: str | None = None
    notes: tuple[str, ...] = ()


def path_tables(sources: Sequence[Any], options: FileOptions) -> list[Table]:
    """Return the tables of paths; a folder and an archive have one for each file of a known format.

    Raises
    ------
    CatalogError
        A file is missing, empty or unreadable, or has an unknown type.
    """
    streams = [stream for source in sources for stream in _streams(source)]
    tables = [_stream_table(stream, options) for stream in streams]
    return [
        replace(table, notes=(*stream.notes, *table.notes)) if stream.notes else table
        for stream, table in zip(streams, tables, strict=True)
    ]


def _streams(source: Any) -> Iterator[Stream]:
    if not isinstance(source, (str, os.PathLike)):
        raise CatalogError(f"a {type(source).__name__} among the files; give paths only")
    name = os.fspath(source)
    if name == STANDARD_INPUT:
        stdin = sys.stdin.buffer
        yield Stream("standard input", *textfile.peek_pipe("standard input", stdin, owned=False), None)
        return
    for path in paths_of(name):
        if path.is_dir():
            yield from _folder_streams(path)
        elif path.is_file():
            yield from _file_streams(path)
        else:
            yield Stream(str(path), *textfile.peek_pipe(str(path), path.open("rb"), owned=True), None)


def _folder_streams(folder: Path) -> Iterator[Stream]:
    """Yield the files of a folder that have a known format."""
    files = files_in(folder)
    known = [file for file in files if _extension(file.name) in EXTENSIONS]
    if not known:
        raise CatalogError(f"{folder}: holds no file with a name such as items.csv ({', '.join(EXTENSIONS)})")
    notes = tuple(f"{file}: left out, {_WORKBOOK}" for file in files if file.suffix.lower() in WORKBOOKS)
    for file in known:
        for stream in _file_streams(file):
            if stream.head.strip():
                yield stream._replace(group=str(folder), notes=notes)
                notes = ()


def _file_streams(path: Path) -> Iterator[Stream]:
    if path.suffix.lower() in WORKBOOKS:
        raise CatalogError(f"{path}: {_WORKBOOK}")
    members = file_members(path)
    for name, open_member in members:
        if len(members) > 1 and _extension(name) not in EXTENSIONS:
            continue
        head = textfile.read_head(name, open_member)
        is_archive = name != str(path)
        group = str(path) if len(members) > 1 else None
        is_plain = not is_archive and _is_plain(path, head)
        yield Stream(name, head, open_member, path, is_plain=is_plain, group=group)


def _is_plain(path: Path, head: bytes) -> bool:
    """Return whether a file is not compressed."""
    with path.open("rb") as stream:
        return stream.read(4) == head[:4]


def _stream_table(stream: Stream, options: FileOptions) -> Table:
    if not stream.head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise CatalogError(f"{stream.name}: is empty")
    kind = options.format or _format_of(stream)
    if kind == "parquet":
        path = stream.path if stream.is_plain else None
        return parquet_table(stream.name, stream.head, stream.open, path, stream.group)
    textfile.check_text(stream.name, stream.head)
    if kind == "jsonl":
        return _json_table(stream, options.encoding or guess_encoding(stream.head))
    if is_netflix(stream.head):
        return _netflix_table(stream)
    found = guess_text_format(stream.name, stream.head, kind, options.header, options.encoding)
    header = found.header or textfile.read_header(stream.name, stream.head, found)

    def read(_: Sequence[str] | None) -> Iterator[textfile.RawRow]:
        return textfile.csv_rows(stream.name, stream.open, found, header)

    return Table(
        stream.name,
        read,
        header,
        parse=True,
        one_shot=stream.path is None,
        notes=found.notes,
        group=stream.group,
    )


def _netflix_table(stream: Stream) -> Table:
    def read(_: Sequence[str] | None) -> Iterator[textfile.RawRow]:
        return netflix_rows(stream.name, stream.open)

    note = f"{stream.name}: taken for ratings of the Netflix Prize"
    one_shot = stream.path is None
    return Table(stream.name, read, COLUMNS, parse=True, one_shot=one_shot, notes=(note,), group=stream.group)


def _json_table(stream: Stream, encoding: str) -> Table:
    """Return the table of JSON Lines, or of one JSON document."""
    head = stream.head.decode(encoding, "replace")
    rows, notes = textfile.json_rows, _of_python(stream.name, head)
    if json_document.is_document(head):
        array = json_document.array_in(head)
        rows = textfile.document_rows
        notes = (f"{stream.name}: one JSON document, of which the list {array!r} is read",) if array else ()

    def read(_: Sequence[str] | None) -> Iterator[textfile.RawRow]:
        return rows(stream.name, stream.open, encoding)

    return Table(stream.name, read, one_shot=stream.path is None, notes=notes, group=stream.group)


def _of_python(name: str, head: str) -> tuple[str, ...]:
    line = head.lstrip("\ufeff \t\r\n").partition("\n")[0]
    is_python = "'" in line and not json_document.is_json(line) and textfile.python_dict(line) is not None
    return (f"{name}: its lines are dicts of Python, not JSON (guessed)",) if is_python else ()


def _format_of(stream: Stream) -> str:
    if stream.path is None:
        head = stream.head.lstrip(b"\xef\xbb\xbf \t\r\n")
        return "parquet" if head.startswith(b"PAR1") else "jsonl" if head[:1] in (b"{", b"[") else "csv"
    extension = _extension(stream.name)
    kind = EXTENSIONS.get(extension) or ("csv" if extension == ".txt" else None)
    if kind is None:
        raise CatalogError(f"{stream.name}: unknown format; give it with --format ({', '.join(FORMATS)})")
    return kind


def _extension(name: str) -> str:
    """Return the extension of a file, apart from that of a compressed one: `.csv` of `items.csv.gz`."""
    name = name.lower()
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return os.path.splitext(name)[1]
