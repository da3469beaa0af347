"""Points of items: their records and vectors, as the store keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from semrec.encoder.encoder import Encoder
from semrec.encoder.passages import Chunker
from semrec.indexer.compare import Compared, content_hash
from semrec.indexer.streams import in_batches
from semrec.mathematics.rows import centre
from semrec.signals import SIGNALS, signal_named
from semrec.signals.fitting import EncodedItems, NewItems
from semrec.signals.learned import LearnedSettings
from semrec.signals.predicted_ratings import RATING, new_item_ratings
from semrec.store import EditableIndex, Manifest, Point, Record, Search, Vector
from semrec.store.protocol import TEXT, Items
from semrec.types import Float1D, Float2D, Item, item_keys

NEW_BATCH = 64
"""New items whose near items are read together: bounds the memory."""

NEAR_ITEMS = 128
"""Near items that are read for each new item; some of them may have no events."""


@dataclass(frozen=True, slots=True)
class ItemBatch:
    """Items to encode: entry n of every field belongs to item n.

    Parameters
    ----------
    items : the items.
    texts : the text of each item.
    passages : the passages of each text, at least one.
    """

    items: Sequence[Item] = ()
    texts: Sequence[str] = ()
    passages: Sequence[Sequence[str]] = ()

    @property
    def flat_passages(self) -> list[str]:
        """The passages of all items, in order."""
        return [passage for passages in self.passages for passage in passages]


def split_items(compared: Sequence[Compared], encoder: Encoder, passage_tokens: int | None) -> ItemBatch:
    """Split the texts of items into passages."""
    texts = [one.text for one in compared]
    passages = Chunker(encoder, passage_tokens).split(texts)
    return ItemBatch([one.item for one in compared], texts, passages)


def item_points(batch: ItemBatch, passage_vectors: Float2D, manifest: Manifest) -> list[Point]:
    """Return the points of encoded items, with the vectors that every signal makes from a catalog.

    Parameters
    ----------
    batch : the items.
    passage_vectors : float32 (n_passages, dim), rows of unit length, in the order of `flat_passages`.
    manifest : of the generation that the points are for.
    """
    ends = np.cumsum([len(passages) for passages in batch.passages])
    by_item = np.split(passage_vectors, ends[:-1])
    items = EncodedItems(batch.items, batch.texts, by_item, batch.passages, manifest.average_words)
    stored = {field.name for field in manifest.vectors}
    vectors = {
        name: rows
        for signal in SIGNALS
        for name, rows in signal.catalog_vectors(items).items()
        if name in stored
    }
    records = [
        Record(
            item.item_id,
            item.title,
            tuple(passages),
            item.metadata,
            content_hash(text, manifest.passage_tokens),
        )
        for item, text, passages in zip(batch.items, batch.texts, batch.passages, strict=True)
    ]
    return [
        Point(record, {name: rows[place] for name, rows in vectors.items()})
        for place, record in enumerate(records)
    ]


def with_item_data(points: Sequence[Point], items: Sequence[Item]) -> list[Point]:
    """Return points with the titles and the metadata of these items."""
    return [
        Point(replace(point.record, title=item.title, metadata=item.metadata), point.vectors)
        for point, item in zip(points, items, strict=True)
    ]


def text_vectors(points: Sequence[Point]) -> Float2D:
    """Return the text vectors of points, float32 (n_points, dim)."""
    return np.array([point.vectors[TEXT] for point in points], np.float32)


def with_learned_vectors(
    points: Sequence[Point], manifest: Manifest, records: Sequence[Record | None], old: EditableIndex | None
) -> list[Point]:
    """Return points with the vectors that `fit` has learned.

    Known items keep their learned vectors; new items get those that the models predict from their texts.

    Parameters
    ----------
    points : made by `item_points`.
    manifest : has the learned models.
    records : for each point what the old generation has of the item; None for a new item.
    old : index of the old generation; None: there is none.
    """
    learned = LearnedSettings.of(manifest)
    if learned is None:
        return list(points)
    known_ids = [record.item_id for record in records if record]
    known = iter(old.points(item_keys(known_ids)) if old and known_ids else [])
    new = [point for point, record in zip(points, records, strict=True) if record is None]
    predicted = chain.from_iterable(
        _predicted_vectors(learned, batch, manifest, old) for batch in in_batches(new, NEW_BATCH)
    )
    return [
        Point(point.record, {**(next(known).vectors if record else next(predicted)), **point.vectors})
        for point, record in zip(points, records, strict=True)
    ]


def _predicted_vectors(
    learned: LearnedSettings, new: Sequence[Point], manifest: Manifest, old: EditableIndex | None
) -> list[dict[str, Vector]]:
    """Return, for each new point, the vectors that the models predict, by field."""
    vectors, mean = text_vectors(new), np.array(manifest.text_mean, np.float32)
    fields = [
        name
        for signal_name, parameters in learned.parameters.items()
        if (signal := signal_named(signal_name))
        for name in signal.near_fields(parameters)
    ]
    items = NewItems(vectors, mean, _near_items(vectors, mean, fields, old))
    by_field: dict[str, Sequence[Vector]] = {
        name: rows
        for signal_name, parameters in learned.parameters.items()
        if (signal := signal_named(signal_name))
        for name, rows in signal.new_item_vectors(parameters, items).items()
    }
    if RATING in learned.parameters:
        by_field[RATING] = list(new_item_ratings(learned.parameters[RATING], vectors))
    return [{name: rows[place] for name, rows in by_field.items()} for place in range(len(vectors))]


def _near_items(
    text_vectors: Float2D, text_mean: Float1D, fields: Sequence[str], index: EditableIndex | None
) -> Items | None:
    """Return the items whose texts are nearest to any of some texts; None where there are none."""
    if index is None or not fields:
        return None
    searches = [Search(TEXT, query, NEAR_ITEMS) for query in centre(text_vectors, text_mean)]
    keys = np.unique(np.concatenate([hits.keys for hits in index.search(searches)]))
    return index.fetch(keys, (TEXT, *fields)) if len(keys) else None
