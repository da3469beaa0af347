"""Makes the changes of the journal that a generation has missed.

An item that this generation can never hold is set aside: `Manifest.set_aside` lists it, and the changes after
it are made. So one item cannot stop an index.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from semrec.encoder import Encoder
from semrec.errors import (
    CatalogError,
    ItemRefusedError,
    SemrecError,
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
    shown,
)
from semrec.events.item_changes import ChangeJournal
from semrec.indexer.patch import read_patches
from semrec.indexer.read_items import read_items
from semrec.indexer.upsert import UNCOUNTED, delete_items, patch_items, recount, write_items
from semrec.store import EditableIndex, Manifest, Store
from semrec.types import Item, ItemPatch, item_keys

log = logging.getLogger("semrec")

LONGEST_REASON = 300
"""Characters of a reason in the manifest."""


def catch_up(
    journal: ChangeJournal,
    index: EditableIndex,
    manifest: Manifest,
    encoder: Callable[[], Encoder],
    max_text_bytes: int,
) -> Manifest:
    """Make the changes that a generation has missed; unchanged items are not written.

    Parameters
    ----------
    journal : held by the caller, see `ChangeJournal.applying`.
    index, manifest : the generation, as it is stored now.
    encoder : loads the encoder of the manifest; called only if there is a text to encode.
    max_text_bytes : longest text, title or metadata value, in UTF-8.

    Returns
    -------
    Manifest
        For the caller to store; the same one if nothing was missed and all passages were counted.
    """
    if manifest.n_passages == UNCOUNTED and manifest.n_items:
        manifest = recount(index, manifest)  # a process was killed while it wrote a catalog
    missed = journal.since(manifest.journal)
    if missed.until == manifest.journal:
        return manifest
    deleted = delete_items(index, manifest, missed.deleted)
    replay = _Replay(index, deleted.manifest, encoder, max_text_bytes)
    replay.write(missed.put)
    replay.patch(missed.patched)
    manifest = replace(replay.manifest, journal=missed.until)
    if deleted.report.unknown or replay.has_unchanged:
        # A process that was killed may have written these, and not the counts.
        manifest = recount(index, manifest)
    return manifest


def is_behind(journal: ChangeJournal, manifest: Manifest) -> bool:
    """Return whether `catch_up` has something to do for a generation with this manifest."""
    is_uncounted = manifest.n_passages == UNCOUNTED and manifest.n_items > 0
    return is_uncounted or journal.n_items_since(manifest.journal) > 0


def check_count(store: Store, number: int, index: EditableIndex, manifest: Manifest, n_missed: float) -> None:
    """Compare the number of items of an index with its manifest.

    Parameters
    ----------
    store, number, index, manifest : the generation.
    n_missed : changes that a killed process may have made without storing the count.

    Raises
    ------
    StoreDamagedError
        They differ by more than that.
    """
    n_items = index.count()
    if manifest.n_passages == UNCOUNTED:  # a process was killed while it wrote a catalog
        return
    if abs(n_items - manifest.n_items) > n_missed:
        raise store.damaged(number, f"it holds {n_items} items instead of {manifest.n_items}")


class _Replay:
    """Writes items of the journal into a generation.

    Parameters
    ----------
    index, manifest, encoder, max_text_bytes : as in `catch_up`.

    Attributes
    ----------
    manifest : of the generation, after what was written.
    has_unchanged : some items were in the generation already.
    """

    def __init__(
        self, index: EditableIndex, manifest: Manifest, encoder: Callable[[], Encoder], max_text_bytes: int
    ) -> None:
        self._index = index
        self._encoder = encoder
        self._max_text_bytes = max_text_bytes
        self.manifest = manifest
        self.has_unchanged = False

    def write(self, items: Sequence[Item]) -> None:
        """Write items; those that cannot be written are set aside."""
        self._write(self._fitting(items))

    def patch(self, patches: Sequence[ItemPatch]) -> None:
        """Change metadata of items; patches that do not fit are set aside, those of unknown items ignored."""
        read = read_patches(patches, self.manifest, self._max_text_bytes, self._index, keep_html=True)
        self._set_refused_aside(read.refused)
        try:
            self._patch(read.items)
        except ItemRefusedError:
            for patch in read.items:
                try:
                    self._patch([patch])
                except ItemRefusedError as error:
                    self.set_aside(patch.item_id, str(error))

    def _patch(self, patches: Sequence[ItemPatch]) -> None:
        written = patch_items(self._index, self.manifest, patches)
        self.manifest = written.manifest
        self.has_unchanged = self.has_unchanged or bool(written.report.unchanged)

    def _fitting(self, items: Sequence[Item]) -> list[Item]:
        """Return the items that fit the fields of this generation; they were checked against another one."""
        read = read_items(items, self.manifest, self._max_text_bytes, self._index, keep_html=True)
        self._set_refused_aside(read.refused)
        return read.items

    def _write(self, items: Sequence[Item]) -> None:
        """Write items; halve a batch that fails, until each item that cannot be written is found."""
        try:
            written = write_items(self._index, self.manifest, self._encoder, items)
        except (StoreDamagedError, StoreLockedError, StoreUnavailableError):
            raise
        except (CatalogError, StoreError) as error:
            if len(items) > 1:
                self._write(items[: len(items) // 2])
                self._write(items[len(items) // 2 :])
            elif self._can_never_fit(error):
                self.set_aside(items[0].item_id, str(error))
            else:
                raise
        else:
            self.manifest = written.manifest
            self.has_unchanged = self.has_unchanged or bool(written.report.unchanged)

    def _set_refused_aside(self, refused: Mapping[str, str]) -> None:
        for item_id, reason in refused.items():
            self.set_aside(item_id, f"item {shown(item_id)}: {reason}")

    def set_aside(self, item_id: str, reason: str) -> None:
        """Note that the generation cannot hold an item."""
        log.warning("item %s of the journal is set aside: %s", shown(item_id), reason)
        key = int(item_keys([item_id])[0])
        others = tuple(entry for entry in self.manifest.set_aside if entry[0] != key)
        reason = reason.encode("utf-8", "backslashreplace").decode()[:LONGEST_REASON]
        self.manifest = replace(self.manifest, set_aside=(*others, (key, reason)))

    def _can_never_fit(self, error: SemrecError) -> bool:
        """Return whether the item is at fault: the store refuses it, but takes another write."""
        if isinstance(error, CatalogError | ItemRefusedError):
            return True
        stored = self._index.sample(1)
        if not len(stored):
            return False
        try:
            self._index.update_records(self._index.records(stored))
        except StoreError:
            return False
        return True
