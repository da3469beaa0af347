"""Encoders with truncated vectors."""

from __future__ import annotations

import numpy as np
import pytest
from toy import ToyEncoder

from semrec.encoder.truncated import TruncatedEncoder, truncate_encoder, truncate_rows
from semrec.errors import ConfigError


def test_rows_are_truncated_and_scaled():
    vectors = np.array([[3, 4, 12], [0, 0, 1]], np.float32)
    assert truncate_rows(vectors, 2) == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))
    assert truncate_rows(vectors, 2).dtype == np.float32


def test_queries_and_documents_are_truncated():
    whole = ToyEncoder()
    encoder = TruncatedEncoder(whole, 3)
    for encode, encode_whole in (
        (encoder.encode_queries, whole.encode_queries),
        (encoder.encode_documents, whole.encode_documents),
    ):
        assert np.array_equal(encode(["red blue"]), truncate_rows(encode_whole(["red blue"]), 3))
        assert encode([]).shape == (0, 3)
    assert encoder.count_tokens(["red blue"]) == whole.count_tokens(["red blue"])


def test_each_dimension_has_its_own_fingerprint():
    whole = ToyEncoder()
    fingerprints = {truncate_encoder(whole, dimension).fingerprint for dimension in (None, 2, 3)}
    assert len(fingerprints) == 3
    assert truncate_encoder(whole, whole.dimension) is whole


@pytest.mark.parametrize("dimension", [0, 1000])
def test_a_dimension_out_of_range_is_an_error(dimension):
    with pytest.raises(ConfigError, match=f"not {dimension}"):
        truncate_encoder(ToyEncoder(), dimension)
