"""Fields of a running index that items make wider: their types, their indexes, and stored values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from semrec.indexer.column_formats import (
    guess_format,
    plain_formats,
    stored_formats,
    widened,
)
from semrec.indexer.streams import in_batches
from semrec.indexer.typed_values import type_after, typed_metadata
from semrec.store import EditableIndex, FieldType, Manifest
from semrec.store.payload_indexes import MAX_INDEXED_FIELDS, indexed_fields
from semrec.types import Item

SAMPLE_ITEMS = 1000
"""Stored items that show which values a field has."""
BATCH_ITEMS = 512


def fields_for(
    items: Sequence[Item], manifest: Manifest, index: EditableIndex | None
) -> dict[str, FieldType]:
    """Return the types of all fields after these items, new and wider ones among them.

    A value that does not fit is judged together with the values of other items, as in a column of a file: one
    word does not make the prices of a catalog words.

    Parameters
    ----------
    items : with values that are not converted yet.
    manifest : of the index.
    index : its items are looked at if a value does not fit; None: there are none.
    """
    columns: dict[str, list[Any]] = {}
    for item in items:
        for name, value in item.metadata.items():
            columns.setdefault(name, []).append(value)
    after = dict(manifest.fields)
    formats = stored_formats(manifest, manifest.fields)
    for name, values in columns.items():
        before = formats.get(name)
        if before is None:
            after[name] = guess_format(values, parse=False, separator="")[0].type
        elif before.type != "keyword":
            after[name] = type_after(before, values, partial(_stored_values, name, index))
    return after


def with_fields(items: Sequence[Item], manifest: Manifest) -> tuple[list[Item], dict[str, FieldType]]:
    """Return items in the types of the fields after them, and the types of fields that are new or wider."""
    changed: dict[str, FieldType] = {}
    for item in items:
        changed |= widened({**manifest.fields, **changed}, item.metadata)
    formats = plain_formats({**manifest.fields, **changed})
    typed = [replace(item, metadata=typed_metadata(item.metadata, formats, parse=False)[0]) for item in items]
    return typed, changed


def change_fields(index: EditableIndex, manifest: Manifest, changed: Mapping[str, FieldType]) -> Manifest:
    """Make fields of a running index new or wider; return its manifest, for the caller to store.

    Stored numbers of a field that becomes one of texts become texts. It can be repeated after a kill.

    Parameters
    ----------
    index, manifest : the generation.
    changed : type of each new or wider field.
    """
    new = {name: kind for name, kind in changed.items() if name not in manifest.fields}
    indexed = set(list(manifest.fields)[:MAX_INDEXED_FIELDS])
    retyped = {name: kind for name, kind in changed.items() if name in manifest.fields}
    store_as_text(index, {name for name, kind in retyped.items() if kind == "keyword"})
    if new:
        index.add_fields(indexed_fields(new, manifest.fields))
    if found := {name: kind for name, kind in retyped.items() if name in indexed}:
        index.retype_fields(found)
    return replace(manifest, fields={**manifest.fields, **changed})


def _stored_values(name: str, index: EditableIndex | None) -> list[Any]:
    records = index.records(index.sample(SAMPLE_ITEMS)) if index is not None else []
    return [record.metadata.get(name) for record in records]


def store_as_text(index: EditableIndex, names: set[str]) -> None:
    """Store the numbers and truth values of fields as texts; every record is read."""
    if not names:
        return
    formats = plain_formats(dict.fromkeys(names, "keyword"))
    for keys in in_batches(index.sample(index.count()), BATCH_ITEMS):
        changed = []
        for record in index.records(np.array(keys)):
            texts, _ = typed_metadata(record.metadata, formats, parse=False)
            if any(record.metadata[name] != text for name, text in texts.items()):
                changed.append(replace(record, metadata={**record.metadata, **texts}))
        if changed:
            index.update_records(changed)
