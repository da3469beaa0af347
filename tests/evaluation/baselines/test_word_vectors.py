"""Text vectors without an encoder."""

from __future__ import annotations

import numpy as np
import pytest

from semrec.evaluation.baselines import bag_of_words_vectors, word2vec_vectors

WORDS = [" ".join(["red apple tree"] * 3 if i % 2 else ["blue ocean wave"] * 3) for i in range(12)]


@pytest.mark.filterwarnings("ignore")
def test_word2vec_is_repeatable_and_accepts_empty_texts():
    pytest.importorskip("gensim")
    texts = [*WORDS, ""]
    one, other = word2vec_vectors(texts, n_dimensions=8), word2vec_vectors(texts, n_dimensions=8)
    np.testing.assert_array_equal(one, other)
    assert one.dtype == np.float32
    assert not one[-1].any()
    assert not word2vec_vectors(["", ""], n_dimensions=8).any()


def test_words_in_more_than_half_of_the_texts_are_left_out():
    texts = ["red apple", "red pear", "red plum tree", "blue plum tree"]
    assert bag_of_words_vectors(texts).shape == (4, 5), "apple, pear, plum, tree, blue"
