"""Which files of a folder or an archive hold items, and which hold events: told by their columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, TypeAlias

from semrec.errors import CatalogError
from semrec.indexer.columns import assign_columns, quoted
from semrec.indexer.event_mapping import ROLES
from semrec.indexer.mapping import COLUMN_ROLES
from semrec.indexer.sources.sampled import SampledTables
from semrec.indexer.sources.table import Table

Content: TypeAlias = Literal["items", "events", "neither"]

_WORDS: dict[Content, str] = {
    "items": "items",
    "events": "events of users with items",
    "neither": "neither items nor events",
}


def content_of(columns: Sequence[str]) -> Content:
    """Return what a table with these columns holds."""
    found = assign_columns(ROLES, {}, columns, [])
    if found["user"] is not None and found["item"] is not None:
        return "events"
    found = assign_columns(COLUMN_ROLES, {}, columns, [])
    is_catalog = found["item_id"] is not None and (found["title"] is not None or found["text"] is not None)
    return "items" if is_catalog else "neither"


def tables_with(tables: Sequence[Table], wanted: Content) -> tuple[list[Table], list[str]]:
    """Return the tables of a folder that hold what is wanted, and in words what each file was taken for.

    Tables that were named are all kept. Files of a folder with other columns than the rest are left out, and
    can be named.

    Raises
    ------
    CatalogError
        No file of the folder holds what is wanted.
    """
    notes: list[str] = []
    kept: list[Table] = []
    for table in tables:
        content = content_of(_columns(table)) if table.group else wanted
        if table.group:
            notes.append(f"{table.name}: {_WORDS[content]} (guessed by its columns)")
        if content == wanted:
            kept.append(table)
    if not kept:
        files = "; ".join(f"{table.name}: {quoted(_columns(table))}" for table in tables)
        raise CatalogError(
            f"no file has columns of {_WORDS[wanted]}; name the file, and its columns with options. {files}"
        )
    return _of_one_layout(kept, wanted, notes), notes


def _of_one_layout(tables: Sequence[Table], wanted: Content, notes: list[str]) -> list[Table]:
    """Return the tables of a folder whose columns of the roles are the same, those that tell most.

    Other columns may differ. The notes name the tables that are left out.
    """
    if not all(table.group for table in tables):
        return list(tables)
    roles = ROLES if wanted == "events" else COLUMN_ROLES
    found = [tuple(assign_columns(roles, {}, _columns(table), []).values()) for table in tables]
    counts = Counter(found)
    best = max(counts, key=lambda one: (len(one) - one.count(None), counts[one]))
    rest = [table.name for table, one in zip(tables, found, strict=True) if one != best]
    if rest:
        notes.append(f"left out: {quoted(rest)} (other columns than the rest; name a file to read it)")
    return [table for table, one in zip(tables, found, strict=True) if one == best]


def _columns(table: Table) -> tuple[str, ...]:
    if table.columns is not None:
        return table.columns
    sample = SampledTables([table]).sample(20)
    return tuple(dict.fromkeys(name for row in sample for name in row.values))
