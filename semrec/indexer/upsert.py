"""Changes in place: items written into a generation that answers already, or deleted from it.

Written twice, a change is the same as written once: whoever was killed starts over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from semrec.encoder.encoder import Encoder
from semrec.encoder.passages import Chunker
from semrec.indexer.compare import BATCH_ITEMS, Compared, compare, find_records
from semrec.indexer.generation_builder import Batch, item_points, text_vectors
from semrec.indexer.read_items import new_fields, read_ids
from semrec.indexer.streams import in_batches
from semrec.signals import signal_named
from semrec.signals.learned import LearnedSettings
from semrec.store import EditableIndex, Manifest, Point, Record, Vector
from semrec.types import ChangeReport, Float2D, Item, item_keys

UNCOUNTED = 0
"""The number of passages in the manifest of a generation that a catalog is being written into."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a change did: the manifest as it must be from now on, and the fate of every item."""

    manifest: Manifest
    report: ChangeReport


def write_items(
    index: EditableIndex, manifest: Manifest, encoder: Callable[[], Encoder], items: Iterable[Item]
) -> Written:
    """Write items into an open generation; what is there just so is left alone.

    New items get the taste that their text tells, no neighbours and no popularity; those of known items stay.
    The caller stores the manifest of the result.

    Parameters
    ----------
    index, manifest : the generation.
    encoder : loads the encoder of the manifest; called only when there is a text to encode.
    items : as `read_items` returns them; walked over twice.
    """
    fields = new_fields(items, manifest.fields)
    if fields:
        index.add_fields(fields)
        manifest = replace(manifest, fields={**manifest.fields, **fields})
    fates: dict[str, list[str]] = {"added": [], "changed": [], "metadata": [], "unchanged": []}
    n_passages = 0
    for batch in in_batches(items, BATCH_ITEMS):
        compared = compare(batch, index, manifest)
        n_passages += _write(compared, index, manifest, encoder)
        for one in compared:
            fates[one.fate].append(one.item.item_id)
    report = ChangeReport(**{fate: tuple(item_ids) for fate, item_ids in fates.items()})
    return Written(_counted(manifest, index, report, n_passages), report)


def delete_items(index: EditableIndex, manifest: Manifest, item_ids: Iterable[str]) -> Written:
    """Delete items from an open generation; the caller stores the manifest of the result."""
    wanted = read_ids(item_ids)
    deleted: list[str] = []
    n_passages = 0
    for batch in in_batches(wanted, BATCH_ITEMS):
        keys = item_keys(batch)
        records = [record for record in find_records(index, keys) if record]
        if records:
            deleted += [record.item_id for record in records]
            n_passages -= sum(len(record.passages) for record in records)
            index.delete(item_keys(record.item_id for record in records))
    there = set(deleted)
    unknown = tuple(item_id for item_id in wanted if item_id not in there)
    report = ChangeReport(deleted=tuple(deleted), unknown=unknown)
    return Written(_counted(manifest, index, report, n_passages), report)


def is_counted(index: EditableIndex, manifest: Manifest) -> bool:
    """Tell whether the counts can be trusted: whoever was killed may not have stored them."""
    n_items = index.count()
    return n_items == manifest.n_items and (manifest.n_passages != UNCOUNTED or not n_items)


def counted_anew(index: EditableIndex, manifest: Manifest) -> Manifest:
    """Return the manifest with the counts of what is there: every record is read."""
    keys = index.sample(index.count())
    records = chain.from_iterable(index.records(np.array(batch)) for batch in in_batches(keys, BATCH_ITEMS))
    return replace(manifest, n_items=len(keys), n_passages=sum(len(record.passages) for record in records))


def encoded(
    compared: Sequence[Compared], encoder: Encoder, passage_tokens: int | None
) -> tuple[Batch, Float2D]:
    """Return items with their passages, and the vectors of all passages."""
    texts = [one.text for one in compared]
    batch = Batch([one.item for one in compared], texts, Chunker(encoder, passage_tokens).split(texts))
    return batch, encoder.encode_documents(batch.flat_passages)


def with_learned(
    points: Sequence[Point], manifest: Manifest, records: Sequence[Record | None], old: EditableIndex | None
) -> list[Point]:
    """Return points with the vectors, too, that are not made from text alone.

    Parameters
    ----------
    points : as `item_points` makes them.
    manifest : what `fit` learned gives new items their vectors.
    records : what the old generation holds of each item; None for a new one.
    old : that generation; None when there is none.
    """
    learned = LearnedSettings.of(manifest)
    if learned is None:
        return list(points)
    new = iter(_new_item_vectors(learned, text_vectors(points)))
    there = [record.item_id for record in records if record]
    found = iter(old.points(item_keys(there)) if old and there else [])
    completed = []
    for point, record in zip(points, records, strict=True):
        of_new = next(new)
        vectors = {**next(found).vectors, **point.vectors} if record else {**of_new, **point.vectors}
        completed.append(Point(point.record, vectors))
    return completed


def _new_item_vectors(learned: LearnedSettings, vectors: Float2D) -> list[dict[str, Vector]]:
    """Return the fitted vectors of items that came after the fit, by field."""
    by_field = {
        name: of_items
        for signal_name, parameters in learned.parameters.items()
        if (signal := signal_named(signal_name))
        for name, of_items in signal.new_item_vectors(parameters, vectors).items()
    }
    return [{name: of_items[place] for name, of_items in by_field.items()} for place in range(len(vectors))]


def _write(
    compared: Sequence[Compared], index: EditableIndex, manifest: Manifest, encoder: Callable[[], Encoder]
) -> int:
    """Write what differs, and return how many passages the index has more than before."""
    records = [
        replace(one.record, title=one.item.title, metadata=one.item.metadata)
        for one in compared
        if one.record and one.fate == "metadata"
    ]
    if records:
        index.update_records(records)
    texts = [one for one in compared if one.fate in ("added", "changed")]
    if not texts:
        return 0
    batch, vectors = encoded(texts, encoder(), manifest.passage_tokens)
    points = item_points(batch, vectors, manifest)
    index.upsert(with_learned(points, manifest, [one.record for one in texts], index))
    return len(vectors) - sum(len(one.record.passages) for one in texts if one.record)


def _counted(manifest: Manifest, index: EditableIndex, report: ChangeReport, n_passages: int) -> Manifest:
    """Return the manifest after a change, which added so many passages."""
    n_items = manifest.n_items + len(report.added) - len(report.deleted)
    after = replace(
        manifest,
        n_items=n_items,
        n_passages=manifest.n_passages + n_passages,
        n_changes=manifest.n_changes + report.n_written,
    )
    was_counted = manifest.n_passages != UNCOUNTED or not manifest.n_items
    return after if was_counted and is_counted(index, after) else counted_anew(index, after)
