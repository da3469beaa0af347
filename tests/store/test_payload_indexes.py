"""The first 50 metadata fields are indexed; filters by all fields work."""

from __future__ import annotations

from dataclasses import replace

import pytest
from samples import build, points

from semrec.store.payload_indexes import MAX_INDEXED_FIELDS, indexed_fields
from semrec.types import AnyOf

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")

N_FIELDS = 120


def fields(n):
    return {f"field {number}": "keyword" for number in range(n)}


def test_the_first_fields_are_indexed():
    assert list(indexed_fields(fields(N_FIELDS))) == list(fields(MAX_INDEXED_FIELDS))
    assert indexed_fields({"a": "integer"}) == {"a": "integer"}


def test_fields_that_come_later_are_indexed_while_there_is_room():
    new = {"a": "keyword", "b": "keyword"}
    assert indexed_fields(new, fields(MAX_INDEXED_FIELDS - 1)) == {"a": "keyword"}
    assert indexed_fields(new, fields(MAX_INDEXED_FIELDS + 5)) == {}


def test_all_fields_can_be_filtered_by(store):
    wide = [
        replace(item, record=replace(item.record, metadata=dict.fromkeys(fields(N_FIELDS), f"v{n % 3}")))
        for n, item in enumerate(points(9))
    ]
    index = store.open(build(store, wide, fields=fields(N_FIELDS)))
    conditions = [AnyOf("field 0", ("v1",)), AnyOf(f"field {N_FIELDS - 1}", ("v2",))]
    assert [index.count((condition,)) for condition in conditions] == [3, 3]
    index.close()
