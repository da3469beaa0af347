"""Sparse vectors as rows: they come back bit by bit, and their scores equal brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import sparse

from semrec.store import SparseVector
from semrec.store.sparse_rows import entries_at, pack_sparse, sparse_scores, unpack_sparse

QUIET_NAN, LOUD_NAN, INFINITY = 0x7FC00001, 0x7F800001, 0xFF800000
"""Indices whose bits are not those of a finite float."""

# Several of these have the same low 16 bits.
INDEX = st.integers(0, 2**32 - 1) | st.sampled_from(
    [0, 1, 1 << 16 | 1, QUIET_NAN, LOUD_NAN, INFINITY, 2**32 - 1]
)
ENTRIES = st.dictionaries(INDEX, st.floats(-100, 100, width=32).filter(bool), max_size=6)


def entries(vector):
    """Return a sparse vector as a dictionary."""
    return dict(zip(vector.indices.tolist(), vector.values.tolist(), strict=True))


@settings(deadline=None, max_examples=200)
@given(st.lists(ENTRIES, max_size=6), st.integers(6, 8))
def test_packed_vectors_come_back(vectors, max_entries):
    packed = pack_sparse([sparse(vector) for vector in vectors], max_entries)
    assert (packed.shape, packed.dtype) == ((len(vectors), 2 * max_entries), np.float32)
    rows = unpack_sparse(packed)
    assert (rows.indices.dtype, rows.values.dtype) == (np.uint32, np.float32)
    assert rows.indices.shape == rows.values.shape == (len(vectors), max_entries)
    for vector, indices, values in zip(vectors, rows.indices, rows.values, strict=True):
        assert entries(SparseVector(indices[values != 0], values[values != 0])) == vector


def test_an_index_keeps_its_bits():
    """A copy of a signalling NaN as a number could become a quiet one: another index."""
    vector = SparseVector(np.array([QUIET_NAN, LOUD_NAN, INFINITY], np.uint32), np.ones(3, np.float32))
    rows = unpack_sparse(pack_sparse([vector], 3))
    assert rows.indices.tolist() == [[QUIET_NAN, LOUD_NAN, INFINITY]]


def test_entries_are_found_by_their_index():
    rows = unpack_sparse(pack_sparse([sparse({5: 1.0, 7: 2.0}), sparse({}), sparse({65536 + 5: 3.0})], 3))
    items, places, values = entries_at(rows, np.array([7, 65536 + 5, 0], np.uint32))
    assert (items.tolist(), places.tolist(), values.tolist()) == ([0, 2], [0, 1], [2.0, 3.0])


@settings(deadline=None, max_examples=200)
@given(st.lists(ENTRIES, max_size=6), ENTRIES)
def test_scores_equal_brute_force(vectors, query):
    rows = unpack_sparse(pack_sparse([sparse(vector) for vector in vectors], 6))
    scores = sparse_scores(rows, sparse(query))
    assert (scores.shape, scores.dtype) == ((len(vectors),), np.float32)
    expected = [sum(value * query.get(index, 0) for index, value in vector.items()) for vector in vectors]
    assert scores.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-3)
