"""From files and frames to event frames; rows that cannot be used are counted by reason.

source = open_events("clicks.csv")
log.append(source)              # iterating yields event frames
source.rejected                 # reason -> number of rows
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

import polars as pl

from semrec.events.event_columns import EventMapping
from semrec.events.event_reader import EventReader, EventRow
from semrec.events.frame import ITEM, KIND, SCHEMA
from semrec.events.kinds import USUAL_KIND_NAMES, KindNames, renamed_in_words
from semrec.indexer.columns import require_columns
from semrec.indexer.event_mapping import resolve_events
from semrec.indexer.recognition import tables_with
from semrec.indexer.rejects import Reject, kind_of_reason, reject
from semrec.indexer.sources.decimal_ids import decimal_id_columns, decimal_ids_note, with_whole_ids
from semrec.indexer.sources.sampled import SAMPLE_ROWS, SampledTables
from semrec.indexer.sources.table import FileOptions
from semrec.indexer.sources.tables import open_tables
from semrec.indexer.sources.textfile import RawRow
from semrec.plain_values import MisfitError

BATCH_ROWS = 50_000
"""Rows of a source that are in memory at the same time."""


class EventSource:
    """Events of one or several sources; iterate over it for event frames.

    Parameters
    ----------
    tables : the sources.
    mapping : which column is what; the rest is guessed from the first source.
    kinds : the names of kinds.
    on_reject : called with each row that cannot be used.
    batch_rows : most events of one frame.

    Attributes
    ----------
    mapping : every column named.
    times : how times are written.
    notes : every guess, in words.
    kinds : kind -> number of events so far.
    items : different items so far.
    rejected : reason -> number of rows that could not be used so far.
    examples : reason -> the first such row, in words.
    n_rows : None if unknown before reading.
    """

    def __init__(
        self,
        tables: SampledTables,
        mapping: EventMapping,
        kinds: KindNames,
        on_reject: Callable[[Reject], None] | None = None,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        self._tables = tables
        self._on_reject = on_reject
        self._batch_rows = batch_rows
        first = tables.first
        sampled = list(tables.sample(SAMPLE_ROWS))
        tables.require_readable(sampled)
        sample = [row.values for row in sampled if row.fault is None]
        columns = first.columns or tuple(dict.fromkeys(chain.from_iterable(sample)))
        self.mapping, self.times, guesses = resolve_events(mapping, columns, sample, first.name, kinds)
        self._reader = EventReader(self.mapping, kinds, self.times)
        self._decimal_ids = decimal_id_columns(sample, (self.mapping.user, self.mapping.item))
        self.notes = [*tables.notes, *guesses, *decimal_ids_note(self._decimal_ids)]
        self.kinds: Counter[str] = Counter()
        self.items: set[str] = set()
        self.rejected: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.n_rows = tables.n_rows
        for table in tables.rest:
            if table.columns is not None:
                require_columns(self.mapping.columns, table.columns, table.name)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for table in self._tables:
            rows = self._tables.rows(table, None if table.columns is None else self.mapping.columns)
            while batch := list(islice(rows, self._batch_rows)):
                events = [event for row in batch if (event := self._convert(table.name, row))]
                frame = pl.DataFrame(events, schema=SCHEMA, orient="row")
                self.kinds.update(dict(frame[KIND].value_counts().iter_rows()))
                self.items.update(frame[ITEM].unique())
                yield frame

    @property
    def renamed(self) -> tuple[str, ...]:
        """Which kinds were taken for another one so far, in words."""
        return renamed_in_words(self._reader.renamed)

    def _convert(self, source: str, row: RawRow) -> EventRow | None:
        """Return the event of a row; None for a row that cannot be used."""
        try:
            if row.fault is not None:
                raise MisfitError(row.fault)
            return self._reader.read(with_whole_ids(row, self._decimal_ids).values)
        except MisfitError as fault:
            rejected, reason = reject(source, row, str(fault)), kind_of_reason(str(fault))
            self.rejected[reason] += 1
            self.examples.setdefault(reason, f"{source}, row {row.number}: {rejected.reason}")
            if self._on_reject is not None:
                self._on_reject(rejected)
        return None


def open_events(
    sources: Any,
    mapping: EventMapping | None = None,
    *,
    format: str | None = None,  # noqa: A002
    kinds: KindNames = USUAL_KIND_NAMES,
    on_reject: Callable[[Reject], None] | None = None,
    batch_rows: int = BATCH_ROWS,
) -> EventSource:
    """Open sources of events and find their columns; events are read when the result is iterated over.

    Parameters
    ----------
    sources : as for a catalog: a file, a glob, "-" or a list of them (CSV, TSV, JSON Lines, Parquet), a
        frame, an Arrow table, or an iterable of dicts.
    mapping : which column is what; the rest is guessed from the first source, see `EventSource.notes`.
    format : csv, tsv, jsonl or parquet, if it is not clear from the file name.
    kinds : the names of kinds.
    on_reject : called with each row that cannot be used.
    batch_rows : most events of one frame.

    Raises
    ------
    CatalogError
        A source cannot be read, a column does not exist, or no column looks like the user or the item.
    """
    mapping = mapping or EventMapping()
    options = FileOptions(format, mapping.header, mapping.encoding)
    found, told = tables_with(open_tables(sources, options), "events")
    return EventSource(SampledTables(found, told), mapping, kinds, on_reject, batch_rows)
