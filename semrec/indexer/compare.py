"""Comparison of items with the current generation: which are new, which changed, and how."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from semrec.encoder.encoder import Encoder
from semrec.errors import CatalogError
from semrec.indexer.index_report import IndexReport
from semrec.indexer.passage_limit import PassageLimit
from semrec.indexer.read import Catalog, CatalogRow, render
from semrec.indexer.rejects import Reject, RejectsFile
from semrec.indexer.streams import in_batches
from semrec.store import EditableIndex, Manifest, Record
from semrec.types import Item, Keys, item_keys

BATCH_ITEMS = 512
"""Items that are compared, encoded and written at a time."""

ChangeKind: TypeAlias = Literal["added", "changed", "metadata", "unchanged"]
"""How an item differs from the generation: it is new, has another text, or has the same text with another
title or metadata; or it does not differ."""


@dataclass(frozen=True, slots=True)
class Compared:
    """An item and what the generation has of it.

    Parameters
    ----------
    item : the item.
    text : its text to encode.
    record : what the generation has of it; None for a new item.
    kind : how it differs.
    """

    item: Item
    text: str
    record: Record | None
    kind: ChangeKind

    @property
    def needs_encoding(self) -> bool:
        """Whether the text is not in the generation."""
        return self.kind in ("added", "changed")


def compare(items: Sequence[Item], index: EditableIndex | None, manifest: Manifest) -> list[Compared]:
    """Compare items with the generation; the order stays.

    Parameters
    ----------
    items : the items.
    index : of the generation; None: there is none, so all items are new.
    manifest : its template and its passage length determine what is encoded.
    """
    keys = item_keys(item.item_id for item in items)
    texts = [render(item, manifest.template) for item in items]
    records = find_records(index, keys) if index else [None] * len(items)
    return [
        Compared(item, text, record, _change_kind(item, text, record, manifest.passage_tokens))
        for item, text, record in zip(items, texts, records, strict=True)
    ]


def find_records(index: EditableIndex, keys: Keys) -> list[Record | None]:
    """Return the record of every key; None for keys that the index does not have."""
    known = index.contains(keys)
    found = iter(index.records(keys[known]) if known.any() else [])
    return [next(found) if is_known else None for is_known in np.asarray(known).tolist()]


def content_hash(text: str, passage_tokens: int | None) -> str:
    """Return 32 hexadecimal digits that change when the passages of an item change.

    Parameters
    ----------
    text : the text to encode.
    passage_tokens : longest passage; None: as long as the encoder reads.
    """
    content = json.dumps([text, passage_tokens])
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def are_among(keys: Keys, sorted_keys: Keys) -> NDArray[np.bool_]:
    """Return which keys are in `sorted_keys`, bool (n,)."""
    if not len(sorted_keys):
        return np.zeros(len(keys), bool)
    places = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.asarray(sorted_keys[places] == keys)


def still_set_aside(manifest: Manifest, changed: Keys) -> tuple[tuple[int, str], ...]:
    """Return the entries of `Manifest.set_aside` of all items but those that were put or deleted now."""
    if not manifest.set_aside:
        return ()
    keys = set(changed.tolist())
    return tuple(entry for entry in manifest.set_aside if entry[0] not in keys)


class CatalogComparison:
    """One pass over a catalog that compares its items with the current generation, and counts them.

    Parameters
    ----------
    catalog : the source.
    index : of the current generation; None: there is none.
    manifest : its template and its passage length determine what is encoded.
    rejected : takes the rows that are not items.
    encoder : loads the encoder of the manifest; called only for long texts.

    Attributes
    ----------
    counts : number of items of each kind, so far.
    """

    def __init__(
        self,
        catalog: Catalog,
        index: EditableIndex | None,
        manifest: Manifest,
        rejected: RejectsFile,
        encoder: Callable[[], Encoder],
    ) -> None:
        self._catalog = catalog
        self._index = index
        self._manifest = manifest
        self._rejected = rejected
        self._limit = PassageLimit(manifest, encoder)
        self._item_keys = [np.empty(0, np.uint64)]
        self._rejected_keys = [np.empty(0, np.uint64)]
        self._differing_keys = [np.empty(0, np.uint64)]
        self.counts: Counter[ChangeKind] = Counter()

    def __iter__(self) -> Iterator[tuple[list[Compared], int]]:
        """Yield compared items in batches, and the number of rows of each batch."""
        for rows in in_batches(self._catalog.rows(), BATCH_ITEMS):
            rejects = [row.entry for row in rows if isinstance(row.entry, Reject)]
            compared = compare(
                [row.entry for row in rows if isinstance(row.entry, Item)], self._index, self._manifest
            )
            compared, too_long = self._divided(compared, rows)
            for reject in (rejects := rejects + too_long):
                self._rejected.add(reject)
            self.counts.update(one.kind for one in compared)
            self._item_keys.append(item_keys(one.item.item_id for one in compared))
            self._rejected_keys.append(item_keys(row.item_id for row in rejects if row.item_id))
            differing = (one.item.item_id for one in compared if one.kind != "unchanged")
            self._differing_keys.append(item_keys(differing))
            yield compared, len(rows)
        if self._rejected.counts and not self.n_items:
            most = self._rejected.counts.most_common(3)
            reasons = "; ".join(f"{reason} ({n:,} rows)" for reason, n in most)
            raise CatalogError(
                "nothing was indexed; the previous index, if any, still answers. No row can be used: "
                f"{reasons}. The rows are listed in {self._rejected.path}"
            )

    def _divided(
        self, compared: list[Compared], rows: Sequence[CatalogRow]
    ) -> tuple[list[Compared], list[Reject]]:
        """Return the items that can be encoded, and a reject for each that has too many passages."""
        faults = {
            one.item.item_id: fault
            for one in compared
            if one.needs_encoding and (fault := self._limit.fault(one.text))
        }
        if not faults:
            return compared, []
        rejects = [
            row.rejected(row.entry.item_id, faults[row.entry.item_id])
            for row in rows
            if isinstance(row.entry, Item) and row.entry.item_id in faults
        ]
        return [one for one in compared if one.item.item_id not in faults], rejects

    def described(self, manifest: Manifest) -> Manifest:
        """Return the manifest with how values are written in the catalog, see `Catalog.described`."""
        return self._catalog.described(manifest)

    @property
    def item_keys(self) -> Keys:
        """Keys of the items of the source, ascending: 8 bytes for each item in memory."""
        return np.unique(np.concatenate(self._item_keys))

    @property
    def named_keys(self) -> Keys:
        """Keys of all items in the source, ascending, including those of rejected rows."""
        return np.unique(np.concatenate([*self._item_keys, *self._rejected_keys]))

    @property
    def differing_keys(self) -> Keys:
        """Keys of the items that differ from the generation, ascending."""
        return np.unique(np.concatenate(self._differing_keys))

    @property
    def n_items(self) -> int:
        """Rows of the source that are items."""
        return self.counts.total()

    @property
    def n_rejected(self) -> int:
        """Rows of the source that are not items."""
        return self._rejected.counts.total()

    def report(
        self, generation: int, manifest: Manifest, started: float, *, n_deleted: int = 0
    ) -> IndexReport:
        """Return the report at the end of an indexing.

        Parameters
        ----------
        generation, manifest : of the generation that is current now.
        started : when indexing started, by `time.monotonic`.
        n_deleted : deleted items.
        """
        catalog = self._catalog
        return IndexReport(
            generation=generation,
            n_items=manifest.n_items,
            n_passages=manifest.n_passages,
            rejected=dict(self._rejected.counts),
            rejects=self._rejected.path if self._rejected.counts else None,
            seconds=time.monotonic() - started,
            encoder=manifest.encoder,
            device="",
            notes=(*catalog.notes, *catalog.later_notes(), *catalog.cleaning.notes()),
            n_added=self.counts["added"],
            n_changed=self.counts["changed"],
            n_metadata=self.counts["metadata"],
            n_unchanged=self.counts["unchanged"],
            n_deleted=n_deleted,
        )


def _change_kind(item: Item, text: str, record: Record | None, passage_tokens: int | None) -> ChangeKind:
    if record is None:
        return "added"
    if record.content_hash != content_hash(text, passage_tokens):
        return "changed"
    is_same = record.title == item.title and record.metadata == item.metadata
    return "unchanged" if is_same else "metadata"
