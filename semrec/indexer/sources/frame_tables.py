"""Parquet files and frames as tables."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from semrec.errors import CatalogError
from semrec.indexer.sources import textfile
from semrec.indexer.sources.compressed import Open
from semrec.indexer.sources.table import Table
from semrec.indexer.sources.textfile import RawRow
from semrec.store.protocol import FieldType

FRAME_ROWS = 2000
"""Rows of a frame or Parquet file that are converted to Python values at the same time."""


def parquet_table(name: str, head: bytes, open_file: Open, path: Path | None, group: str | None) -> Table:
    """Return the table of a Parquet file.

    Parameters
    ----------
    name : for messages.
    head : its first bytes.
    open_file : opens its content.
    path : of the file; None: it is a pipe or compressed, and is copied to the disk.
    group : see `Table`.

    Raises
    ------
    CatalogError
        It cannot be read as Parquet.
    """
    if not head.startswith(b"PAR1"):
        raise CatalogError(f"{name}: is not a Parquet file; give the format with --format")
    is_copy = path is None
    path = path or _spooled(open_file)
    try:
        scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        schema, size = scan.collect_schema(), int(scan.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise CatalogError(f"{name}: cannot be read as Parquet: {error}") from error

    def read(columns: Sequence[str] | None) -> Iterator[RawRow]:
        wanted = scan if columns is None else scan.select(columns)
        # A slice is fast even inside a large row group, and reads nothing else into memory.
        return _frame_rows(
            name, (wanted.slice(start, FRAME_ROWS).collect() for start in range(0, size, FRAME_ROWS))
        )

    table = Table(name, read, tuple(schema), _types(schema), n_rows=size, group=group)
    if is_copy:
        weakref.finalize(read, os.unlink, path)  # a table may be replaced by one with the same rows
    return table


def _spooled(open_file: Open) -> Path:
    """Return a copy of a pipe or compressed file on the disk: Parquet files are read from the end."""
    handle, name = tempfile.mkstemp(prefix="semrec-", suffix=".parquet")
    with os.fdopen(handle, "wb") as copy, open_file() as pipe:
        shutil.copyfileobj(pipe, copy, 1 << 20)
    return Path(name)


def polars_table(frame: pl.DataFrame | pl.LazyFrame, name: str = "frame") -> Table:
    """Return a polars frame as a table."""
    schema = frame.collect_schema()

    def read(columns: Sequence[str] | None) -> Iterator[RawRow]:
        wanted = frame if columns is None else frame.select(columns)
        if isinstance(wanted, pl.LazyFrame):
            # Slices would run the whole query again for each slice.
            return _frame_rows(name, wanted.collect_batches(chunk_size=FRAME_ROWS, maintain_order=True))
        return _frame_rows(name, wanted.iter_slices(FRAME_ROWS))

    size = len(frame) if isinstance(frame, pl.DataFrame) else None
    return Table(name, read, tuple(schema), _types(schema), n_rows=size)


def arrow_table(source: Any) -> Table:
    """Return an object with the Arrow stream interface as a table; raises `CatalogError`."""
    try:
        frame = pl.DataFrame(source)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise CatalogError(f"Arrow table: cannot be read: {error}") from error
    # The text of an Arrow table may be invalid UTF-8. As bytes, it is checked row by row.
    unchecked = polars_table(frame.with_columns(pl.col(pl.String).cast(pl.Binary)), "Arrow table")
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


def is_pandas(source: Any) -> bool:
    """Return whether a source is a frame of pandas, which need not be installed."""
    return type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "columns")


def pandas_table(frame: Any) -> Table:
    """Return a frame of pandas as a table; an index with a name, or of texts, becomes a column."""
    names = [name for name in frame.index.names if name is not None]
    is_named = len(names) == len(frame.index.names) and not set(names) & set(frame.columns)
    has_texts = not names and frame.index.dtype.kind == "O" and "index" not in frame.columns
    if is_named or has_texts:
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
