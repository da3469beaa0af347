"""The choice of an encoder: by speed, if the search quality is close to that of float32."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from toy import WORDS, ToyEncoder

from semrec.encoder.choice import LEAST_QUALITY, SURE, Comparison, known_item_gains, known_items
from semrec.encoder.choice import fastest_encoder as choose_fastest
from semrec.encoder.choice import requested_encoder as choose_requested
from semrec.encoder.speeds import Speeds
from semrec.errors import EncoderError
from semrec.types import Item

ITEMS = [
    Item(f"item-{n}", f"{WORDS[n % 5]} {WORDS[n // 5 % 5]}", f"{WORDS[n % 5]} " * 2 + WORDS[n // 5 % 5])
    for n in range(400)
]


class OtherEncoder(ToyEncoder):
    """A toy encoder in another precision, as slow as requested; `blind` documents have wrong vectors."""

    def __init__(self, precision, seconds=0.0, *, blind=False) -> None:
        super().__init__()
        self.precision, self._blind, self._seconds = precision, blind, seconds

    def encode_documents(self, texts, progress=None):
        time.sleep(self._seconds)
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
    return choose_fastest(load, partial(load, "float32"), lambda: candidates, items, speeds)


def requested_encoder(load, precision, items):
    return choose_requested(load, partial(load, "float32"), precision, items)


def test_gains_by_hand():
    # The relevant document is first for query 0, second for 1, and tied with another one for 2: second.
    scores = np.array([[3, 1, 2], [5, 4, 0], [1, 2, 2]], np.float32)
    np.testing.assert_allclose(known_item_gains(scores), [1, 1 / np.log2(3), 1 / np.log2(3)])


def test_gains_below_rank_ten_are_0():
    scores = np.tile(np.arange(12, dtype=np.float32), (12, 1))
    np.testing.assert_allclose(known_item_gains(scores)[[11, 2, 1, 0]], [1, 1 / np.log2(11), 0, 0])


def test_queries_are_titles_or_the_first_half_of_a_text():
    sample = known_items(
        [
            Item("a", "red", "x" * 1000),
            Item("b", "one two three"),
            Item("c", "", "four five"),
            Item("d", "six"),
        ]
    )
    assert sample.queries == ["red", "one", "four"]
    assert sample.documents == ["x" * 400, "two three", "five"]


def test_a_catalog_of_399_items_is_not_measured():
    torch = ToyEncoder()
    choice = fastest_encoder(loader(float32=torch), ("int8",), ITEMS[:399])
    assert (choice.encoder, choice.notes) == (torch, ())


def test_a_difference_that_may_be_chance_is_no_reason_to_refuse():
    """The same mean, 0.164 against 0.167 of 160 queries, by two changed queries or a small loss of each."""
    expected = np.zeros(160)
    expected[:27] = 0.99
    chance, loss = expected.copy(), expected.copy()
    chance[0], chance[100] = 0.0, 0.5
    loss[:27] = 0.97
    assert chance.mean() < LEAST_QUALITY * expected.mean() > loss.mean()
    by_chance, by_loss = Comparison(chance, expected), Comparison(loss, expected)
    assert by_chance.is_close
    assert by_chance.is_good_enough
    assert not by_loss.is_good_enough
    assert by_chance.shortfall < SURE < by_loss.shortfall


def test_equal_gains_are_good_enough():
    assert Comparison(np.ones(9), np.ones(9)).is_good_enough
    assert not Comparison(np.zeros(9), np.ones(9)).is_good_enough
    assert Comparison(np.zeros(9), np.zeros(9)).is_good_enough


class NumberEncoder(ToyEncoder):
    """The vector of "item n" is the axis n; queries for the first `n_wrong` items have no direction."""

    def __init__(self, precision, n_wrong=0):
        super().__init__()
        self.precision, self._n_wrong = precision, n_wrong

    def encode_documents(self, texts, progress=None):
        return np.stack([np.eye(400, dtype=np.float32)[int(text.split()[1])] for text in texts])

    def encode_queries(self, texts):
        numbers = np.array([int(text.split()[1]) for text in texts])
        return self.encode_documents(texts) * (numbers >= self._n_wrong)[:, None]


@pytest.mark.parametrize(("n_wrong", "chosen"), [(1, "int8"), (3, "int8"), (12, "float32"), (40, "float32")])
def test_an_encoder_must_reach_99_percent_of_the_quality_of_float32(n_wrong, chosen):
    """One query without an answer leaves 99.4 % of 160. Three leave 98.1 %, which is close; of 400, 99.2 %.

    Twelve leave 97 % of 400, two standard errors below 99 %; forty leave 75 % of 160, and that is clear.
    """
    items = [Item(str(n), f"item {n}", f"item {n}") for n in range(400)]
    load = loader(float32=NumberEncoder("float32"), int8=NumberEncoder("int8", n_wrong))
    assert requested_encoder(load, "int8", items).encoder.precision == chosen
    few = items[:399]
    assert requested_encoder(load, "int8", few).encoder.precision == "int8", "a small catalog is not measured"


def test_a_requested_precision_is_not_measured_on_a_small_catalog():
    int8 = OtherEncoder("int8")
    assert requested_encoder(loader(int8=int8), "int8", ITEMS[:5]).encoder is int8


def test_the_fastest_is_chosen_and_a_note_says_so():
    slow, fast = OtherEncoder("float32", 0.05), OtherEncoder("int8")
    choice = fastest_encoder(loader(float32=slow, int8=fast), ("int8",), ITEMS)
    assert choice.encoder is fast
    assert choice.notes[-1].startswith("encoder: onnx-int8 (texts/s: torch ")


def test_an_encoder_with_a_worse_search_is_not_chosen():
    slow, blind = OtherEncoder("float32", 0.05), OtherEncoder("int8", blind=True)
    blind.encode_queries = lambda texts: OtherEncoder("int8").encode_documents(texts)
    half = OtherEncoder("bfloat16", 0.02)
    choice = fastest_encoder(loader(float32=slow, int8=blind, bfloat16=half), ("int8", "bfloat16"), ITEMS)
    assert choice.encoder is half
    assert "onnx-int8 is not good enough: on 160 items of the catalog its NDCG@10 is" in choice.notes[0]


def test_float32_replaces_an_encoder_that_cannot_be_loaded():
    torch = ToyEncoder()
    load = loader(float32=torch, int8=EncoderError("cannot export it."))
    choice = fastest_encoder(load, ("int8",), ITEMS)
    assert (choice.encoder, choice.notes) == (torch, ("cannot export it. Not used: onnx-int8.",))
    for items in (ITEMS, ITEMS[:3]):
        choice = requested_encoder(load, "int8", items)
        assert choice.encoder is torch
        assert choice.notes == ("cannot export it. Not used: onnx-int8.", "encoder: torch")


def test_a_requested_precision_may_be_slow_but_not_wrong():
    torch, slow = ToyEncoder(), OtherEncoder("int8", 0.05)
    assert requested_encoder(loader(float32=torch, int8=slow), "int8", ITEMS).encoder is slow
    slow.encode_queries = lambda texts: slow.encode_documents(texts)[:, ::-1]
    assert requested_encoder(loader(float32=torch, int8=slow), "int8", ITEMS).encoder is torch


def test_without_queries_float32_is_chosen():
    torch = ToyEncoder()
    items = [Item(str(n), "one") for n in range(400)]
    assert (
        fastest_encoder(loader(float32=torch, int8=OtherEncoder("int8")), ("int8",), items).encoder is torch
    )


def test_float32_must_be_loadable():
    with pytest.raises(EncoderError):
        fastest_encoder(loader(float32=EncoderError("gone")), (), ITEMS)


# -- stored speeds ----- ------------------------------------------------------------------------------------


def test_stored_speeds_are_not_measured_again(tmp_path):
    slow, fast = OtherEncoder("float32", 0.05), OtherEncoder("int8")
    slow.device = fast.device = "cpu"
    speeds = Speeds(tmp_path, "model")
    first = fastest_encoder(loader(float32=slow, int8=fast), ("int8",), ITEMS, speeds)
    assert speeds.known().keys() == {"float32", "int8"}

    def refuse():
        raise AssertionError("nobody should ask")

    again = choose_fastest(loader(int8=fast), ToyEncoder, refuse, ITEMS, speeds)
    assert (again.encoder, again.notes) == (fast, first.notes)


def test_the_quality_is_measured_also_with_stored_speeds(tmp_path):
    speeds = Speeds(tmp_path, "model")
    speeds.store({"float32": 10.0, "int8": 90.0, "bfloat16": 40.0})
    blind, half = OtherEncoder("int8", blind=True), OtherEncoder("bfloat16")
    blind.encode_queries = lambda texts: OtherEncoder("int8").encode_documents(texts)
    choice = fastest_encoder(loader(float32=ToyEncoder(), int8=blind, bfloat16=half), (), ITEMS, speeds)
    assert choice.encoder is half
    assert "onnx-int8 is not good enough" in choice.notes[0]


def test_float32_is_chosen_if_it_is_the_fastest(tmp_path):
    speeds = Speeds(tmp_path, "model")
    speeds.store({"float32": 100.0, "int8": 90.0})
    torch = ToyEncoder()
    assert fastest_encoder(loader(float32=torch), (), ITEMS, speeds).encoder is torch
