"""Which encoder makes an index: measured, gated, and told."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from toy import WORDS, ToyEncoder

from semrec.encoder.choice import (
    ENOUGH_ITEMS,
    LONGEST_DOCUMENT,
    SAMPLE_ITEMS,
    known_item_gains,
    known_items,
)
from semrec.encoder.choice import asked_encoder as chosen_when_asked
from semrec.encoder.choice import fastest_encoder as chosen_when_not
from semrec.encoder.speeds import Speeds
from semrec.errors import EncoderError
from semrec.types import Item

ITEMS = [
    Item(f"item-{n}", f"{WORDS[n % 5]} {WORDS[n // 5 % 5]}", f"{WORDS[n % 5]} " * 2 + WORDS[n // 5 % 5])
    for n in range(ENOUGH_ITEMS)
]


class OtherEncoder(ToyEncoder):
    """A toy of another precision: of a known speed, and good or (when `blind`) with the axes mixed up."""

    def __init__(self, precision, rows_a_call=1, *, blind=False) -> None:
        super().__init__()
        self.precision, self._blind, self._times = precision, blind, rows_a_call

    def encode_documents(self, texts, progress=None):
        for _ in range(self._times):
            vectors = super().encode_documents(texts)
        return vectors[:, ::-1] if self._blind else vectors


def loader(**encoders):
    def load(precision):
        found = encoders[precision]
        if isinstance(found, Exception):
            raise found
        return found

    return load


def fastest_encoder(load, candidates, items, speeds=Speeds(Path("nowhere"))):  # noqa: B008 - nothing is written
    return chosen_when_not(load, partial(load, "float32"), lambda: candidates, items, speeds)


def asked_encoder(load, precision, items):
    return chosen_when_asked(load, partial(load, "float32"), precision, items)


def test_gains_by_hand():
    # The right document of query 0 is first, of 1 second, of 2 tied with another: second.
    scores = np.array([[3, 1, 2], [5, 4, 0], [1, 2, 2]], np.float32)
    np.testing.assert_allclose(known_item_gains(scores), [1, 1 / np.log2(3), 1 / np.log2(3)])


def test_below_rank_ten_is_nothing():
    scores = np.tile(np.arange(12, dtype=np.float32), (12, 1))
    np.testing.assert_allclose(known_item_gains(scores)[[11, 2, 1, 0]], [1, 1 / np.log2(11), 0, 0])


def test_a_title_asks_for_its_text_and_half_a_text_for_the_other():
    sample = known_items(
        [
            Item("a", "red", "x" * 1000),
            Item("b", "one two three"),
            Item("c", "", "four five"),
            Item("d", "six"),
        ]
    )
    assert sample.queries == ["red", "one", "four"]
    assert sample.documents == ["x" * LONGEST_DOCUMENT, "two three", "five"]


def test_a_small_catalog_is_not_measured():
    torch = ToyEncoder()
    choice = fastest_encoder(loader(float32=torch), ("int8",), ITEMS[:-1])
    assert (choice.encoder, choice.notes) == (torch, ())


def test_one_that_was_asked_for_is_trusted_on_a_small_catalog():
    int8 = OtherEncoder("int8")
    assert asked_encoder(loader(int8=int8), "int8", ITEMS[:5]).encoder is int8


def test_the_fastest_is_chosen_and_that_is_told():
    slow, fast = OtherEncoder("float32", 30), OtherEncoder("int8")
    choice = fastest_encoder(loader(float32=slow, int8=fast), ("int8",), ITEMS)
    assert choice.encoder is fast
    assert choice.notes[-1].startswith("encoder: onnx-int8 (texts/s: torch ")


def test_the_gate_refuses_an_encoder_that_finds_less():
    slow, blind = OtherEncoder("float32", 30), OtherEncoder("int8", blind=True)
    blind.encode_queries = lambda texts: OtherEncoder("int8").encode_documents(texts)
    half = OtherEncoder("bfloat16", 5)
    choice = fastest_encoder(loader(float32=slow, int8=blind, bfloat16=half), ("int8", "bfloat16"), ITEMS)
    assert choice.encoder is half
    assert f"onnx-int8 is refused: on {SAMPLE_ITEMS} items of the catalog its NDCG@10 is" in choice.notes[0]


def test_an_encoder_that_cannot_be_loaded_is_told_and_torch_takes_over():
    torch = ToyEncoder()
    load = loader(float32=torch, int8=EncoderError("cannot export it."))
    choice = fastest_encoder(load, ("int8",), ITEMS)
    assert (choice.encoder, choice.notes) == (torch, ("cannot export it. Not used: onnx-int8.",))
    for items in (ITEMS, ITEMS[:3]):
        choice = asked_encoder(load, "int8", items)
        assert choice.encoder is torch
        assert choice.notes == ("cannot export it. Not used: onnx-int8.", "encoder: torch")


def test_one_that_was_asked_for_may_be_slow_but_not_blind():
    torch, slow = ToyEncoder(), OtherEncoder("int8", 30)
    assert asked_encoder(loader(float32=torch, int8=slow), "int8", ITEMS).encoder is slow
    slow.encode_queries = lambda texts: slow.encode_documents(texts)[:, ::-1]
    assert asked_encoder(loader(float32=torch, int8=slow), "int8", ITEMS).encoder is torch


def test_items_without_words_to_search_by_leave_float32():
    torch = ToyEncoder()
    items = [Item(str(n), "one") for n in range(ENOUGH_ITEMS)]
    assert (
        fastest_encoder(loader(float32=torch, int8=OtherEncoder("int8")), ("int8",), items).encoder is torch
    )


def test_without_float32_there_is_nothing():
    with pytest.raises(EncoderError):
        fastest_encoder(loader(float32=EncoderError("gone")), (), ITEMS)


# -- what is remembered ------------------------------------------------------------------------------------


def test_speeds_are_measured_once_and_float32_is_only_the_reference_then(tmp_path):
    slow, fast = OtherEncoder("float32", 30), OtherEncoder("int8")
    slow.device = fast.device = "cpu"
    speeds = Speeds(tmp_path, "model")
    first = fastest_encoder(loader(float32=slow, int8=fast), ("int8",), ITEMS, speeds)
    assert speeds.known().keys() == {"float32", "int8"}

    def refuse():
        raise AssertionError("nobody should ask")

    again = chosen_when_not(loader(int8=fast), ToyEncoder, refuse, ITEMS, speeds)
    assert (again.encoder, again.notes) == (fast, first.notes)


def test_the_gate_stays_when_speeds_are_known(tmp_path):
    speeds = Speeds(tmp_path, "model")
    speeds.store({"float32": 10.0, "int8": 90.0, "bfloat16": 40.0})
    blind, half = OtherEncoder("int8", blind=True), OtherEncoder("bfloat16")
    blind.encode_queries = lambda texts: OtherEncoder("int8").encode_documents(texts)
    choice = fastest_encoder(loader(float32=ToyEncoder(), int8=blind, bfloat16=half), (), ITEMS, speeds)
    assert choice.encoder is half
    assert "onnx-int8 is refused" in choice.notes[0]


def test_what_is_fastest_in_float32_stays_so(tmp_path):
    speeds = Speeds(tmp_path, "model")
    speeds.store({"float32": 100.0, "int8": 90.0})
    torch = ToyEncoder()
    assert fastest_encoder(loader(float32=torch), (), ITEMS, speeds).encoder is torch
