"""An index with vectors of one's own."""

from __future__ import annotations

import numpy as np
import pytest
from qdrant_client import QdrantClient

from semrec.signals.bm25 import WORDS, WORDS_FIELDS, item_vectors
from semrec.signals.text import PASSAGES, TEXT, text_fields
from semrec.store import Point, Record
from semrec.store.server import ServerStore


@pytest.fixture
def make_index():
    """Return a function: text vectors (n, dim), and texts for the words, -> an index of items 0, 1, …"""
    client = QdrantClient(":memory:")

    def make(vectors, texts=None):
        vectors = np.asarray(vectors, np.float32)
        texts = texts or [""] * len(vectors)
        _, index = ServerStore("shop", client=client).create((*text_fields(vectors.shape[1]), *WORDS_FIELDS))
        index.upsert(
            [
                Point(Record(str(row), f"Item {row}"), {TEXT: vector, PASSAGES: vector[None], WORDS: words})
                for row, (vector, words) in enumerate(zip(vectors, item_vectors(texts), strict=True))
            ]
        )
        return index

    yield make
    client.close()
