"""Learned vectors of deleted items, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import numpy as np
import pytest

from semrec.events.deleted_items import DeletedItems
from semrec.store.protocol import SparseVector

DENSE = np.array([0.5, -1.5, 0], np.float32)
SPARSE = SparseVector(np.array([7, 2**31], np.uint32), np.array([0.25, -2], np.float32))


@pytest.fixture
def memory(log):
    return DeletedItems(log)


def test_vectors_come_back_as_they_were(memory):
    memory.keep("first", {"a": {"factors": DENSE, "weights": SPARSE}, "b": {"factors": DENSE}})
    found = memory.find("first", ["a", "b", "never"])
    assert found.keys() == {"a", "b"}
    np.testing.assert_array_equal(found["a"]["factors"], DENSE)
    assert found["a"]["factors"].dtype == np.float32
    assert found["a"]["weights"].indices.tolist() == [7, 2**31]
    assert found["a"]["weights"].values.tolist() == [0.25, -2]


def test_an_empty_memory_knows_nothing(memory):
    assert memory.find("first", ["a"]) == {}
    memory.keep("first", {})
    assert memory.find("first", ["a"]) == {}


def test_the_last_deletion_of_an_item_counts(memory):
    memory.keep("first", {"a": {"factors": DENSE}})
    memory.keep("first", {"a": {"factors": 2 * DENSE}})
    np.testing.assert_array_equal(memory.find("first", ["a"])["a"]["factors"], 2 * DENSE)


def test_the_models_of_another_fit_replace_what_was_kept(memory):
    memory.keep("first", {"a": {"factors": DENSE}})
    assert memory.find("second", ["a"]) == {}
    memory.keep("second", {"b": {"factors": DENSE}})
    assert memory.find("first", ["a"]) == {}
    assert memory.find("second", ["b"]).keys() == {"b"}


def test_more_items_than_one_statement_takes(memory):
    ids = [f"i{n}" for n in range(1200)]
    memory.keep("first", {item_id: {"factors": DENSE} for item_id in ids})
    memory.keep("first", {item_id: {"factors": DENSE} for item_id in ids})
    assert len(memory.find("first", ids)) == 1200
