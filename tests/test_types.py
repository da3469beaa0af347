"""Shared values: ids and keys, and values as JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semrec.types import (
    Because,
    Event,
    Interest,
    Item,
    Passages,
    Recommendation,
    Recommendations,
    from_plain,
    item_keys,
    to_plain,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too


def test_a_key_is_the_first_eight_bytes_of_blake2b():
    keys = item_keys(["a", "größe €"])
    expected = [
        int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
        for text in ("a", "größe €")
    ]
    assert keys.dtype == np.uint64
    assert keys.tolist() == expected


def test_keys_do_not_change_between_releases():
    assert item_keys(["python3-numpy"]).tolist() == [1637750969400930682]


def test_no_ids_have_no_keys():
    keys = item_keys([])
    assert keys.shape == (0,)
    assert keys.dtype == np.uint64


@given(st.lists(ANY_TEXT, unique=True))
def test_any_strings_are_ids_and_different_ones_have_different_keys(item_ids):
    keys = item_keys(item_ids)
    assert len(np.unique(keys)) == len(item_ids)
    assert item_keys(reversed(item_ids)).tolist() == keys[::-1].tolist()


def test_keys_are_spread_evenly():
    keys = item_keys(f"item-{n}" for n in range(20_000)).astype(np.float64) / 2**64
    counts = np.histogram(keys, bins=10, range=(0, 1))[0]
    assert counts.min() > 1_850
    assert counts.max() < 2_150


@pytest.mark.parametrize("value", [Item("a"), Event("a"), Recommendation("a", "A", 1.0)])
def test_values_are_frozen(value):
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.item_id = "b"


def answer():
    because = Because("h", "H", share=0.75, contribution=1.5)
    first = Recommendation(
        "a", "A", 2.0, {"text": 1.0}, (because,), Passages("of a", "of h"), metadata={"year": 2000}
    )
    return Recommendations(
        query={"text": None, "history": ["h"], "k": 2},
        recommendations=(first, Recommendation("b", "B", 1.0)),
        interests=(Interest("H", ("h",), 1.0),),
        unknown_items=("gone",),
    )


def test_recommendations_are_a_sequence():
    found = answer()
    assert len(found) == 2
    assert [r.item_id for r in found] == ["a", "b"]
    assert found[-1].title == "B"


def test_recommendations_as_json():
    written = json.loads(json.dumps(answer().to_dict()))
    assert written == {
        "query": {"text": None, "history": ["h"], "k": 2},
        "recommendations": [
            {
                "item_id": "a",
                "title": "A",
                "score": 2.0,
                "signals": {"text": 1.0},
                "because": [{"item_id": "h", "title": "H", "share": 0.75}],
                "passages": {"item": "of a", "history": "of h"},
                "predicted_rating": None,
                "n_variants": 0,
                "variants": [],
                "explored": False,
            },
            {
                "item_id": "b",
                "title": "B",
                "score": 1.0,
                "signals": {},
                "because": [],
                "passages": None,
                "predicted_rating": None,
                "n_variants": 0,
                "variants": [],
                "explored": False,
            },
        ],
        "interests": [{"name": "H", "item_ids": ["h"], "share": 1.0}],
        "unknown_items": ["gone"],
        "notes": [],
        "fallback": None,
        "next": None,
    }


def test_recommendations_come_back_from_json():
    assert from_plain(Recommendations, json.loads(json.dumps(to_plain(answer())))) == answer()


VALUES = st.one_of(
    ANY_TEXT, st.integers(), st.floats(allow_nan=False), st.booleans(), st.lists(ANY_TEXT).map(tuple)
)


@given(ANY_TEXT, ANY_TEXT, st.dictionaries(st.text(min_size=1), VALUES))
def test_any_item_comes_back_from_json(item_id, title, metadata):
    item = Item(item_id, title, "", metadata)
    again = from_plain(Item, json.loads(json.dumps(to_plain(item))))
    assert again == item
    assert [type(value) for value in again.metadata.values()] == [type(v) for v in metadata.values()]


def test_unknown_fields_are_ignored_and_missing_ones_have_defaults():
    assert from_plain(Event, {"item_id": "a", "shop": "x"}) == Event("a")


@pytest.mark.parametrize("stored", [{}, {"item_id": "a", "value": "much"}, [], None])
def test_values_that_do_not_fit_are_an_error(stored):
    with pytest.raises(ValueError, match="validation error"):
        from_plain(Event, stored)
