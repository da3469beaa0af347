"""A wrapper is the other encoder in everything that it does not change."""

from __future__ import annotations

from semrec.encoder.encoder import Encoder
from semrec.encoder.wrapper import EncoderWrapper


def test_attributes_and_vectors_are_those_of_the_other_encoder(bundled):
    wrapper = EncoderWrapper(bundled)
    for name in Encoder.__annotations__:
        assert getattr(wrapper, name) == getattr(bundled, name)
    assert wrapper.count_tokens(["one two"]) == bundled.count_tokens(["one two"])
    assert (wrapper.encode_queries(["red"]) == bundled.encode_queries(["red"])).all()
    assert (wrapper.encode_documents(["red"]) == bundled.encode_documents(["red"])).all()
