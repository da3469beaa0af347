"""The encoders of a workspace: the given one wins, and vectors of query texts travel as values."""

from __future__ import annotations

import numpy as np
import pytest
from toy import ToyEncoder

from semrec import Item, Recommender, Settings
from semrec.errors import EncoderError, QueryError

ITEMS = [Item("r", "Rose", "red"), Item("s", "Sea", "blue"), Item("g", "Grass", "green")]


class CountingEncoder(ToyEncoder):
    """Notes the query texts that it encodes."""

    def __init__(self, **options):
        super().__init__(**options)
        self.queries = []

    def encode_queries(self, texts):
        self.queries += texts
        return super().encode_queries(texts)


@pytest.fixture
def encoder():
    return CountingEncoder()


@pytest.fixture
def shop(tmp_path, encoder):
    with Recommender(tmp_path / "shop", Settings(), encoder=encoder) as shop:
        shop.index(ITEMS)
        yield shop


def ids(answer):
    return [item.item_id for item in answer]


@pytest.mark.parametrize("model", [None, "bundled", "no/such-model"])
@pytest.mark.parametrize("backend", ["auto", "onnx-int8"])
def test_a_given_encoder_is_used_whatever_the_settings_name(tmp_path, model, backend):
    settings = Settings(encoder={"model": model, "backend": backend})
    encoder = ToyEncoder()
    with Recommender(tmp_path / "shop", settings, encoder=encoder) as shop:
        shop.index(ITEMS)
        assert shop.info()["encoder_fingerprint"] == encoder.fingerprint
        shop.index([*ITEMS, Item("n", "New", "red green")])
        assert shop.info()["encoder_fingerprint"] == encoder.fingerprint
        assert ids(shop.recommend(text="blue", k=1)) == ["s"]


def test_a_given_encoder_replaces_the_one_of_an_index(tmp_path, shop):
    shop.close()
    other = ToyEncoder()
    other.name = other.fingerprint = "other"
    with Recommender(tmp_path / "shop", Settings(), encoder=other) as again:
        assert again.index(ITEMS).n_encoded == 3
        assert again.info()["encoder"] == "other"


def test_a_query_with_another_encoder_than_the_index_is_an_error(tmp_path, shop):
    shop.close()
    other = ToyEncoder()
    other.name = other.fingerprint = "other"
    with (
        Recommender(tmp_path / "shop", Settings(), encoder=other) as again,
        pytest.raises(EncoderError, match="built with the encoder 'toy'"),
    ):
        again.recommend(text="red")


def test_a_given_vector_is_used_and_the_text_is_not_encoded(shop, encoder):
    red, blue = shop.encode_texts(["red", "blue"])
    encoder.queries.clear()
    assert ids(shop.recommend(text="anything", text_vector=blue, weights={"bm25": 0}, k=1)) == ["s"]
    assert ids(shop.recommend(text="anything", text_vector=red, weights={"bm25": 0}, k=1)) == ["r"]
    assert shop.why_not("s", text="anything", text_vector=red, weights={"bm25": 0}, k=1).standing.rank > 1
    assert encoder.queries == []


def test_a_given_vector_answers_as_the_text_does(shop):
    (vector,) = shop.encode_texts(["red green"])
    assert (vector.dtype, np.linalg.norm(vector)) == (np.float32, pytest.approx(1, abs=1e-6))
    assert shop.recommend(text="red green", text_vector=vector) == shop.recommend(text="red green")


@pytest.mark.parametrize("vector", [np.ones(3, np.float32), np.ones((1, 6), np.float32), 1.0])
def test_a_vector_of_another_shape_is_an_error(shop, vector):
    with pytest.raises(QueryError, match="take a row of encode_texts"):
        shop.recommend(text="red", text_vector=vector)


def test_the_latest_vectors_are_kept(tmp_path, encoder):
    settings = Settings(encoder={"text_vectors": 2})
    with Recommender(tmp_path / "shop", settings, encoder=encoder) as shop:
        assert shop.kept_text_vector("red") is None
        shop.index(ITEMS)
        shop.recommend(text="red")
        shop.recommend(text=" red ")
        assert encoder.queries == ["red"]
        shop.encode_texts(["blue", "green"])
        assert shop.n_texts == 2
        assert shop.kept_text_vector("red") is None
        np.testing.assert_array_equal(shop.kept_text_vector("green"), shop.encode_texts(["green"])[0])


def test_no_texts_have_no_vectors(shop):
    assert shop.encode_texts([]).shape == (0, 6)
