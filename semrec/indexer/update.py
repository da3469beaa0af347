"""Update of the index with a catalog: only what differs is encoded and written.

A few changes are written into the current generation. Many changes, and changes that need a new index
(another type of a field, another encoder, search in int8 or not), make a new generation: what differs is
encoded, and everything else is copied with its vectors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from semrec.encoder.encoder import Encoder
from semrec.events.deleted_items import DeletedItems
from semrec.indexer.build_steps import AHEAD, build_generation, with_average_words
from semrec.indexer.compare import BATCH_ITEMS, CatalogComparison, Compared
from semrec.indexer.deletion import keys_to_delete
from semrec.indexer.index_report import IndexReport
from semrec.indexer.read import Catalog
from semrec.indexer.rebuild import Rebuild, encodes_differently
from semrec.indexer.rejects import RejectsFile
from semrec.indexer.spool import Spool
from semrec.indexer.streams import in_background, in_batches
from semrec.indexer.upsert import UNCOUNTED, delete_items, is_counted, recount, write_items
from semrec.signals.learned import LearnedSettings
from semrec.store import EditableIndex, Index, Manifest, Store
from semrec.store.payload_indexes import indexed_fields
from semrec.types import Keys

IN_PLACE_ITEMS = 1000
IN_PLACE_SHARE = 0.05
MAX_CHANGED_SHARE = 0.2

Batches: TypeAlias = Iterator[tuple[list[Compared], int]]
"""Compared items, and the number of rows of each batch."""


def max_in_place(n_items: int) -> float:
    """Return how many changes may be written into a generation of `n_items` items since its build.

    `IN_PLACE_ITEMS` or `IN_PLACE_SHARE` of the items, whichever is more, but at most `MAX_CHANGED_SHARE` of
    them: changes in place do not update the mean vector of the catalog, and make the search graphs worse.
    """
    return min(max(IN_PLACE_ITEMS, IN_PLACE_SHARE * n_items), MAX_CHANGED_SHARE * n_items)


class Change(Protocol):
    """The current generation, while nothing else changes it."""

    index: EditableIndex
    manifest: Manifest
    memory: DeletedItems

    def commit(self, manifest: Manifest) -> None:
        """Store the manifest after the change."""


@dataclass(frozen=True, slots=True)
class Current:
    """The current generation.

    Parameters
    ----------
    number, index, manifest : the generation.
    change : opens the generation for a change; the manifest may be newer then. None: another process has the
        generation open, and `index` is a copy that can only be read.
    """

    number: int
    index: Index
    manifest: Manifest
    change: Callable[[], AbstractContextManager[Change]] | None = None


def update_catalog(
    catalog: Catalog,
    current: Current,
    draft: Manifest,
    encoder: Callable[[], Encoder],
    store: Store,
    *,
    rejects: Path,
    sync: bool = False,
    allow_large_delete: bool = False,
    progress: Callable[[int], None] | None = None,
) -> IndexReport:
    """Update the index with a catalog; if nothing differs, nothing is written.

    Parameters
    ----------
    catalog : the source.
    current : the current generation.
    draft : manifest of the updated index, see `semrec.indexer.drafts.updated_manifest`.
    encoder : loads the encoder of the draft; called only if there is something to encode.
    store : where the generations are.
    rejects : file for rows that cannot be used.
    sync : delete the items that the source does not name.
    allow_large_delete : with `sync`, also delete more than a fifth of the items.
    progress : called with the number of rows just processed.

    Raises
    ------
    CatalogError
        The source has no item, or too many items would be deleted.
    StoreError
        The store failed, or the disk is full. After any error the index still answers.
    """
    source = CatalogComparison(catalog, current.index, draft, RejectsFile(rejects), encoder)

    def to_delete() -> Keys:
        return keys_to_delete(source, current.index, sync=sync, allow_large_delete=allow_large_delete)

    return _Update(source, current, draft, encoder, store, to_delete, progress or (lambda n_rows: None)).run()


@dataclass(slots=True)
class _Update:
    """One run of `update_catalog`; `to_delete` is called at the end of the source."""

    source: CatalogComparison
    current: Current
    draft: Manifest
    encoder: Callable[[], Encoder]
    store: Store
    to_delete: Callable[[], Keys]
    progress: Callable[[int], None]
    started: float = field(default_factory=time.monotonic)

    def run(self) -> IndexReport:
        """Read the source, and write what differs in place or into a new generation."""
        with Spool() as differing, closing(in_background(iter(self.source), AHEAD)) as batches:
            if self._needs_build or not self._read(batches, differing):
                return self._build(differing, batches)
            deleted = self.to_delete()
            n_changes = len(differing) + len(deleted)
            if not n_changes and self._is_up_to_date:
                return self._report(self.current.number, self.current.manifest)
            if not (self.current.change and self._fits_in_place(n_changes)):
                return self._build(differing, batches)
            with self.current.change() as change:
                return self._write_in_place(change, differing, deleted)

    @property
    def _needs_build(self) -> bool:
        """Whether the update changes something that only a build can change."""
        before, draft = self.current.manifest, self.draft
        has_new_types = any(draft.fields[name] != kind for name, kind in before.fields.items())
        return encodes_differently(before, draft) or before.vectors != draft.vectors or has_new_types

    @property
    def _is_up_to_date(self) -> bool:
        """Whether the manifest needs no change; a killed process may not have stored the counts."""
        manifest = self.current.manifest
        is_stored = manifest.fields == self.draft.fields and is_counted(self.current.index, manifest)
        return is_stored or self.current.change is None

    def _fits_in_place(self, n_changes: int) -> bool:
        """Return whether so many changes can be written in place."""
        manifest = self.current.manifest
        if not n_changes:
            return True
        return self.current.change is not None and manifest.n_changes + n_changes <= max_in_place(
            manifest.n_items
        )

    def _read(self, batches: Batches, differing: Spool) -> bool:
        """Collect the items that differ; return False as soon as they are too many to write in place."""
        for compared, n_rows in batches:
            differing.add(one.item for one in compared if one.kind != "unchanged")
            self.progress(n_rows)
            if not self._fits_in_place(len(differing)):
                return False
        return True

    def _write_in_place(self, change: Change, differing: Spool, deleted: Keys) -> IndexReport:
        index, manifest = change.index, change.manifest
        if not is_counted(index, manifest):
            manifest = recount(index, manifest)
        change.commit(replace(manifest, n_passages=UNCOUNTED))  # a process after a kill counts again
        new_fields = {name: kind for name, kind in self.draft.fields.items() if name not in manifest.fields}
        if new_fields:
            index.add_fields(indexed_fields(new_fields, manifest.fields))
            manifest = replace(manifest, fields={**manifest.fields, **new_fields})
        if len(differing):
            written = write_items(index, manifest, self.encoder, differing, memory=change.memory)
            manifest = written.manifest
        if len(deleted):
            ids = _item_ids(index, deleted)
            manifest = delete_items(index, manifest, ids, change.memory).manifest
        manifest = self.source.described(manifest)
        change.commit(manifest)
        return self._report(self.current.number, manifest, len(deleted))

    def _build(self, differing: Spool, batches: Batches) -> IndexReport:
        current = self.current
        rebuild = Rebuild(current.index, current.manifest, self.draft, self.encoder)
        draft, steps = self.draft, rebuild.steps(self.source, differing, batches, self.to_delete)
        if encodes_differently(current.manifest, draft):
            draft, steps = with_average_words(draft, steps)
        number, manifest = build_generation(
            self.store,
            draft,
            self.encoder,
            steps,
            current.index,
            self.progress,
            lambda: self.source.differing_keys,
            described=self.source.described,
        )
        notes = []
        if rebuild.n_encoded_again:
            notes.append(
                f"{rebuild.n_encoded_again:,} items that the source does not name were kept: "
                "their stored passages were encoded again"
            )
        learned = LearnedSettings.of(current.manifest)
        if learned and self.draft.encoder_fingerprint != current.manifest.encoder_fingerprint:
            notes += learned.without_text()[1]
        return self._report(number, manifest, rebuild.n_deleted, notes)

    def _report(
        self, number: int, manifest: Manifest, n_deleted: int = 0, notes: Sequence[str] = ()
    ) -> IndexReport:
        report = self.source.report(number, manifest, self.started, n_deleted=n_deleted)
        return replace(report, notes=(*report.notes, *notes))


def _item_ids(index: EditableIndex, keys: Keys) -> Iterator[str]:
    for batch in in_batches(keys, BATCH_ITEMS):
        yield from (record.item_id for record in index.records(np.array(batch)))
