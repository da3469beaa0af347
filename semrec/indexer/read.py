"""Reading a catalog: every row of a source becomes an item or a reject.

    catalog = open_catalog("shop/*.csv", max_text_bytes=1_000_000)
    for entry in catalog:           # Item | Reject, in the order of the rows
        ...

Only one number for each item is kept in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any, NamedTuple

from semrec.errors import CatalogError
from semrec.indexer.column_formats import ColumnFormat
from semrec.indexer.columns import quoted
from semrec.indexer.item_fields import ItemFields, Typed
from semrec.indexer.mapping import (
    FieldMapping,
    Profile,
    metadata_formats,
    missing_columns,
    profile_rows,
    resolve,
    text_separators,
)
from semrec.indexer.recognition import tables_with
from semrec.indexer.rejects import Reject, reject
from semrec.indexer.sources.decimal_ids import decimal_id_columns, decimal_ids_note, with_whole_ids
from semrec.indexer.sources.list_cells import split_cell
from semrec.indexer.sources.nested import flattened, object_columns, with_objects
from semrec.indexer.sources.sampled import SAMPLE_ROWS, SampledTables
from semrec.indexer.sources.table import Table
from semrec.indexer.sources.tables import open_tables
from semrec.indexer.sources.textfile import RawRow
from semrec.indexer.streams import in_batches
from semrec.indexer.template import DEFAULT_TEMPLATE, render
from semrec.indexer.text_cleaning import Cleaning
from semrec.plain_values import MisfitError, plain, to_id, to_text
from semrec.store.item_limits import item_fault
from semrec.store.protocol import FieldType, Manifest
from semrec.types import Item, Value

__all__ = ["DEFAULT_TEMPLATE", "Catalog", "FieldMapping", "open_catalog", "render"]

BATCH_ROWS = 512
"""Rows after the first ones that are looked at together: a later type is guessed from them."""


class CatalogRow(NamedTuple):
    """A row of a catalog.

    Parameters
    ----------
    entry : the item, or why the row is none.
    source, number, where : the place of the row, see `Reject` and `RawRow`.
    """

    entry: Item | Reject
    source: str
    number: int
    where: str

    def rejected(self, item_id: str, reason: str) -> Reject:
        """Return the reject for an item of this row that turned out to be unusable."""
        return reject(self.source, RawRow(self.number, {}, None, self.where), reason, item_id)


class _RowValues(NamedTuple):
    """A row with its values: those of objects beside them, and HTML as text."""

    row: RawRow
    values: Mapping[str, Any]
    has_html: bool


class Catalog:
    """Items of one or several sources; iterate over it.

    Attributes
    ----------
    notes : what was guessed from the first rows, in words.
    cleaning : what was changed while reading.
    n_rows : None if unknown before reading.
    """

    def __init__(
        self,
        tables: SampledTables,
        mapping: FieldMapping,
        max_text_bytes: int,
        before: Mapping[str, ColumnFormat],
        sample_rows: int,
        keep_html: bool = False,
    ) -> None:
        first = tables.first
        self._tables = tables
        self._max_text_bytes = max_text_bytes
        self._peeked: Iterator[CatalogRow] | None = None
        sampled = list(tables.sample(sample_rows))
        tables.require_readable(sampled)
        self._n_sampled = len(sampled)
        sample = [row.values for row in sampled if row.fault is None]
        self._objects = object_columns(sample)
        self.cleaning = Cleaning(keep_html)
        flat = [self.cleaning.read_html(self._flat(values), is_counted=False) for values in sample]
        profiles = self._profile(flat)
        self.notes = list(tables.notes)
        is_complete = self._n_sampled < sample_rows and not tables.rest
        guessed, guesses = resolve(
            mapping, profiles, source=first.name, keep_all=first.keep_all, is_complete=is_complete
        )
        self.notes += guesses
        formats = metadata_formats(guessed, profiles, first.schema, before, self.notes, parse=first.parse)
        is_open = mapping.metadata is None
        self._fields = ItemFields(
            guessed, formats, profiles, before, first, is_open=is_open, keep_all=first.keep_all
        )
        self._text_separators = text_separators(guessed, profiles)
        if profiles[str(guessed.item_id)].kinds & {"integer", "float"} and not first.parse:
            self.notes.append("item id: numbers are converted to strings")
        self._decimal_ids = decimal_id_columns(sample, (guessed.item_id,))
        self.notes += decimal_ids_note(self._decimal_ids)
        self.n_rows = tables.n_rows
        self._check_columns()

    @property
    def mapping(self) -> FieldMapping:
        """Every column named; its template uses `{item_id}`, `{title}` and `{text}` for these columns."""
        return self._fields.mapping

    @property
    def fields(self) -> dict[str, FieldType]:
        """The type of every metadata field that had a value so far."""
        return {name: found.type for name, found in self._fields.formats.items()}

    @property
    def separators(self) -> dict[str, str]:
        """What separates the values of lists in texts, by field, see `list_cells`."""
        formats = self._fields.formats
        return {name: found.separator for name, found in formats.items() if found.separator is not None}

    def described(self, manifest: Manifest) -> Manifest:
        """Return the manifest of an index of this catalog, with how values are written in it."""
        commas = (name for name, one in self._fields.formats.items() if one.mark == ",")
        return replace(
            manifest,
            separators={**manifest.separators, **self.separators},
            decimal_commas=tuple(dict.fromkeys((*manifest.decimal_commas, *commas))),
        )

    def later_notes(self) -> list[str]:
        """Return what was found after the first rows, in words."""
        return self._fields.later_notes()

    def peek(self, n_rows: int) -> list[Item]:
        """Return the items of the first rows; iterating still starts with these rows."""
        rows = self._rows()
        first = list(islice(rows, n_rows))
        self._peeked = chain(first, rows)
        return [row.entry for row in first if isinstance(row.entry, Item)]

    def __iter__(self) -> Iterator[Item | Reject]:
        return (row.entry for row in self.rows())

    def rows(self) -> Iterator[CatalogRow]:
        """Yield what iterating yields, each with the place of its row."""
        peeked, self._peeked = self._peeked, None
        return self._rows() if peeked is None else peeked

    def _rows(self) -> Iterator[CatalogRow]:
        seen: set[int] = set()
        for table in self._tables:
            columns = None if table.columns is None else self._fields.needed(table.columns)
            rows = self._tables.rows(table, columns)
            if table is self._tables.first:
                for row in islice(rows, self._n_sampled):
                    yield self._catalog_row(table, self._row_values(row), None, seen)
            for batch in in_batches(rows, BATCH_ROWS):
                read = [self._row_values(row) for row in batch]
                typed = self._fields.read_later(table, [(one.row, one.values) for one in read])
                for one, metadata in zip(read, typed, strict=True):
                    yield self._catalog_row(table, one, metadata, seen)

    def _row_values(self, row: RawRow) -> _RowValues:
        """Return the values of a row as they are before they get the types of the fields; none of a fault."""
        if row.fault is not None:
            return _RowValues(row, {}, has_html=False)
        flat = self._flat(with_whole_ids(row, self._decimal_ids).values)
        values = self.cleaning.read_html(flat, is_counted=False)
        return _RowValues(row, values, has_html=values is not flat)

    def _catalog_row(self, table: Table, read: _RowValues, typed: Typed | None, seen: set[int]) -> CatalogRow:
        """Return a row as an item or a reject; `typed` is its metadata, if it was read already."""
        row = read.row
        try:
            if row.fault is not None:
                raise MisfitError(row.fault)
            entry = self._item(read, typed or self._fields.read(read.values, parse=table.parse))
            check_item(entry, self.mapping.template or DEFAULT_TEMPLATE, self._max_text_bytes)
            _check_new(entry.item_id, seen)
        except MisfitError as fault:
            item_id = _readable_id(row.values.get(str(self.mapping.item_id)))
            rejected = reject(table.name, row, str(fault), item_id)
            return CatalogRow(rejected, table.name, row.number, row.where)
        return CatalogRow(entry, table.name, row.number, row.where)

    def _item(self, read: _RowValues, typed: Typed) -> Item:
        """Return the item of a row, or raise `MisfitError`."""
        mapping, cleaning, values = self.mapping, self.cleaning, read.values
        item_id = _converted(str(mapping.item_id), values.get(str(mapping.item_id)), to_id)
        title, text = self._text(mapping.title, values), self._text(mapping.text, values)
        metadata, misfits = typed
        cleaning.count_html(read.has_html)
        cleaning.leave_out(item_id, misfits)
        cleaning.count_words(values.get(column) for column in self._fields.formats)
        return Item(item_id, cleaning.without_words(title), cleaning.without_words(text), metadata)

    def _text(self, column: str | None, values: Mapping[str, Any]) -> str:
        if column is None:
            return ""
        cell = split_cell(values.get(column), self._text_separators.get(column))
        return _converted(column, cell, to_text)

    def _profile(self, sample: Sequence[Mapping[str, Any]]) -> dict[str, Profile]:
        first = self._tables.first
        profiles = profile_rows(sample, parse=first.parse)
        expanded = {name.partition(".")[0] for name in profiles}
        declared = [name for name in first.columns or () if name in profiles or name not in expanded]
        return {name: profiles.get(name, Profile()) for name in declared} | profiles

    def _flat(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values of a row with those of its objects beside them."""
        return flattened(with_objects(values, self._objects))

    def _check_columns(self) -> None:
        for table in self._tables.rest:
            absent = [] if table.columns is None else missing_columns(self.mapping, table.columns)
            if absent:
                raise CatalogError(
                    f"{table.name}: has no column {quoted(absent)}, unlike {self._tables.first.name}"
                )


