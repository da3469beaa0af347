"""Files, standard input, frames and iterables as tables of raw rows.

A `Table` has the columns, if they are known, and a function that reads the rows one by one. A row that cannot
be read is a row with a fault.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import polars as pl

from semrec.errors import CatalogError, shown
from semrec.indexer.sources import textfile
from semrec.indexer.sources.source_files import STANDARD_INPUT, paths_of
from semrec.indexer.sources.textfile import RawRow
from semrec.store.protocol import FieldType
from semrec.types import Item

FORMATS = ("csv", "tsv", "jsonl", "parquet")
EXTENSIONS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
FRAME_ROWS = 2000
"""Rows of a frame or Parquet file that are converted to Python values at the same time."""

Read: TypeAlias = Callable[[Sequence[str] | None], Iterator[RawRow]]


@dataclass(frozen=True)
class Table:
    """One source of rows.

    Parameters
    ----------
    name : for messages.
    read : reads from the first row on; takes the columns that are needed (None: all).
    columns : None if every row has its own.
    schema : types of the columns, if the source declares them.
    parse : the format has text only, so numbers are parsed.
    one_shot : it can be read only once.
    keep_all : the rows are items, so all their metadata is kept.
    n_rows : None if unknown before reading.
    notes : what was guessed, in words.
    """

    name: str
    read: Read
    columns: tuple[str, ...] | None = None
    schema: Mapping[str, FieldType] = field(default_factory=dict)
    parse: bool = False
    one_shot: bool = False
    keep_all: bool = False
    n_rows: int | None = None
    notes: tuple[str, ...] = ()


def open_tables(sources: Any, format: str | None = None) -> list[Table]:  # noqa: A002
    """Return a table for every source, at least one.

    Raises
    ------
    CatalogError
        A source is missing, empty or unreadable, or has an unknown type.
    """
    if format is not None and format not in FORMATS:
        raise CatalogError(f"unknown format {format!r}; there are {', '.join(FORMATS)}")
    if isinstance(sources, (str, os.PathLike)):
        return _path_tables([sources], format)
    if isinstance(sources, (pl.DataFrame, pl.LazyFrame)):
        return [_polars_table(sources)]
    if _is_pandas(sources):
        return [_pandas_table(sources)]
    if hasattr(sources, "__arrow_c_stream__"):
        return [_arrow_table(sources)]
    if isinstance(sources, (Mapping, bytes)) or not isinstance(sources, Iterable):
        raise CatalogError(f"a {type(sources).__name__} is not a catalog; give files, a frame or items")
    return _iterable_tables(sources, format)


def _iterable_tables(sources: Iterable[Any], format: str | None) -> list[Table]:  # noqa: A002
    entries = iter(sources)
    try:
        first = next(entries)
    except StopIteration:
        raise CatalogError("the catalog has no items") from None
    if isinstance(first, (str, os.PathLike)):
        return _path_tables([first, *entries], format)
    if not isinstance(first, (Item, Mapping)):
        raise CatalogError(f"a {type(first).__name__} is not an item; give items or dicts")
    one_shot = entries is sources
    keep_all = isinstance(first, Item) or bool(_fields_of(first))
    size = len(sources) if isinstance(sources, Sized) else None

    def read(_: Sequence[str] | None) -> Iterator[RawRow]:
        return _entry_rows(chain([first], entries) if one_shot else sources)

    return [Table("items", read, one_shot=one_shot, keep_all=keep_all, n_rows=size)]


def _entry_rows(entries: Iterable[Any]) -> Iterator[RawRow]:
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, Item):
            roles = {"item_id": entry.item_id, "title": entry.title, "text": entry.text}
            clash = ", ".join(sorted(roles.keys() & entry.metadata.keys()))
            fault = f"metadata has a field with the name {clash}" if clash else None
            yield RawRow(number, {**entry.metadata, **roles}, fault)
        elif isinstance(entry, Mapping):
            yield _dict_row(number, entry)
        else:
            yield RawRow(number, {}, f"is a {type(entry).__name__}, not an item or a dict")


def _dict_row(number: int, entry: Mapping[Any, Any]) -> RawRow:
    """Return a dict as a row; `metadata` that is a dict holds fields, as in `Recommender.put_items`."""
    fields = _fields_of(entry)
    others = {name: value for name, value in entry.items() if not (fields and name == "metadata")}
    values = {**fields, **others}
    named = {name: value for name, value in values.items() if isinstance(name, str)}
    fault = None
    if len(named) < len(values):
        unnamed = next(name for name in values if not isinstance(name, str))
        fault = f"the name {shown(unnamed)} of a field is not text"
    elif clash := ", ".join(sorted(fields.keys() & others.keys())):
        fault = f"metadata has a field with the name {clash}"
    return RawRow(number, named, fault)


def _fields_of(entry: Any) -> Mapping[Any, Any]:
    """Return the metadata fields of a dict; empty if it has none, or a column of that name."""
    metadata = entry.get("metadata") if isinstance(entry, Mapping) else None
    return metadata if isinstance(metadata, Mapping) else {}


# Files ---------------------------------------------------------------------------------------------


class _Stream(NamedTuple):
    """A file or standard input: its name, its first bytes, and a function that opens it from the start."""

    name: str
    head: bytes
    open: textfile.Open
    path: Path | None


def _path_tables(sources: Sequence[Any], format: str | None) -> list[Table]:  # noqa: A002
    return [_stream_table(stream, format) for source in sources for stream in _streams(source)]


def _streams(source: Any) -> Iterator[_Stream]:
    if not isinstance(source, (str, os.PathLike)):
        raise CatalogError(f"a {type(source).__name__} among the files; give paths only")
    name = os.fspath(source)
    if name == STANDARD_INPUT:
        stdin = sys.stdin.buffer
        yield _Stream("standard input", *textfile.peek_pipe("standard input", stdin, owned=False), None)
        return
    for path in paths_of(name):
        if path.is_file():
            yield _Stream(str(path), *textfile.peek_file(path), path)
        else:
            yield _Stream(str(path), *textfile.peek_pipe(str(path), path.open("rb"), owned=True), None)


def _stream_table(stream: _Stream, format: str | None) -> Table:  # noqa: A002
    if not stream.head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise CatalogError(f"{stream.name}: is empty")
    kind = format or _format_of(stream)
    if kind == "parquet":
        return _parquet_table(stream)
    textfile.check_text(stream.name, stream.head)
    if kind == "jsonl":
        textfile.check_json(stream.name, stream.head)
        return Table(
            stream.name,
            lambda _: textfile.json_rows(stream.name, stream.open),
            one_shot=stream.path is None,
        )
    delimiter = "\t" if kind == "tsv" else textfile.guess_delimiter(stream.head)
    header = textfile.read_header(stream.name, stream.head, delimiter)
    is_usual = kind == "tsv" or delimiter == ","
    return Table(
        stream.name,
        lambda _: textfile.csv_rows(stream.name, stream.open, delimiter, header),
        columns=header,
        parse=True,
        one_shot=stream.path is None,
        notes=() if is_usual else (f"{stream.name}: columns are separated by {delimiter!r} (guessed)",),
    )


def _format_of(stream: _Stream) -> str:
    if stream.path is None:
        head = stream.head.lstrip(b"\xef\xbb\xbf \t\r\n")
        return "parquet" if head.startswith(b"PAR1") else "jsonl" if head[:1] in (b"{", b"[") else "csv"
    name = stream.path.name.lower().removesuffix(".gz")
    kind = EXTENSIONS.get(os.path.splitext(name)[1])
    if kind is None:
        raise CatalogError(f"{stream.name}: unknown format; give it with --format ({', '.join(FORMATS)})")
    return kind


# Parquet and frames --------------------------------------------------------------------------------


def _parquet_table(stream: _Stream) -> Table:
    if not stream.head.startswith(b"PAR1"):
        raise CatalogError(f"{stream.name}: is not a Parquet file; give the format with --format")
    path = stream.path or _spooled(stream)
    try:
        scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        schema, size = scan.collect_schema(), int(scan.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise CatalogError(f"{stream.name}: cannot be read as Parquet: {error}") from error

    def read(columns: Sequence[str] | None) -> Iterator[RawRow]:
        wanted = scan if columns is None else scan.select(columns)
        # A slice is fast even inside a large row group, and reads nothing else into memory.
        return _frame_rows(
            stream.name, (wanted.slice(start, FRAME_ROWS).collect() for start in range(0, size, FRAME_ROWS))
        )

    table = Table(stream.name, read, tuple(schema), _types(schema), n_rows=size)
    if stream.path is None:
        weakref.finalize(table, os.unlink, path)
    return table


def _spooled(stream: _Stream) -> Path:
    """Return a copy of a pipe on the disk: Parquet files are read from the end."""
    handle, name = tempfile.mkstemp(prefix="semrec-", suffix=".parquet")
    with os.fdopen(handle, "wb") as copy, stream.open() as pipe:
        shutil.copyfileobj(pipe, copy, 1 << 20)
    return Path(name)


def _polars_table(frame: pl.DataFrame | pl.LazyFrame, name: str = "frame") -> Table:
    schema = frame.collect_schema()

    def read(columns: Sequence[str] | None) -> Iterator[RawRow]:
        wanted = frame if columns is None else frame.select(columns)
        if isinstance(wanted, pl.LazyFrame):
            # Slices would run the whole query again for each slice.
            return _frame_rows(name, wanted.collect_batches(chunk_size=FRAME_ROWS, maintain_order=True))
        return _frame_rows(name, wanted.iter_slices(FRAME_ROWS))

    size = len(frame) if isinstance(frame, pl.DataFrame) else None
    return Table(name, read, tuple(schema), _types(schema), n_rows=size)


def _arrow_table(source: Any) -> Table:
    try:
        frame = pl.DataFrame(source)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise CatalogError(f"Arrow table: cannot be read: {error}") from error
    # The text of an Arrow table may be invalid UTF-8. As bytes, it is checked row by row.
    unchecked = _polars_table(frame.with_columns(pl.col(pl.String).cast(pl.Binary)), "Arrow table")
    return Table(unchecked.name, unchecked.read, unchecked.columns, _types(frame.schema), n_rows=len(frame))


def _frame_rows(name: str, frames: Iterable[pl.DataFrame]) -> Iterator[RawRow]:
    number = 0
    try:
        for frame in frames:
            names = frame.columns
            for values in frame.rows():
                number += 1
                yield RawRow(number, dict(zip(names, values, strict=True)))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise CatalogError(f"{name}: reading failed after row {number}: {error}") from error


def _types(schema: Mapping[str, pl.DataType]) -> dict[str, FieldType]:
    types = {name: _type(dtype) for name, dtype in schema.items()}
    return {name: kind for name, kind in types.items() if kind is not None}


def _type(dtype: pl.DataType) -> FieldType | None:
    if dtype.is_integer():
        return "integer"
    if dtype.is_numeric():
        return "float"
    if isinstance(dtype, (pl.List, pl.Array)):
        return "keyword" if isinstance(dtype.inner, pl.DataType) and not dtype.inner.is_nested() else None
    if isinstance(dtype, pl.Boolean):
        return "bool"
    texts = (pl.String, pl.Categorical, pl.Enum)
    return "keyword" if dtype.is_temporal() or isinstance(dtype, texts) else None


def _is_pandas(source: Any) -> bool:
    return type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "columns")


def _pandas_table(frame: Any) -> Table:
    if all(name is not None and name not in frame.columns for name in frame.index.names):
        frame = frame.reset_index()
    columns = tuple(map(str, frame.columns))
    textfile.check_columns("frame", columns)
    kinds: dict[str, FieldType] = {"i": "integer", "u": "integer", "f": "float", "b": "bool", "M": "keyword"}
    found = {name: kinds.get(dtype.kind) for name, dtype in zip(columns, frame.dtypes, strict=True)}
    schema = {name: kind for name, kind in found.items() if kind is not None}
    return Table("frame", lambda _: _pandas_rows(frame, columns), columns, schema, n_rows=len(frame))


def _pandas_rows(frame: Any, columns: Sequence[str]) -> Iterator[RawRow]:
    for start in range(0, len(frame), FRAME_ROWS):
        part = frame.iloc[start : start + FRAME_ROWS]
        series = [part.iloc[:, position] for position in range(len(columns))]
        values = [one.astype(object).where(one.notna(), None).tolist() for one in series]
        for number, row in enumerate(zip(*values, strict=True), start + 1):
            yield RawRow(number, dict(zip(columns, row, strict=True)))
