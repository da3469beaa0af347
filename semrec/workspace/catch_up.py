"""Makes the changes of the journal that a generation has missed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from semrec.encoder import Encoder
from semrec.errors import CatalogError
from semrec.events.item_changes import ChangeJournal
from semrec.indexer.read_items import read_items
from semrec.indexer.upsert import UNCOUNTED, delete_items, recount, write_items
from semrec.store import EditableIndex, Manifest, Store
from semrec.types import Item

log = logging.getLogger("semrec")


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
        For the caller to store; the same one if nothing was missed.
    """
    missed = journal.since(manifest.journal)
    if missed.until == manifest.journal:
        return manifest
    deleted = delete_items(index, manifest, missed.deleted)
    items = _fitting(missed.put, deleted.manifest, max_text_bytes)
    written = write_items(index, deleted.manifest, encoder, items)
    manifest = replace(written.manifest, journal=missed.until)
    if deleted.report.unknown or written.report.unchanged:
        # A process that was killed may have written these, and not the counts.
        manifest = recount(index, manifest)
    return manifest


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


def _fitting(items: Sequence[Item], manifest: Manifest, max_text_bytes: int) -> list[Item]:
    """Return the items that fit the fields of this generation; they were checked against another one's."""
    try:
        return read_items(items, manifest, max_text_bytes)
    except CatalogError:
        pass
    fitting: list[Item] = []
    for item in items:
        try:
            fitting += read_items([item], manifest, max_text_bytes)
        except CatalogError as error:
            log.warning("an item of the journal does not fit this index and is left out: %s", error)
    return read_items(fitting, manifest, max_text_bytes)
