"""The metadata fields of a catalog. They are guessed from its first rows, and grow with the rows after them.

A field that first has a value later is read from then on; if its later values do not fit its type, they are
judged together with those of the first rows, as those of items that are put: see `type_after`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from semrec.indexer.column_formats import ColumnFormat, guess_format, widening_note
from semrec.indexer.columns import SHOWN_COLUMNS
from semrec.indexer.mapping import SHORT_CHARACTERS, FieldMapping, Profile, late_roles, profile_rows
from semrec.indexer.sources.sampled import SAMPLE_ROWS
from semrec.indexer.sources.table import Table
from semrec.indexer.sources.textfile import RawRow
from semrec.indexer.typed_values import type_after, typed_metadata
from semrec.plain_values import is_missing, is_missing_word
from semrec.types import Value

MOST_LATER_FIELDS = 1000
"""Some files have a column for every user or day, and no end of them."""

Typed = tuple[dict[str, Value], dict[str, str]]
"""Values in the types of their fields, and why other values do not fit."""


class ItemFields:
    """The fields of a catalog and what is known of their values.

    Parameters
    ----------
    mapping : which column is what, as guessed from the first rows.
    formats : of the fields with a value in the first rows.
    profiles : of the columns of the first rows.
    before : formats of the fields in the index.
    first : the table of the first rows.
    is_open : whether later columns become fields; False: the caller has named the fields.
    keep_all : keep also long values.

    Attributes
    ----------
    mapping : with later columns for titles and texts.
    formats : how the values of each field are read.
    notes : what was guessed while reading, in words.
    """

    def __init__(
        self,
        mapping: FieldMapping,
        formats: Mapping[str, ColumnFormat],
        profiles: Mapping[str, Profile],
        before: Mapping[str, ColumnFormat],
        first: Table,
        *,
        is_open: bool,
        keep_all: bool,
    ) -> None:
        self.mapping = mapping
        self.formats = dict(formats)
        self.notes: list[str] = []
        self._before = before
        self._first = first
        self._is_open = is_open
        self._keep_all = keep_all
        self._samples = {name: _present(profiles[name].values) for name in formats if name in profiles}
        roles = {mapping.item_id, mapping.title, mapping.text}
        self._awaited = set(mapping.metadata or ()) - set(formats)
        self._known = {name for name in roles if name is not None} | set(profiles) - self._awaited
        self._unused = set(profiles) - roles - set(mapping.metadata or ())
        self._stored: list[str] = []
        self._left_out: list[str] = []
        self._too_many: list[str] = []

    def needed(self, columns: Sequence[str]) -> list[str]:
        """Return the columns of a table that can hold a value of an item."""
        if self._is_open:
            return [name for name in columns if name not in self._unused]
        mapping = self.mapping
        named = (mapping.item_id, mapping.title, mapping.text, *(mapping.metadata or ()))
        wanted = {name for name in named if name is not None}
        objects = {name[:place] for name in wanted for place, sign in enumerate(name) if sign == "."}
        return [name for name in columns if name in wanted or name in objects]

    def read(self, values: Mapping[str, Any], *, parse: bool) -> Typed:
        """Return the values of a row in the types of the fields."""
        return typed_metadata(values, self.formats, parse=parse)

    def read_later(self, table: Table, rows: Sequence[tuple[RawRow, Mapping[str, Any]]]) -> list[Typed]:
        """Return the values of rows after the first ones; new fields and wider types among them are added.

        Parameters
        ----------
        table : that the rows are of.
        rows : each with its values.
        """
        self._add_fields(table, rows)
        found = [self.read(values, parse=table.parse) for _, values in rows]
        misfits = sorted({name for _, faults in found for name in faults})
        wider = [name for name in misfits if self._widen(name, rows, parse=table.parse)]
        if wider:
            found = [self.read(values, parse=table.parse) for _, values in rows]
        self._remember(rows)
        return found

    def later_notes(self) -> list[str]:
        """Return what was found after the first rows, in words."""
        notes = list(self.notes)
        if self._stored:
            notes.append(f"fields that first have a value later: {_listed(self._stored)}; they are kept")
        if self._left_out:
            notes.append(
                f"left out: {_listed(self._left_out)} (later columns with values longer than "
                f"{SHORT_CHARACTERS} characters, or with objects; keep texts with --meta)"
            )
        if self._too_many:
            notes.append(
                f"left out: {_listed(self._too_many)} (more than {MOST_LATER_FIELDS:,} later columns; "
                "keep some with --meta)"
            )
        missing = [f'"{name}"' for name in self.mapping.metadata or () if name in self._awaited]
        if missing and not self._is_open:
            notes.append(f"no row has {', '.join(missing)}")
        return notes

    def _add_fields(self, table: Table, rows: Sequence[tuple[RawRow, Mapping[str, Any]]]) -> None:
        late = {name: row for row, values in reversed(rows) for name in self._late_names(values)}
        if not late:
            return
        columns = [{name: values[name] for name in late if name in values} for _, values in rows]
        profiles = profile_rows(columns, parse=table.parse)
        if self._is_open:
            self._add_roles(late, table)
        for name in sorted(late.keys() & profiles.keys() - self._known, key=list(late).index):
            self._add_field(name, profiles[name], late[name], table)

    def _late_names(self, values: Mapping[str, Any]) -> Iterator[str]:
        """Yield the names of values that no row had before."""
        for name, value in values.items():
            if name in self._known or not (self._is_open or name in self._awaited):
                continue
            if not (is_missing(value) or is_missing_word(value)):
                yield name

    def _place(self, row: RawRow, table: Table) -> str:
        return f"row {row.number:,}" + ("" if table is self._first else f" of {table.name}")

    def _add_roles(self, late: Mapping[str, RawRow], table: Table) -> None:
        found = late_roles(self.mapping, list(late))
        title, text = found.get("title", self.mapping.title), found.get("text", self.mapping.text)
        self.mapping = replace(self.mapping, title=title, text=text)
        for role, name in found.items():
            place = self._place(late[name], table)
            self.notes.append(f'{role}: column "{name}" (guessed; first in {place})')
            self._known.add(name)

    def _add_field(self, name: str, profile: Profile, row: RawRow, table: Table) -> None:
        self._known.add(name)
        self._awaited.discard(name)
        place = f'"{name}" ({self._place(row, table)})'
        is_long = self._is_open and not self._keep_all and profile.longest > SHORT_CHARACTERS
        if is_long or profile.kinds == {"object"}:
            self._left_out.append(place)
            return
        if self._is_open and len(self._stored) >= MOST_LATER_FIELDS:
            self._too_many.append(place)
            return
        self.formats[name], _ = guess_format(
            profile.values,
            parse=table.parse,
            declared=table.schema.get(name),
            is_list=name in self.mapping.lists,
            separator=self.mapping.list_separator,
            before=self._before.get(name),
        )
        self._samples[name] = []
        self._stored.append(place)

    def _widen(self, name: str, rows: Sequence[tuple[RawRow, Mapping[str, Any]]], *, parse: bool) -> bool:
        """Make the type of a field wider if these rows say so; return whether they do."""
        before = self.formats[name]
        values = [values[name] for _, values in rows if name in values]
        after = type_after(before, values, lambda: self._samples.get(name, ()), parse=parse)
        if after == before.type:
            return False
        self.formats[name] = replace(before, type=after)
        self.notes.append(widening_note(name, before.type, after))
        return True

    def _remember(self, rows: Sequence[tuple[RawRow, Mapping[str, Any]]]) -> None:
        """Keep values of fields of which the first rows had few."""
        for name, sample in self._samples.items():
            if len(sample) < SAMPLE_ROWS:
                sample += _present(values.get(name) for _, values in rows)[: SAMPLE_ROWS - len(sample)]


def _listed(places: Sequence[str]) -> str:
    more = f" and {len(places) - SHOWN_COLUMNS:,} more" if len(places) > SHOWN_COLUMNS else ""
    return ", ".join(places[:SHOWN_COLUMNS]) + more


def _present(values: Any) -> list[Any]:
    return [value for value in values if not (is_missing(value) or is_missing_word(value))]
