"""Indexes in memory with given vectors."""

from __future__ import annotations

from itertools import count

import pytest
from qdrant_client import QdrantClient

from semrec.signals.text import TextSignal
from semrec.store import Point, Record
from semrec.store.protocol import TEXT
from semrec.store.server import ServerStore


@pytest.fixture(scope="module")
def make_index():
    """Return a function: fields, their vectors by name, and metadata of each item -> an index.

    Entry n of everything belongs to the item whose id is n, or to the n-th of `item_ids`.
    """
    client = QdrantClient(":memory:")
    numbers = count()

    def make(fields, vectors, metadata=None, item_ids=None):
        n_items = len(next(iter(vectors.values()))) if vectors else 0
        item_ids = item_ids or [str(row) for row in range(n_items)]
        metadata = metadata or [{}] * n_items
        # A shop has one build at a time, and none of these is completed.
        _, index = ServerStore(f"shop {next(numbers)}", client=client).create(fields)
        index.upsert(
            [
                Point(
                    Record(item_id, f"Item {item_id}", metadata=metadata[row]),
                    {name: column[row] for name, column in vectors.items()},
                )
                for row, item_id in enumerate(item_ids)
            ]
        )
        return index

    yield make
    client.close()


@pytest.fixture(scope="module")
def make_text_index(make_index):
    """Return a function: text vectors (n, dim) -> an index of items 0, 1, …"""

    def make(vectors):
        return make_index(TextSignal.catalog_fields(vectors.shape[1])[:1], {TEXT: vectors})

    return make
