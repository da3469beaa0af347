"""Sources as tables: files, frames, queries, and iterables of items or dicts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from itertools import chain
from typing import Any

import polars as pl

from semrec.errors import CatalogError, shown
from semrec.indexer.sources.datasets import dataset_table, is_dataset
from semrec.indexer.sources.file_tables import FORMATS, path_tables
from semrec.indexer.sources.frame_tables import arrow_table, is_pandas, pandas_table, polars_table
from semrec.indexer.sources.published import adapted
from semrec.indexer.sources.sql import SqlQuery, sql_table
from semrec.indexer.sources.table import FileOptions, Table
from semrec.indexer.sources.textfile import RawRow
from semrec.types import Item

__all__ = ["FileOptions", "SqlQuery", "Table", "open_tables"]

_GUESSED = FileOptions()


def open_tables(sources: Any, options: FileOptions = _GUESSED) -> list[Table]:
    """Return a table for every source, at least one; one that was published in several rows an item as such.

    Raises
    ------
    CatalogError
        A source is missing, empty or unreadable, or has an unknown type.
    """
    if options.format is not None and options.format not in FORMATS:
        raise CatalogError(f"unknown format {options.format!r}; there are {', '.join(FORMATS)}")
    return [adapted(table, with_hidden=options.with_hidden) for table in _opened(sources, options)]


def _opened(sources: Any, options: FileOptions) -> list[Table]:
    if isinstance(sources, SqlQuery):
        return [sql_table(sources)]
    if isinstance(sources, (str, os.PathLike)):
        return path_tables([sources], options)
    if isinstance(sources, (pl.DataFrame, pl.LazyFrame)):
        return [polars_table(sources)]
    if is_pandas(sources):
        return [pandas_table(sources)]
    if is_dataset(sources):
        return [dataset_table(sources)]
    if hasattr(sources, "__arrow_c_stream__"):
        return [arrow_table(sources)]
    if isinstance(sources, (Mapping, bytes)) or not isinstance(sources, Iterable):
        raise CatalogError(f"a {type(sources).__name__} is not a catalog; give files, a frame or items")
    return _iterable_tables(sources, options)


def _iterable_tables(sources: Iterable[Any], options: FileOptions) -> list[Table]:
    entries = iter(sources)
    try:
        first = next(entries)
    except StopIteration:
        raise CatalogError("the catalog has no items") from None
    if isinstance(first, (str, os.PathLike)):
        return path_tables([first, *entries], options)
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
