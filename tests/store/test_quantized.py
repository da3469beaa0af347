"""Vectors that are searched in int8: near items are found, and hits are scored exactly."""

from __future__ import annotations

import numpy as np
import pytest
from samples import FIELDS, manifest, unit

from semrec.store import Point, Record, ScoreQuery, Search, VectorField
from semrec.store.edge import EdgeStore
from semrec.types import AnyOf, item_keys

# The in-memory mode of qdrant-client scans everything, and says so.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
]

DIM = 32
N = 400
QUANTIZED = (VectorField("text", "dense", DIM, quantized=True),)
KEYS = item_keys(f"item-{number}" for number in range(N))


def rows(n_items, dimension, seed=0):
    return unit(np.random.default_rng(seed).normal(size=(n_items, dimension)).astype(np.float32))


def build(store, vectors, fields):
    """Return a complete generation of these vectors, open; every second item is of the kind `odd`."""
    number, index = store.create(fields)
    items = [
        Point(Record(f"item-{n}", "", metadata={"kind": "odd" if n % 2 else "even"}), {"text": vector})
        for n, vector in enumerate(vectors)
    ]
    for first in range(0, len(items), 1000):
        index.upsert(items[first : first + 1000])
    store.complete(number, index, manifest(len(items), vectors=fields, fields={"kind": FIELDS["kind"]}))
    return store.open(number)


@pytest.fixture
def quantized(store):
    index = build(store, rows(N, DIM), QUANTIZED)
    yield index
    index.close()


def test_the_manifest_remembers_it(store):
    build(store, rows(3, DIM), QUANTIZED).close()
    assert store.manifest(1).vectors == QUANTIZED


def test_what_is_found_is_scored_exactly(quantized):
    vectors, query = rows(N, DIM), rows(1, DIM, seed=1)[0]
    (hits,) = quantized.search([Search("text", query, 10)])
    exact = dict(zip(KEYS.tolist(), (vectors @ query).tolist(), strict=True))
    assert hits.scores == pytest.approx([exact[key] for key in hits.keys.tolist()], abs=1e-5)
    assert np.array_equal(hits.keys[:3], KEYS[np.argsort(-(vectors @ query))[:3]])


def test_filters_and_exclusions_hold(quantized):
    query = rows(N, DIM)[0]
    (hits,) = quantized.search([Search("text", query, 5, (AnyOf("kind", ("even",)),), KEYS[:1])])
    assert len(hits.keys) == 5
    assert set(hits.keys.tolist()) <= set(KEYS[2::2].tolist())


def test_scores_and_vectors_are_those_that_were_written(quantized):
    vectors, query = rows(N, DIM), rows(1, DIM, seed=2)[0]
    scores = quantized.scores([ScoreQuery("text", query)], KEYS[:50])
    np.testing.assert_allclose(scores, [vectors[:50] @ query], atol=1e-5)
    assert quantized.vectors("text", KEYS[:50]) == pytest.approx(vectors[:50], abs=1e-6)


def test_a_written_item_is_found_at_once(quantized):
    vector = rows(1, DIM, seed=3)[0]
    quantized.upsert([Point(Record("new", ""), {"text": vector})])
    (hits,) = quantized.search([Search("text", vector, 1)])
    assert hits.keys.tolist() == item_keys(["new"]).tolist()
    assert hits.scores[0] == pytest.approx(1, abs=1e-5)


def test_a_catalog_in_int8_finds_what_float32_finds(tmp_path):
    """With enough items, here 11 MB of vectors, the engine makes int8 copies of them to search by."""
    n_items, dimension, n_topics = 7_000, 384, 200
    topics, noise = rows(n_topics, dimension, seed=4), rows(n_items + 50, dimension, seed=5)
    vectors = unit(topics[np.arange(n_items + 50) % n_topics] + noise)
    queries, vectors = vectors[n_items:], vectors[:n_items]
    fields = (VectorField("text", "dense", dimension, quantized=True),)
    index = build(EdgeStore(tmp_path), vectors, fields)
    found = index.search([Search("text", query, 10) for query in queries])
    index.close()
    keys = item_keys(f"item-{number}" for number in range(n_items))
    exact = keys[np.argsort(-(queries @ vectors.T), axis=1)[:, :10]]
    recalls = [np.isin(hits.keys, best).mean() for hits, best in zip(found, exact, strict=True)]
    assert np.mean(recalls) >= 0.98
    (copies,) = (tmp_path / "generations").rglob("quantized.data")
    assert copies.stat().st_size == pytest.approx(vectors.nbytes / 4, rel=0.1)
