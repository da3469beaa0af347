"""Points of items: records, passages and vectors."""

from __future__ import annotations

import numpy as np
from stub_index import StubIndex, manifest, points_of
from toy import ToyEncoder

from semrec.indexer.compare import compare, content_hash
from semrec.indexer.item_points import split_items, text_vectors, with_learned_vectors
from semrec.types import Item

DRAFT = manifest(passage_tokens=2, year="integer")
ITEMS = [Item("a", "", "red red blue"), Item("b", "green", "", {"year": 7})]


def test_texts_are_split_into_passages_in_order():
    batch = split_items(compare(ITEMS, None, DRAFT), ToyEncoder(), 2)
    assert batch.passages == [["red red", "blue"], ["green"]]
    assert batch.flat_passages == ["red red", "blue", "green"]


def test_records_hold_the_item_and_its_passages():
    first, second = (point.record for point in points_of(ITEMS, DRAFT))
    assert (first.item_id, first.passages) == ("a", ("red red", "blue"))
    assert first.content_hash == content_hash("red red blue", 2)
    assert (second.title, second.metadata) == ("green", {"year": 7})


def test_the_text_vector_is_the_mean_of_the_passages_at_unit_length():
    points = points_of(ITEMS, DRAFT)
    half = 0.5**0.5
    np.testing.assert_allclose(
        text_vectors(points), [[half, 0, half, 0, 0, 0], [0, 1, 0, 0, 0, 0]], atol=1e-6
    )
    assert points[0].vectors["passages"].shape == (2, 6)


def test_points_have_only_the_fields_of_the_manifest():
    names = {field.name for field in DRAFT.vectors}
    assert {name for point in points_of(ITEMS, DRAFT) for name in point.vectors} == names


def test_without_models_no_vectors_are_added():
    points = points_of(ITEMS, DRAFT)
    assert with_learned_vectors(points, DRAFT, [None, None], StubIndex()) == points
