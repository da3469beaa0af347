"""What both engines can store of an item."""

from __future__ import annotations

import json

import pytest

from semrec.store.item_limits import MAX_ITEM_BYTES, item_fault, passages_fault, storing_fault


@pytest.mark.parametrize("value", [-(2**63), 2**63 - 1, 0, True, 1e308, -0.0, "", "a\0", ("a", ""), ()])
def test_every_value_of_64_bits_can_be_stored(value):
    assert storing_fault("a", ["A"], {"p": value}) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**63, "integer beyond 64 bits"),
        (-(2**63) - 1, "integer beyond 64 bits"),
        pytest.param(10**5000, "integer beyond 64 bits", id="10**5000"),
        (float("nan"), "NaN or infinity"),
        (float("-inf"), "NaN or infinity"),
        ("\ud800", "not valid Unicode"),
        (("a", "\udc80"), "not valid Unicode"),
    ],
)
def test_other_values_cannot(value, reason):
    fault = storing_fault("a", ["A"], {"p": value})
    assert fault.startswith("field 'p'")
    assert reason in fault


@pytest.mark.parametrize(
    ("item_id", "text", "name"), [("\ud800", "A", "p"), ("a", "\udcff", "p"), ("a", "A", "\udfff")]
)
def test_ids_texts_and_names_are_unicode(item_id, text, name):
    assert "not valid Unicode" in storing_fault(item_id, [text], {name: 1})


def test_an_id_has_no_nul_character():
    assert "NUL" in item_fault("a\0", [], {})
    assert item_fault("a", ["\0"], {"\0": "\0"}) is None


@pytest.mark.parametrize("character", ["x", "é", "\x01", '"', "😀"])
def test_an_item_is_bounded_by_its_size_as_json(character):
    unit = len(json.dumps(character, ensure_ascii=False).encode()) - 2
    overhead = len(json.dumps(["a", "", {}]))
    longest = (MAX_ITEM_BYTES - overhead) // unit
    assert item_fault("a", [character * longest], {}) is None
    assert f"the limit is {MAX_ITEM_BYTES:,}" in item_fault("a", [character * (longest + 1)], {})


def test_the_parts_of_an_item_are_added_up():
    half = "x" * (MAX_ITEM_BYTES // 2)
    assert item_fault("a", [half], {}) is None
    assert item_fault("a", [half], {"tags": (half,)}) is not None
    assert item_fault("a", [], {"p": half, "q": half}) is not None
    assert item_fault(half, [half], {}) is not None


def test_passages_are_bounded_by_the_numbers_of_their_vectors():
    assert passages_fault(2604, 384) is None
    assert passages_fault(2605, 384) == (
        "the text has 2,605 passages; the limit is 2,604 for vectors of 384 numbers"
    )
    assert passages_fault(1, 10**7) is None
