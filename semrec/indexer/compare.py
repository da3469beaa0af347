"""Items beside what a generation holds of them: what is new, what changed, what must be encoded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from semrec.indexer.read import render
from semrec.store import Index, Manifest, Record
from semrec.types import Item, Keys, item_keys

Fate: TypeAlias = Literal["added", "changed", "metadata", "unchanged"]
"""What an item is to a generation: not there yet; there with another text; there with the same text but
another title or metadata; there just so."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One item beside its record; the same words as `Fate`.

    Parameters
    ----------
    item : as it shall be.
    text : what of it is encoded.
    record : what the generation holds of it; None when nothing.
    """

    item: Item
    text: str
    record: Record | None
    fate: Fate


def compare(items: Sequence[Item], index: Index | None, manifest: Manifest) -> list[Compared]:
    """Return every item beside what the generation holds of it, in order.

    Parameters
    ----------
    items : as they shall be.
    index : the generation; None: there is none, so that all are new.
    manifest : its template and passage length say what would be encoded.
    """
    keys = item_keys(item.item_id for item in items)
    texts = [render(item, manifest.template) for item in items]
    records = find_records(index, keys) if index else [None] * len(items)
    return [
        Compared(item, text, record, _fate(item, text, record, manifest.passage_tokens))
        for item, text, record in zip(items, texts, records, strict=True)
    ]


def find_records(index: Index, keys: Keys) -> list[Record | None]:
    """Return the record of every key, None for one that is not there."""
    there = index.contains(keys)
    found = iter(index.records(keys[there]) if there.any() else [])
    return [next(found) if is_there else None for is_there in np.asarray(there).tolist()]


def content_hash(text: str, passage_tokens: int | None) -> str:
    """Return 32 hexadecimal digits that change when the passages of an item change.

    Parameters
    ----------
    text : what is encoded.
    passage_tokens : longest passage; None: as long as the encoder reads.
    """
    content = json.dumps([text, passage_tokens])
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def _fate(item: Item, text: str, record: Record | None, passage_tokens: int | None) -> Fate:
    if record is None:
        return "added"
    if record.content_hash != content_hash(text, passage_tokens):
        return "changed"
    same = record.title == item.title and record.metadata == item.metadata
    return "unchanged" if same else "metadata"
