"""Items from Python, checked and converted to the types of the index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from semrec.errors import CatalogError, shown
from semrec.indexer.columns import quoted
from semrec.indexer.read import check_item, typed_metadata
from semrec.indexer.sources.values import Kind, common_type, kind_of
from semrec.indexer.template import ROLES
from semrec.plain_values import MisfitError, to_id, to_text
from semrec.store import FieldType, Manifest
from semrec.store.item_limits import item_fault
from semrec.types import Item, Value


def read_items(
    items: Iterable[Item | Mapping[str, Any]], manifest: Manifest, max_text_bytes: int
) -> list[Item]:
    """Return items that can be written; of several with the same id the last one counts.

    Parameters
    ----------
    items : `Item`s, or dicts with `id`, and optionally `title`, `text` and `metadata`.
    manifest : of the generation; its template and the types of its fields are used.
    max_text_bytes : longest text, title or metadata value, in UTF-8.

    Raises
    ------
    CatalogError
        An item cannot be written; the message names the item and the reason.
    """
    if isinstance(items, (Item, Mapping, str, bytes)):
        raise CatalogError("give a list of items, even for a single one")
    read = [_read_item(place, item) for place, item in enumerate(items, 1)]
    fields = {**new_fields(read, manifest.fields), **manifest.fields}
    by_id = {item.item_id: item for item in read}
    return [_fitted(item, fields, manifest.template, max_text_bytes) for item in by_id.values()]


def read_ids(item_ids: Iterable[str]) -> list[str]:
    """Return every id once; raise `CatalogError` for a single id instead of a list, or for no text."""
    if isinstance(item_ids, str):
        raise CatalogError("give a list of item ids, even for a single one")
    ids = list(item_ids)
    for item_id in ids:
        if not isinstance(item_id, str):
            raise CatalogError(f"item id {shown(item_id)} is a {type(item_id).__name__}; give a text")
    return list(dict.fromkeys(ids))


def is_item_id(text: str) -> bool:
    """Return whether an item can have this id."""
    return bool(text.strip()) and item_fault(text, (), {}) is None


def _read_item(place: int, item: Any) -> Item:
    """Return an item with checked id, texts and names of fields; values are converted later."""
    if isinstance(item, Mapping):
        values = dict(item)
        item_id = values.pop("id", values.pop("item_id", None))
        parts = {name: values.pop(name, None) for name in ("title", "text", "metadata")}
        if values:
            others = quoted(name if isinstance(name, str) else shown(name) for name in values)
            raise CatalogError(
                f"item {shown(item_id)} has {others}; an item has id, title, text and metadata; "
                "fields for filters belong into metadata"
            )
    elif isinstance(item, Item):
        item_id, parts = item.item_id, {name: getattr(item, name) for name in ("title", "text", "metadata")}
    else:
        raise CatalogError(f"entry {place} is a {type(item).__name__}; give an Item or a dict")
    name = "id"
    try:
        read_id = to_id(item_id)
        name = "title"
        title = to_text(parts["title"])
        name = "text"
        text = to_text(parts["text"])
    except MisfitError as fault:
        raise CatalogError(f'item {shown(item_id)} (entry {place}): "{name}" {fault}') from None
    return Item(read_id, title, text, read_metadata(read_id, parts["metadata"]))


def read_metadata(item_id: str, metadata: Any) -> Mapping[str, Any]:
    """Return metadata whose fields have possible names; raise `CatalogError` for any other."""
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, Mapping):
        raise CatalogError(f"item {shown(item_id)}: metadata is a {type(metadata).__name__}, not a dict")
    for name, value in metadata.items():
        try:
            if not isinstance(name, str) or not to_text(name) or name in ROLES:
                raise MisfitError("cannot be the name of a field")
            if kind_of(value, parse=False) == "object":
                raise MisfitError(
                    "is an object; a field can be a text, a number, a truth value or a list of texts"
                )
        except MisfitError as fault:
            raise CatalogError(f"item {shown(item_id)}: {shown(name)} {fault}") from None
    return metadata


def new_fields(items: Iterable[Item], fields: Mapping[str, FieldType]) -> dict[str, FieldType]:
    """Return the type of every metadata field that is not in `fields`."""
    kinds: dict[str, set[Kind]] = {}
    for item in items:
        for name, value in item.metadata.items():
            kind = None if name in fields else kind_of(value, parse=False)
            if kind is not None:
                kinds.setdefault(name, set()).add(kind)
    return {name: common_type(found) for name, found in kinds.items()}


def _fitted(item: Item, fields: Mapping[str, FieldType], template: str, max_text_bytes: int) -> Item:
    try:
        metadata: Mapping[str, Value] = typed_metadata(item.metadata, fields, parse=False)
        fitted = replace(item, metadata=metadata)
        check_item(fitted, template, max_text_bytes)
    except MisfitError as fault:
        raise CatalogError(f"item {shown(item.item_id)}: {fault}") from None
    return fitted