def open_catalog(
    sources: Any,
    mapping: FieldMapping | None = None,
    *,
    format: str | None = None,  # noqa: A002
    max_text_bytes: int,
    before: Mapping[str, ColumnFormat] | None = None,
    sample_rows: int = SAMPLE_ROWS,
    keep_html: bool = False,
) -> Catalog:
    """Open a catalog and find its columns; items are read when it is iterated over.

    Parameters
    ----------
    sources : a file, a folder, an archive, a glob or "-" for standard input, or a list of them (CSV, TSV,
        JSON Lines, Parquet; also in gzip, Zstandard or zip); a polars or pandas frame; an Arrow table; a data
        set of Hugging Face; a `SqlQuery`; or an iterable of `Item` or dicts.
        A pipe or an iterator can be read only once.
    mapping : which column is what; the rest is guessed from the first source, see `Catalog.notes`.
    format : csv, tsv, jsonl or parquet, if it is not clear from the file name.
    max_text_bytes : rows with a longer text, title or metadata value, in UTF-8, are rejected.
    before : formats of existing metadata fields; if the source has another type, the type becomes wider.
    sample_rows : rows that columns and types are guessed from.
    keep_html : leave HTML as it is, see `Cleaning`.

    Raises
    ------
    CatalogError
        A source cannot be read, a column does not exist, or no column looks like the item id. Also while
        iterating, if a file is incomplete.
    """
    mapping = mapping or FieldMapping()
    found, told = tables_with(open_tables(sources, mapping.file_options(format)), "items")
    tables = SampledTables(found, told)
    return Catalog(tables, mapping, max_text_bytes, before or {}, sample_rows, keep_html)


