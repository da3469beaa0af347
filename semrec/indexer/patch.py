"""Patches: other metadata for items whose text stays, so that nothing is encoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from semrec.errors import CatalogError
from semrec.indexer.column_formats import ColumnFormat, stored_formats
from semrec.indexer.columns import quoted
from semrec.indexer.compare import Compared
from semrec.indexer.field_changes import fields_for
from semrec.indexer.read import check_metadata
from semrec.indexer.read_items import ReadItems, name_of, read_metadata, widening_notes
from semrec.indexer.template import template_names
from semrec.indexer.text_cleaning import Cleaning
from semrec.indexer.typed_values import typed_metadata
from semrec.plain_values import MisfitError, is_missing, to_id
from semrec.store import EditableIndex, Manifest, Record
from semrec.types import Item, ItemPatch


def read_patches(
    patches: Iterable[ItemPatch | Mapping[str, Any]],
    manifest: Manifest,
    max_text_bytes: int,
    index: EditableIndex | None = None,
    *,
    keep_html: bool = False,
) -> ReadItems[ItemPatch]:
    """Return patches that can be written, one for each item: of several values of a field the last counts.

    Parameters
    ----------
    patches : `ItemPatch`es, or dicts with `id` and `metadata`.
    manifest : of the generation; its template and the types of its fields are used.
    max_text_bytes : longest metadata value, in UTF-8.
    index, keep_html : as in `read_items`.

    Raises
    ------
    CatalogError
        `patches` is no list.
    """
    if isinstance(patches, (ItemPatch, Mapping, str, bytes)) or not isinstance(patches, Iterable):
        raise CatalogError("give a list of patches, even for a single one")
    cleaning = Cleaning(keep_html)
    refused: dict[str, str] = {}
    merged: dict[str, dict[str, Any]] = {}
    for place, entry in enumerate(patches, 1):
        try:
            patch = _read_patch(entry)
            merged.setdefault(patch.item_id, {}).update(cleaning.read_html(patch.metadata))
        except MisfitError as fault:
            refused[name_of(entry, place)] = str(fault)
    items = [Item(item_id, metadata=_set_values(values)) for item_id, values in merged.items()]
    fields = fields_for(items, manifest, index)
    formats = stored_formats(manifest, fields)
    encoded = set(template_names(manifest.template))
    fitted: list[ItemPatch] = []
    for item_id, values in merged.items():
        try:
            fitted.append(_fitted(ItemPatch(item_id, values), formats, encoded, max_text_bytes, cleaning))
        except MisfitError as fault:
            refused[item_id] = str(fault)
    return ReadItems(fitted, refused, (*widening_notes(manifest, fields), *cleaning.notes()))


def patched(patches: Sequence[ItemPatch], records: Sequence[Record]) -> list[Compared]:
    """Return items after their patches, compared with their records, which the index holds."""
    return [_patched(patch, record) for patch, record in zip(patches, records, strict=True)]


def _read_patch(patch: Any) -> ItemPatch:
    """Return a patch with a checked id and checked names of fields; values are converted later."""
    metadata: Any
    if isinstance(patch, ItemPatch):
        item_id, metadata, others = patch.item_id, patch.metadata, []
    elif isinstance(patch, Mapping):
        item_id = patch.get("id", patch.get("item_id"))
        metadata = patch.get("metadata")
        others = [name for name in patch if name not in ("id", "item_id", "metadata")]
    else:
        raise MisfitError(f"it is a {type(patch).__name__}; give an ItemPatch or a dict")
    if others:
        raise MisfitError(
            f"it has {quoted(map(str, others))}; a patch has id and metadata. To change a title or a text, "
            "put the whole item"
        )
    try:
        read_id = to_id(item_id)
    except MisfitError as fault:
        raise MisfitError(f'"id" {fault}') from None
    values = read_metadata(metadata)
    return ItemPatch(read_id, {name: None if is_missing(value) else value for name, value in values.items()})


def _fitted(
    patch: ItemPatch,
    formats: Mapping[str, ColumnFormat],
    encoded: set[str],
    max_text_bytes: int,
    cleaning: Cleaning,
) -> ItemPatch:
    """Return a patch with the types of the fields; a value of None stays, it removes the field.

    So does a value that does not fit: afterwards the item has none, as an item that is put with it.
    """
    if clash := sorted(encoded & patch.metadata.keys()):
        raise MisfitError(f"{quoted(clash)} is part of the text that is encoded; put the whole item")
    typed, misfits = typed_metadata(_set_values(patch.metadata), formats, parse=False)
    check_metadata(patch.item_id, typed, max_text_bytes)
    cleaning.leave_out(patch.item_id, misfits)
    cleaning.count_words(patch.metadata.values())
    return replace(patch, metadata={name: typed.get(name) for name in patch.metadata})


def _set_values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a patch sets, without those that it removes."""
    return {name: value for name, value in metadata.items() if value is not None}


def _patched(patch: ItemPatch, record: Record) -> Compared:
    kept = {name: value for name, value in record.metadata.items() if name not in patch.metadata}
    item = Item(patch.item_id, record.title, "", {**kept, **_set_values(patch.metadata)})
    return Compared(item, "", record, "unchanged" if item.metadata == record.metadata else "metadata")
