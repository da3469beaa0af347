"""Texts that arrive at the same time are encoded together."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from semrec.service.error_responses import ServiceError
from semrec.service.prometheus_metrics import Metrics
from semrec.service.question_batches import QuestionBatches
from semrec.service.worker_pool import WorkerPool


class LengthEncoder:
    """The vector of a text is its length. Notes the batches; waits for `go`, and fails for the text "bad"."""

    def __init__(self):
        self.go = threading.Event()
        self.go.set()
        self.batches = []

    def __call__(self, texts):
        assert self.go.wait(10)
        self.batches.append(list(texts))
        if "bad" in texts:
            raise ValueError("cannot encode")
        return np.array([[len(text)] for text in texts], np.float32)

    def kept(self, text):
        known = any(text in batch for batch in self.batches)
        return np.array([len(text)], np.float32) if known else None


@pytest.fixture
def encoder():
    return LengthEncoder()


@pytest.fixture
def batches(encoder):
    """Return a function that makes the batches of `encoder`."""
    pool = WorkerPool("test", 1, 64)

    def make(wait_s=0.05, **limits):
        limits = {"max_batch": 4, "max_waiting": 64, **limits}
        return QuestionBatches(encoder, encoder.kept, pool, Metrics(), wait_s=wait_s, **limits)

    yield make
    assert pool.close(10)


async def encode_all(batches, texts):
    return await asyncio.gather(*(batches.encode(text) for text in texts), return_exceptions=True)


def test_texts_are_encoded_in_batches_of_bounded_size(batches, encoder):
    asyncio.run(encode_all(batches(), "abcdef"))
    assert encoder.batches == [["a", "b", "c", "d"], ["e", "f"]]


def test_each_text_gets_its_own_vector(batches):
    async def run():
        batch = batches()
        first = await encode_all(batch, ["red", "a", "blue"])
        kept = await encode_all(batch, ["blue", "red"])
        return [float(vector[0]) for vector in (*first, *kept)]

    assert asyncio.run(run()) == [3, 1, 4, 4, 3]


def test_a_full_batch_does_not_wait(batches, encoder):
    asyncio.run(asyncio.wait_for(encode_all(batches(wait_s=60), "abcd"), 10))
    assert encoder.batches == [["a", "b", "c", "d"]]


def test_the_same_text_is_encoded_once(batches, encoder):
    async def run():
        batch = batches()
        await encode_all(batch, "aab")
        await encode_all(batch, "ab")

    asyncio.run(run())
    assert encoder.batches == [["a", "b"]]


def test_texts_that_arrive_meanwhile_are_the_next_batch(batches, encoder):
    encoder.go.clear()

    async def run():
        batch = batches(wait_s=0)
        first = asyncio.create_task(batch.encode("a"))
        await asyncio.sleep(0.05)
        others = asyncio.create_task(encode_all(batch, "bc"))
        await asyncio.sleep(0.05)
        encoder.go.set()
        await asyncio.gather(first, others)

    asyncio.run(run())
    assert encoder.batches == [["a"], ["b", "c"]]


def test_an_error_reaches_every_text_of_its_batch_only(batches, encoder):
    async def run():
        batch = batches()
        found = await encode_all(batch, ["a", "bad"])
        assert [str(error) for error in found] == ["cannot encode"] * 2
        assert await encode_all(batch, ["b"]) == [1]

    asyncio.run(run())


def test_too_many_texts_are_refused(batches, encoder):
    encoder.go.clear()

    async def run():
        batch = batches(max_waiting=2)
        waiting = asyncio.create_task(encode_all(batch, "ab"))
        await asyncio.sleep(0.01)
        with pytest.raises(ServiceError) as refused:
            await batch.encode("c")
        assert refused.value.status == 429
        encoder.go.set()
        await waiting

    asyncio.run(run())