def check_item(item: Item, template: str, max_text_bytes: int) -> None:
    """Raise `MisfitError` for an item with nothing to encode, or that is too long, or that no store takes.

    Every item passes it: rows of sources, items from Python and over HTTP, and items of the journal.

    Parameters
    ----------
    item : with converted values.
    template : of the text that is encoded.
    max_text_bytes : longest text, title or metadata value, in UTF-8.
    """
    if not render(item, template):
        raise MisfitError("nothing to encode: every encoded column is empty")
    _check_size("text", item.text, max_text_bytes)
    _check_size("title", item.title, max_text_bytes)
    check_metadata(item.item_id, item.metadata, max_text_bytes)
    if fault := item_fault(item.item_id, (item.title, item.text), item.metadata):
        raise MisfitError(fault)


def check_metadata(item_id: str, metadata: Mapping[str, Value], max_text_bytes: int) -> None:
    """Raise `MisfitError` for metadata that is too long, or that no store takes.

    Parameters
    ----------
    item_id : the item.
    metadata : with converted values.
    max_text_bytes : longest value, in UTF-8.
    """
    for name, value in metadata.items():
        for part in value if isinstance(value, tuple) else (value,):
            _check_size(f'"{name}"', str(part), max_text_bytes)
    if fault := item_fault(item_id, (), metadata):
        raise MisfitError(fault)


def _converted(column: str, value: Any, convert: Callable[[Any], str]) -> str:
    try:
        return convert(value)
    except MisfitError as fault:
        raise MisfitError(f'"{column}" {fault}') from None


def _check_size(name: str, text: str, max_bytes: int) -> None:
    size = len(text) if text.isascii() else len(text.encode())
    if size > max_bytes:
        raise MisfitError(f"{name} of {size:,} bytes is longer than the limit of {max_bytes:,}")


def _check_new(item_id: str, seen: set[int]) -> None:
    """Raise `MisfitError` for a repeated id. Ids are kept as 64-bit hashes, however long they are."""
    key = int.from_bytes(hashlib.blake2b(item_id.encode(), digest_size=8).digest(), "little")
    if key in seen:
        raise MisfitError("item id is repeated; the first row with it is kept")
    seen.add(key)


def _readable_id(value: Any) -> str | None:
    value = plain(value)
    if isinstance(value, str):
        return value
    try:
        return to_id(value)
    except MisfitError:
        return None
