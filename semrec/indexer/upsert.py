"""Changes in place: items are written into the current generation, or deleted from it.

A change can be repeated: if a process was killed during a change, the next one makes the change again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, get_args

import numpy as np

from semrec.encoder.encoder import Encoder
from semrec.errors import CatalogError, shown
from semrec.events.deleted_items import DeletedItems
from semrec.indexer.compare import BATCH_ITEMS, ChangeKind, Compared, compare, find_records, still_set_aside
from semrec.indexer.field_changes import change_fields, with_fields
from semrec.indexer.item_points import item_points, split_items, with_learned_vectors
from semrec.indexer.learned_vectors import keep_learned, with_kept_vectors
from semrec.indexer.patch import patched
from semrec.indexer.read_items import read_ids
from semrec.indexer.streams import in_batches
from semrec.store import EditableIndex, FieldType, Manifest, Point, Record
from semrec.store.item_limits import passages_fault
from semrec.store.points import by_name, check_points
from semrec.types import ChangeReport, Item, ItemPatch, item_keys

UNCOUNTED = 0
"""Number of passages in the manifest of a generation while a catalog is written into it."""


@dataclass(frozen=True, slots=True)
class Written:
    """The result of a change: the manifest to store, and the report."""

    manifest: Manifest
    report: ChangeReport


def write_items(
    index: EditableIndex,
    manifest: Manifest,
    encoder: Callable[[], Encoder],
    items: Iterable[Item],
    before_write: Callable[[Sequence[Item]], object] = lambda batch: None,
    memory: DeletedItems | None = None,
) -> Written:
    """Write items into an open generation; unchanged items are not written.

    New items get the vectors that the models of `fit` predict from their texts; known items keep theirs. The
    caller stores the manifest of the result.

    Parameters
    ----------
    index, manifest : the generation.
    encoder : loads the encoder of the manifest; called only if there is a text to encode.
    items : as returned by `read_items`.
    before_write : called with each batch of items, after all checks and before any of them is written.
    memory : items that were deleted since the fit get back what the models knew of them; None: they are new.

    Raises
    ------
    CatalogError, ItemRefusedError
        No store can hold an item. Its batch was not written.
    """
    ids: dict[str, list[str]] = defaultdict(list)
    n_passages = 0
    for batch in in_batches(items, BATCH_ITEMS):
        typed, changed = with_fields(batch, manifest)
        compared = compare(typed, index, manifest)
        points = _encoded([one for one in compared if one.needs_encoding], index, manifest, encoder, memory)
        manifest = _write(compared, points, changed, index, manifest, partial(before_write, typed))
        n_passages += sum(len(point.record.passages) for point in points)
        n_passages -= sum(len(one.record.passages) for one in compared if one.needs_encoding and one.record)
        for one in compared:
            ids[one.kind].append(one.item.item_id)
    lists: dict[str, Any] = {kind: tuple(of_kind) for kind, of_kind in ids.items()}
    report = ChangeReport(**lists)
    return Written(_counted(manifest, index, report, n_passages), report)


def patch_items(
    index: EditableIndex,
    manifest: Manifest,
    patches: Iterable[ItemPatch],
    before_write: Callable[[Sequence[ItemPatch]], object] = lambda batch: None,
) -> Written:
    """Change metadata of items in an open generation; nothing is encoded.

    The caller stores the manifest of the result.

    Parameters
    ----------
    index, manifest : the generation.
    patches : as returned by `read_patches`.
    before_write : called with the patches of known items, batch by batch, after all checks and before any of
        the batch is written.

    Raises
    ------
    ItemRefusedError
        No store can hold an item. Its batch was not written.
    """
    ids: dict[str, list[str]] = defaultdict(list)
    for batch in in_batches(patches, BATCH_ITEMS):
        records = find_records(index, item_keys(patch.item_id for patch in batch))
        known = [patch for patch, record in zip(batch, records, strict=True) if record]
        compared = patched(known, [record for record in records if record])
        typed, changed = with_fields([one.item for one in compared], manifest)
        compared = [replace(one, item=item) for one, item in zip(compared, typed, strict=True)]
        manifest = _write(compared, (), changed, index, manifest, partial(before_write, known))
        for one in compared:
            ids[one.kind].append(one.item.item_id)
        ids["unknown"] += [p.item_id for p, record in zip(batch, records, strict=True) if not record]
    lists: dict[str, Any] = {kind: tuple(of_kind) for kind, of_kind in ids.items()}
    report = ChangeReport(**lists)
    return Written(_counted(manifest, index, report, 0), report)


def delete_items(
    index: EditableIndex, manifest: Manifest, item_ids: Iterable[str], memory: DeletedItems | None = None
) -> Written:
    """Delete items from an open generation; the caller stores the manifest of the result.

    Parameters
    ----------
    index, manifest : the generation.
    item_ids : of the items; some may be unknown.
    memory : keeps what the models of `fit` know of the items; None: it is not kept.
    """
    ids = read_ids(item_ids)
    deleted: dict[str, None] = {}
    n_passages = 0
    for batch in in_batches(ids, BATCH_ITEMS):
        records = [record for record in find_records(index, item_keys(batch)) if record]
        if records:
            keys = item_keys(record.item_id for record in records)
            if memory:
                keep_learned(memory, index.points(keys), manifest)
            index.delete(keys)
            deleted |= dict.fromkeys(record.item_id for record in records)
            n_passages += sum(len(record.passages) for record in records)
    unknown = tuple(item_id for item_id in ids if item_id not in deleted)
    report = ChangeReport(deleted=tuple(deleted), unknown=unknown)
    return Written(_counted(manifest, index, report, -n_passages), report)


def is_counted(index: EditableIndex, manifest: Manifest) -> bool:
    """Return whether the counts of the manifest are right; a killed process may not have stored them."""
    n_items = index.count()
    return n_items == manifest.n_items and (manifest.n_passages != UNCOUNTED or not n_items)


def recount(index: EditableIndex, manifest: Manifest) -> Manifest:
    """Return the manifest with the counts of the index; every record is read."""
    keys = index.sample(index.count())
    records = chain.from_iterable(index.records(np.array(batch)) for batch in in_batches(keys, BATCH_ITEMS))
    return replace(manifest, n_items=len(keys), n_passages=sum(len(record.passages) for record in records))


def _write(
    compared: Sequence[Compared],
    points: Sequence[Point],
    changed: Mapping[str, FieldType],
    index: EditableIndex,
    manifest: Manifest,
    before_write: Callable[[], object],
) -> Manifest:
    """Write items of one batch, all or none; return the manifest with their new fields.

    Parameters
    ----------
    compared : the items.
    points : of those with a new text.
    changed : types of fields that are new or wider.
    index, manifest : the generation.
    before_write : called after all checks.
    """
    records = _with_other_metadata(compared)
    check_points([*points, *(Point(record, {}) for record in records)], by_name(manifest.vectors))
    before_write()
    if changed:
        manifest = change_fields(index, manifest, changed)
    if records:
        index.update_records(records)
    if points:
        index.upsert(points)
    return manifest


def _with_other_metadata(compared: Sequence[Compared]) -> list[Record]:
    """Return the new records of items whose text is the same."""
    return [
        replace(one.record, title=one.item.title, metadata=one.item.metadata)
        for one in compared
        if one.record and one.kind == "metadata"
    ]


def _encoded(
    compared: Sequence[Compared],
    index: EditableIndex,
    manifest: Manifest,
    encoder: Callable[[], Encoder],
    memory: DeletedItems | None,
) -> list[Point]:
    """Return the points of items with a new text.

    Raises
    ------
    CatalogError
        The text of an item has too many passages.
    """
    if not compared:
        return []
    batch = split_items(compared, encoder(), manifest.passage_tokens)
    for item, passages in zip(batch.items, batch.passages, strict=True):
        if fault := passages_fault(len(passages), manifest.dimension):
            raise CatalogError(f"item {shown(item.item_id)}: {fault}")
    vectors = encoder().encode_documents(batch.flat_passages)
    points = item_points(batch, vectors, manifest)
    records = [one.record for one in compared]
    points = with_learned_vectors(points, manifest, records, index)
    return with_kept_vectors(memory, points, records, manifest) if memory else points


def _counted(manifest: Manifest, index: EditableIndex, report: ChangeReport, n_passages: int) -> Manifest:
    """Return the manifest with its counts after a change; `n_passages` were added (below 0: deleted)."""
    ids = chain(*(getattr(report, kind) for kind in ("deleted", "unknown", *get_args(ChangeKind))))
    after = replace(
        manifest,
        n_items=manifest.n_items + len(report.added) - len(report.deleted),
        n_passages=manifest.n_passages + n_passages,
        n_changes=manifest.n_changes + report.n_written,
        set_aside=still_set_aside(manifest, item_keys(ids)),
    )
    was_counted = manifest.n_passages != UNCOUNTED or not manifest.n_items
    return after if was_counted and is_counted(index, after) else recount(index, after)
