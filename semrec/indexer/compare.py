"""Items beside what a generation holds of them: what is new, what changed, what must be encoded."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from semrec.indexer.index_report import IndexReport
from semrec.indexer.read import Catalog, render
from semrec.indexer.rejects import Reject, RejectsFile
from semrec.indexer.streams import in_batches
from semrec.store import EditableIndex, Manifest, Record
from semrec.types import Item, Keys, item_keys

BATCH_ITEMS = 512
"""Items that are compared, encoded and written at a time."""

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


def compare(items: Sequence[Item], index: EditableIndex | None, manifest: Manifest) -> list[Compared]:
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


def find_records(index: EditableIndex, keys: Keys) -> list[Record | None]:
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


class Comparison:
    """One pass over a catalog, its rows beside the generation that answers; it counts as it goes.

    Parameters
    ----------
    catalog : the source.
    index : the generation that answers; None: there is none.
    manifest : what would be encoded, see `compare`.
    rejected : where rows go that are no items.

    Attributes
    ----------
    fates : fate -> number of items.
    """

    def __init__(
        self, catalog: Catalog, index: EditableIndex | None, manifest: Manifest, rejected: RejectsFile
    ) -> None:
        self._catalog = catalog
        self._index = index
        self._manifest = manifest
        self._rejected = rejected
        self._items = [np.empty(0, np.uint64)]
        self._refused = [np.empty(0, np.uint64)]
        self._differing = [np.empty(0, np.uint64)]
        self.fates: Counter[Fate] = Counter()

    def __iter__(self) -> Iterator[tuple[list[Compared], int]]:
        """Yield batches of items beside their records, and how many rows each took from the source."""
        for rows in in_batches(self._catalog, BATCH_ITEMS):
            items: list[Item] = []
            for row in rows:
                if isinstance(row, Reject):
                    self._rejected.add(row)
                else:
                    items.append(row)
            compared = compare(items, self._index, self._manifest)
            self.fates.update(one.fate for one in compared)
            self._items.append(item_keys(item.item_id for item in items))
            self._refused.append(
                item_keys(row.item_id for row in rows if isinstance(row, Reject) and row.item_id)
            )
            self._differing.append(item_keys(one.item.item_id for one in compared if one.fate != "unchanged"))
            yield compared, len(rows)

    @property
    def items(self) -> Keys:
        """The items of the source, ascending: 8 bytes each, whatever is in them."""
        return np.unique(np.concatenate(self._items))

    @property
    def named(self) -> Keys:
        """The items that the source names, ascending: also those whose row cannot be used."""
        return np.unique(np.concatenate([*self._items, *self._refused]))

    @property
    def differing(self) -> Keys:
        """The items that are not just so in the generation, ascending."""
        return np.unique(np.concatenate(self._differing))

    @property
    def n_items(self) -> int:
        """Rows of the source that are items."""
        return self.fates.total()

    @property
    def n_rejected(self) -> int:
        """Rows of the source that are none."""
        return self._rejected.counts.total()

    def report(
        self, generation: int, manifest: Manifest, started: float, *, n_deleted: int = 0
    ) -> IndexReport:
        """Return what was done, once all is."""
        return IndexReport(
            generation=generation,
            n_items=manifest.n_items,
            n_passages=manifest.n_passages,
            rejected=dict(self._rejected.counts),
            rejects=self._rejected.path if self._rejected.counts else None,
            seconds=time.monotonic() - started,
            encoder=manifest.encoder,
            device="",
            notes=tuple(self._catalog.notes),
            n_added=self.fates["added"],
            n_changed=self.fates["changed"],
            n_metadata=self.fates["metadata"],
            n_unchanged=self.fates["unchanged"],
            n_deleted=n_deleted,
        )
