"""Learned vectors of items that are deleted and come back: what `fit` learned from events is not lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from semrec.events.deleted_items import DeletedItems
from semrec.signals import SIGNALS
from semrec.signals.popularity import POPULARITY, events_of
from semrec.store import Manifest, Point
from semrec.store.protocol import Record


def keep_learned(memory: DeletedItems, points: Sequence[Point], manifest: Manifest) -> None:
    """Keep the learned vectors of items with events, which are about to be deleted.

    Items without events have vectors that the models predict from the text; they can be predicted again.

    Parameters
    ----------
    memory : where they are kept.
    points : of the items, as the index holds them.
    manifest : of the index.
    """
    if not manifest.models:
        return
    learned = _learned_fields(manifest)
    memory.keep(
        models_digest(manifest),
        {
            point.record.item_id: {name: vector for name, vector in point.vectors.items() if name in learned}
            for point in points
            if _has_events(point)
        },
    )


def with_kept_vectors(
    memory: DeletedItems, points: Sequence[Point], records: Sequence[Record | None], manifest: Manifest
) -> list[Point]:
    """Return points of items, those that were deleted since the fit with the vectors they had.

    Parameters
    ----------
    memory : has the learned vectors of deleted items.
    points : of the items to write.
    records : for each point what the index has of the item; None for a new item.
    manifest : of the index.
    """
    new = [point.record.item_id for point, record in zip(points, records, strict=True) if record is None]
    if not manifest.models or not new:
        return list(points)
    kept = memory.find(models_digest(manifest), new)
    return [
        replace(point, vectors={**point.vectors, **kept.get(point.record.item_id, {})}) for point in points
    ]


def models_digest(manifest: Manifest) -> str:
    """Return a text that is another one after each fit."""
    digest = blake2b(json.dumps(manifest.models, sort_keys=True).encode(), digest_size=16)
    for name in sorted(manifest.arrays):
        digest.update(name.encode() + np.ascontiguousarray(manifest.arrays[name]).tobytes())
    return digest.hexdigest()


def _learned_fields(manifest: Manifest) -> set[str]:
    """Return the names of the vectors that `fit` made."""
    fields = (signal.catalog_fields(manifest.dimension, quantized=False) for signal in SIGNALS)
    of_catalog = {field.name for some in fields for field in some}
    return {field.name for field in manifest.vectors} - of_catalog


def _has_events(point: Point) -> bool:
    stored = point.vectors.get(POPULARITY)
    return isinstance(stored, np.ndarray) and bool(events_of(stored)[0] > 0)
