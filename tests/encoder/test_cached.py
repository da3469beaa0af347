"""An encoder with the passage cache: nothing is encoded twice."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import ToyEncoder

from semrec.config import Settings
from semrec.encoder.cached import CachedEncoder, cached, passage_keys
from semrec.encoder.encoder import Encoder
from semrec.encoder.passage_cache import PassageCache


class CountingEncoder(ToyEncoder):
    """Remembers every text that it encoded."""

    def __init__(self, fingerprint="toy-fingerprint", prompt=""):
        super().__init__()
        self.fingerprint, self.document_prompt = fingerprint, prompt
        self.asked = []

    def encode_documents(self, texts, progress=None):
        self.asked += texts
        if progress:
            progress(len(texts))
        return super().encode_documents(texts, progress)


@pytest.fixture
def options(tmp_path):
    return Settings(cache={"folder": tmp_path / "cache"})


def test_nothing_is_encoded_twice(options):
    encoder = CountingEncoder()
    heard = []
    with cached(encoder, options) as first:
        vectors = first.encode_documents(["red", "green", "red"], heard.append)
        first.encode_documents(["green", "blue"])
    assert encoder.asked == ["red", "green", "blue"]
    assert (first.n_encoded, first.n_cached) == (3, 2)
    assert sum(heard) == 3
    np.testing.assert_array_equal(vectors, ToyEncoder().encode_documents(["red", "green", "red"]))
    with cached(encoder, options) as second:
        again = second.encode_documents(["red", "blue", "square"])
    assert encoder.asked[3:] == ["square"]
    assert (second.n_encoded, second.n_cached) == (1, 2)
    np.testing.assert_array_equal(again, ToyEncoder().encode_documents(["red", "blue", "square"]))
    assert second.notes == ()


@given(batches=st.lists(st.lists(st.sampled_from(["", "red", "green blue", "中文", "\ud800"]), max_size=9)))
@settings(max_examples=30, deadline=None)
def test_vectors_are_those_of_the_encoder_in_any_order_of_batches(tmp_path_factory, batches):
    folder = tmp_path_factory.mktemp("cache")
    encoder = CountingEncoder()
    for _ in range(2):
        with cached(encoder, Settings(cache={"folder": folder})) as before:
            for texts in batches:
                expected = ToyEncoder().encode_documents(texts)
                np.testing.assert_array_equal(before.encode_documents(texts), expected)
    assert sorted(encoder.asked) == sorted({text for texts in batches for text in texts})


def test_another_encoder_or_prompt_has_other_keys(options):
    for encoder in (CountingEncoder(), CountingEncoder("other"), CountingEncoder(prompt="passage: ")):
        with cached(encoder, options) as before:
            before.encode_documents(["red"])
        assert encoder.asked == ["red"]
    keys = {tuple(passage_keys(CountingEncoder(prompt=prompt), ["c"])) for prompt in ("", "a", 'a"', "b")}
    assert len(keys) == 4


def test_queries_are_not_stored(options):
    encoder = CountingEncoder()
    with cached(encoder, options) as before:
        before.encode_queries(["red"])
        before.encode_documents(["red"])
    assert encoder.asked == ["red", "red"]


def test_attributes_are_those_of_the_encoder(bundled, options):
    with cached(bundled, options) as before:
        for attribute in Encoder.__annotations__:
            assert getattr(before, attribute) == getattr(bundled, attribute)
        assert before.count_tokens(["one two"]) == bundled.count_tokens(["one two"])


def test_after_an_error_of_the_encoder_earlier_passages_are_stored(options):
    with cached(ToyEncoder(breaks_after=2), options) as one:
        one.encode_documents(["red", "green"])
        with pytest.raises(RuntimeError, match="out of memory"):
            one.encode_documents(["blue"])
    encoder = CountingEncoder()
    with cached(encoder, options) as before:
        before.encode_documents(["red", "green", "blue"])
    assert encoder.asked == ["blue"]


def test_writing_does_not_delay_encoding(options):
    """Vectors that are still being written are known."""

    class SlowCache(PassageCache):
        def put(self, *args):
            time.sleep(0.2)
            super().put(*args)

    encoder = CountingEncoder()
    with CachedEncoder(encoder, SlowCache(options.cache.folder, 64)) as before:
        started = time.monotonic()
        before.encode_documents(["red"])
        before.encode_documents(["red"])
        assert time.monotonic() - started < 0.2
    assert encoder.asked == ["red"]
