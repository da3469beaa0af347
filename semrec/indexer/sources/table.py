"""A table: the rows of one source, read one by one.

A row that cannot be read is a row with a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from semrec.indexer.sources.textfile import RawRow
from semrec.store.protocol import FieldType

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
    group : the folder or archive that the file was found in; None: the source was named.
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
    group: str | None = None


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How to read files; None is guessed.

    Parameters
    ----------
    format : csv, tsv, jsonl or parquet.
    header : names of the columns of files that do not name them; empty: their places.
    encoding : of text files, as Python names it.
    with_hidden : take products that their shop hides, too.
    """

    format: str | None = None
    header: tuple[str, ...] | None = None
    encoding: str | None = None
    with_hidden: bool = False
