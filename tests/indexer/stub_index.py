"""An index in memory with the methods that indexing needs, and items encoded for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from toy import ToyEncoder

from semrec.indexer.compare import Compared, compare
from semrec.indexer.drafts import draft_manifest
from semrec.indexer.item_points import item_points, split_items
from semrec.store import Point
from semrec.types import Item, item_keys


class StubIndex:
    """Points by key; remembers the names of the methods that wrote."""

    def __init__(self, points: Sequence[Point] = ()):
        self.by_key = {}
        self.upsert(points)
        self.writes: list[str] = []

    def upsert(self, points):
        self.by_key |= {int(item_keys([point.record.item_id])[0]): point for point in points}
        self._note("upsert")

    def update_records(self, records):
        for record in records:
            key = int(item_keys([record.item_id])[0])
            self.by_key[key] = replace(self.by_key[key], record=record)
        self._note("update_records")

    def delete(self, keys):
        for key in keys.tolist():
            del self.by_key[key]
        self._note("delete")

    def add_fields(self, fields):
        self._note("add_fields")

    def retype_fields(self, fields):
        self._note("retype_fields")

    def contains(self, keys):
        return np.array([key in self.by_key for key in keys.tolist()], bool)

    def points(self, keys):
        return [self.by_key[key] for key in keys.tolist()]

    def records(self, keys):
        return [point.record for point in self.points(keys)]

    def scan(self, size) -> Iterator[list[Point]]:
        points = list(self.by_key.values())
        for first in range(0, len(points), size):
            yield points[first : first + size]

    def count(self):
        return len(self.by_key)

    def sample(self, n_items):
        return np.sort(np.array(list(self.by_key), np.uint64))[:n_items]

    def _note(self, name):
        self.writes = [*getattr(self, "writes", []), name]


def manifest(template="{title}\n{text}", passage_tokens=None, encoder=None, **fields):
    return draft_manifest(encoder or ToyEncoder(), template, passage_tokens, fields)


def points_of(items: Sequence[Item], draft) -> list[Point]:
    """Return the points of items, encoded by the toy encoder."""
    compared: list[Compared] = compare(items, None, draft)
    batch = split_items(compared, ToyEncoder(), draft.passage_tokens)
    return item_points(batch, ToyEncoder().encode_documents(batch.flat_passages), draft)


def index_of(items: Sequence[Item], draft) -> StubIndex:
    return StubIndex(points_of(items, draft))
