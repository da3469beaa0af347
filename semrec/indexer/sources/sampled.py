"""Tables of which the first rows of the first one are read in advance, to guess columns and types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice

from semrec.errors import CatalogError
from semrec.indexer.sources.tables import Table
from semrec.indexer.sources.textfile import RawRow

SAMPLE_ROWS = 1000
"""Rows that columns and types are guessed from."""


class SampledTables:
    """One or several tables; rows that were read as a sample are read again, also from a pipe.

    Parameters
    ----------
    tables : at least one.
    notes : how they were found, in words.

    Attributes
    ----------
    first : the table that the sample comes from.
    rest : the other tables.
    notes : what was guessed about the formats of the tables.
    n_rows : of all tables; None if unknown before reading.
    """

    def __init__(self, tables: Sequence[Table], notes: Sequence[str] = ()) -> None:
        self._tables = tables
        self.first, self.rest = tables[0], tables[1:]
        self.notes = [*notes, *(note for table in tables for note in table.notes)]
        sizes = [table.n_rows for table in tables if table.n_rows is not None]
        self.n_rows = sum(sizes) if len(sizes) == len(tables) else None
        self._sampled: Iterator[RawRow] | None = None

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables)

    def sample(self, n_rows: int) -> Iterator[RawRow]:
        """Yield the first rows of the first table, with all columns."""
        rows = self.first.read(None)
        sample = islice(rows, n_rows)
        if self.first.one_shot:
            buffered = list(sample)
            self._sampled = chain(buffered, rows)
            return iter(buffered)
        return sample

    def require_readable(self, sample: Sequence[RawRow]) -> None:
        """Raise `CatalogError` with the reason if no row of a sample can be read: no column is known then."""
        if self.first.columns is None and sample and all(row.fault for row in sample):
            first = sample[0]
            what = f"none of the first {len(sample):,} rows can be read"
            raise CatalogError(f"{self.first.name}: {what}; {first.where or 'row 1'} {first.fault}")

    def rows(self, table: Table, columns: Sequence[str] | None) -> Iterator[RawRow]:
        """Return the rows of one of the tables, from the first one on.

        Parameters
        ----------
        table : one of the tables.
        columns : those that are needed; None: all.

        Raises
        ------
        CatalogError
            The table can be read only once, and was read.
        """
        if not (table is self.first and table.one_shot):
            return table.read(columns)
        rows, self._sampled = self._sampled, None
        if rows is None:
            raise CatalogError(f"{table.name}: can be read only once")
        return rows
