"""Items from Python, checked and converted to the types of the index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from semrec.errors import CatalogError, InvalidIdError, shown
from semrec.identifiers import identifiers
from semrec.indexer.column_formats import ColumnFormat, stored_formats, widening_note
from semrec.indexer.columns import quoted
from semrec.indexer.field_changes import fields_for
from semrec.indexer.read import check_item
from semrec.indexer.sources.nested import flattened
from semrec.indexer.sources.values import kind_of
from semrec.indexer.template import ROLES
from semrec.indexer.text_cleaning import Cleaning
from semrec.indexer.typed_values import typed_metadata
from semrec.plain_values import MisfitError, to_id, to_text
from semrec.store import EditableIndex, FieldType, Manifest
from semrec.store.item_limits import item_fault
from semrec.types import Item, ItemPatch

Entry = TypeVar("Entry", Item, ItemPatch)


@dataclass(frozen=True, slots=True)
class ReadItems(Generic[Entry]):
    """Items or patches that can be written, and those that cannot.

    Parameters
    ----------
    items : with converted values; their ids are distinct.
    refused : why an item cannot be written, by its id.
    notes : what was changed on the way, in words.
    """

    items: list[Entry]
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_items(
    items: Iterable[Item | Mapping[str, Any]],
    manifest: Manifest,
    max_text_bytes: int,
    index: EditableIndex | None = None,
    *,
    keep_html: bool = False,
) -> ReadItems[Item]:
    """Return items that can be written; of several with the same id the first one holds, as in a catalog.

    Parameters
    ----------
    items : `Item`s, or dicts with `id`, and optionally `title`, `text` and `metadata`.
    manifest : of the generation; its template and the types of its fields are used.
    max_text_bytes : longest text, title or metadata value, in UTF-8.
    index : of the generation; it shows which values a field has, see `fields_for`.
    keep_html : leave HTML as it is, see `Cleaning`.

    Raises
    ------
    CatalogError
        `items` is no list.
    """
    if isinstance(items, (Item, Mapping, str, bytes)) or not isinstance(items, Iterable):
        raise CatalogError("give a list of items, even for a single one")
    refused: dict[int, tuple[str, str]] = {}
    read: dict[int, Item] = {}
    for place, entry in enumerate(items, 1):
        try:
            read[place] = _read_item(entry)
        except MisfitError as fault:
            refused[place] = name_of(entry, place), str(fault)
    fields = fields_for(list(read.values()), manifest, index)
    formats = stored_formats(manifest, fields)
    cleaning = Cleaning(keep_html)
    fitted: dict[str, Item] = {}
    for place, item in read.items():
        try:
            one = _fitted(item, formats, manifest.template, max_text_bytes, cleaning)
            if one.item_id in fitted:
                raise MisfitError("the id is repeated; the first item with it is kept")
            fitted[one.item_id] = one
        except MisfitError as fault:
            refused[place] = item.item_id, str(fault)
    in_order = dict(refused[place] for place in sorted(refused, reverse=True))  # the first of an id holds
    reasons = dict(reversed(in_order.items()))
    return ReadItems(list(fitted.values()), reasons, (*widening_notes(manifest, fields), *cleaning.notes()))


def widening_notes(manifest: Manifest, fields: Mapping[str, FieldType]) -> list[str]:
    """Return which fields of an index get a wider type, in words."""
    return [
        widening_note(name, before, fields[name])
        for name, before in manifest.fields.items()
        if fields[name] != before
    ]


def require_some(read: ReadItems[Entry]) -> ReadItems[Entry]:
    """Return what was read; raise `CatalogError` if there are items and none of them can be written."""
    if read.items or not read.refused:
        return read
    item_id, reason = next(iter(read.refused.items()))
    others = f" (and {len(read.refused) - 1:,} more)" if len(read.refused) > 1 else ""
    raise CatalogError(f"item {shown(item_id)}: {reason}{others}")


def read_ids(item_ids: Iterable[Any]) -> list[str]:
    """Return every id once, as stored; raise `CatalogError` for one id instead of a list, or for no id."""
    try:
        return list(dict.fromkeys(identifiers(item_ids, "item_ids")))
    except InvalidIdError as error:
        raise CatalogError(str(error)) from None


def is_item_id(text: str) -> bool:
    """Return whether an item can have this id."""
    return bool(text.strip()) and item_fault(text, (), {}) is None


def name_of(entry: Any, place: int) -> str:
    """Return the id of an entry that cannot be read, or its place."""
    value = (
        entry.get("id", entry.get("item_id")) if isinstance(entry, Mapping) else getattr(entry, "item_id", "")
    )
    try:
        return to_id(value)
    except MisfitError:
        return f"entry {place}"


def _read_item(item: Any) -> Item:
    """Return an item with checked id, texts and names of fields; values are converted later."""
    if isinstance(item, Mapping):
        values = dict(item)
        item_id = values.pop("id", values.pop("item_id", None))
        parts = {name: values.pop(name, None) for name in ("title", "text", "metadata")}
        if values:
            others = quoted(name if isinstance(name, str) else shown(name) for name in values)
            raise MisfitError(
                f"it has {others}; an item has id, title, text and metadata; fields for filters belong into "
                "metadata"
            )
    elif isinstance(item, Item):
        item_id, parts = item.item_id, {name: getattr(item, name) for name in ("title", "text", "metadata")}
    else:
        raise MisfitError(f"it is a {type(item).__name__}; give an Item or a dict")
    name = "id"
    try:
        read_id = to_id(item_id)
        name = "title"
        title = to_text(parts["title"])
        name = "text"
        text = to_text(parts["text"])
    except MisfitError as fault:
        raise MisfitError(f'"{name}" {fault}') from None
    return Item(read_id, title, text, read_metadata(parts["metadata"]))


def read_metadata(metadata: Any) -> Mapping[str, Any]:
    """Return metadata whose fields have possible names, its objects as fields; raise `MisfitError`."""
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, Mapping):
        raise MisfitError(f"metadata is a {type(metadata).__name__}, not a dict")
    metadata = flattened(metadata)
    for name, value in metadata.items():
        try:
            if not isinstance(name, str) or not to_text(name) or name in ROLES:
                raise MisfitError("cannot be the name of a field")
            if kind_of(value, parse=False) == "object":
                raise MisfitError(
                    "is an object; a field can be a text, a number, a truth value or a list of texts"
                )
        except MisfitError as fault:
            raise MisfitError(f"{shown(name)} {fault}") from None
    return metadata


def _fitted(
    item: Item,
    formats: Mapping[str, ColumnFormat],
    template: str,
    max_text_bytes: int,
    cleaning: Cleaning,
) -> Item:
    """Return an item with converted values; raises `MisfitError` if it cannot be written."""
    values = cleaning.read_html({"title": item.title, "text": item.text, **item.metadata})
    metadata, misfits = typed_metadata(values, formats, parse=False)
    title, text = (cleaning.without_words(values[name]) for name in ("title", "text"))
    fitted = replace(item, title=title, text=text, metadata=metadata)
    check_item(fitted, template, max_text_bytes)
    cleaning.leave_out(item.item_id, misfits)
    cleaning.count_words(item.metadata.values())
    return fitted
