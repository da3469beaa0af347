"""The map of a catalog: a bounded sample of its items, each with a place, a title and a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from semrec.catalog_map.layout import LANDMARKS, lay_out, place
from semrec.store import Index, Manifest, Record
from semrec.store.protocol import TEXT
from semrec.types import Float2D, Keys, Value, item_keys

MAP_ITEMS = 4000
"""Items of a map: enough to show the shape of a catalog, few enough to send to a phone."""

GROUPS = 12
"""Groups of a map; items with other values belong to no group."""


@dataclass(frozen=True, slots=True)
class CatalogMap:
    """A bounded sample of the catalog: entry n of every field belongs to item n.

    Parameters
    ----------
    field : the metadata field of the groups; None: no field groups the items.
    groups : the most frequent values of the field, most frequent first.
    item_ids, titles : the items.
    places : float32 (n, 2), x and y in [-1, 1].
    group : for each item, the position of its value in `groups`; -1: in no group.
    """

    field: str | None
    groups: tuple[str, ...]
    item_ids: tuple[str, ...]
    titles: tuple[str, ...]
    places: Float2D
    group: tuple[int, ...]


def choose_landmarks(index: Index) -> tuple[tuple[int, float, float], ...]:
    """Return the landmarks of a generation for its manifest: key, x and y of sampled items."""
    keys = index.sample(LANDMARKS)
    places = lay_out(index.vectors(TEXT, keys)).tolist()
    return tuple((key, round(x, 4), round(y, 4)) for key, (x, y) in zip(keys.tolist(), places, strict=True))


def draw_map(index: Index, manifest: Manifest, n_items: int = MAP_ITEMS) -> CatalogMap | None:
    """Return the map of a generation; None if it has no landmarks, see `places_of`."""
    keys = index.sample(n_items)
    places = places_of(index, manifest, keys)
    if places is None:
        return None
    records = index.records(keys)
    field = grouping_field(records)
    values = [_first(record.metadata.get(field)) if field else "" for record in records]
    groups = [value for value, _ in Counter(value for value in values if value).most_common(GROUPS)]
    position = {value: place for place, value in enumerate(groups)}
    return CatalogMap(
        field,
        tuple(groups),
        tuple(record.item_id for record in records),
        tuple(record.title for record in records),
        places,
        tuple(position.get(value, -1) for value in values),
    )


def place_items(
    index: Index, manifest: Manifest, item_ids: Sequence[str]
) -> Mapping[str, tuple[float, float]] | None:
    """Return the places of items by id, without unknown ids; None if the generation has no landmarks."""
    unique = list(dict.fromkeys(item_ids))
    keys = item_keys(unique)
    there = index.contains(keys)
    places = places_of(index, manifest, keys[there])
    if places is None:
        return None
    known = [item_id for item_id, is_there in zip(unique, there, strict=True) if is_there]
    return {item_id: (x, y) for item_id, (x, y) in zip(known, places.tolist(), strict=True)}


def places_of(index: Index, manifest: Manifest, keys: Keys) -> Float2D | None:
    """Return the places of items of the index, float32 (n, 2); None if all landmarks are deleted.

    Deleted landmarks are left out. A landmark whose text has changed keeps its place.
    """
    marked = np.array([key for key, _, _ in manifest.landmarks], np.uint64)
    laid_out = np.array([(x, y) for _, x, y in manifest.landmarks], np.float32)
    there = index.contains(marked)
    if not there.any():
        return None
    mean = np.array(manifest.text_mean, np.float32)
    landmarks = index.vectors(TEXT, marked[there]) - mean
    return place(index.vectors(TEXT, keys) - mean, landmarks, laid_out[there])


def grouping_field(records: Sequence[Record]) -> str | None:
    """Return the field whose most frequent values cover most of the items, or None.

    A field with one value for all items is not taken, nor is one without texts.
    """
    fields = dict.fromkeys(name for record in records for name in record.metadata)
    covered: dict[str, int] = {}
    for name in fields:
        counts = Counter(value for record in records if (value := _first(record.metadata.get(name))))
        if len(counts) > 1:
            covered[name] = sum(count for value, count in counts.most_common(GROUPS) if count > 1)
    best = max(covered, key=lambda name: covered[name], default=None)
    return best if best and covered[best] else None


def _first(value: Value | None) -> str:
    """Return the first text of a metadata value; empty if it has none."""
    if isinstance(value, tuple):
        return value[0] if value else ""
    return value if isinstance(value, str) else ""
