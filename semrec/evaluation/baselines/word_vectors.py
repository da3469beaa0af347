"""Text vectors without an encoder: TF-IDF, bag of words, word2vec.

All are learned from the texts of the catalog. Words are sequences of letters and digits.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from semrec.evaluation.baselines.baseline import optional
from semrec.types import Float2D

WORD = r"(?u)\b\w\w+\b"
MAX_SHARE = 0.5
"""Words in more than this share of the texts are left out."""


def tfidf_vectors(texts: Sequence[str]) -> Any:
    """Return float32 CSR (n_texts, n_words), rows of unit length: TF·IDF of each word."""
    return _counted("TfidfVectorizer", texts)


def bag_of_words_vectors(texts: Sequence[str]) -> Any:
    """Return float32 CSR (n_texts, n_words): how often each word occurs."""
    return _counted("CountVectorizer", texts)


def word2vec_vectors(
    texts: Sequence[str], *, n_dimensions: int = 128, epochs: int = 10, seed: int = 42
) -> Float2D:
    """Return float32 (n_texts, n_dimensions): the mean vector of each text's words, 0 without known words.

    Skip-gram (Mikolov et al., 2013), with one thread and a fixed hash, so that runs are repeatable.
    """
    gensim = optional("gensim.models", "gensim")
    sentences = [re.findall(WORD, text.lower()) for text in texts]
    model = gensim.Word2Vec(
        vector_size=n_dimensions, min_count=1, sg=1, seed=seed, workers=1, hashfxn=_stable_hash, epochs=epochs
    )
    model.build_vocab(sentences)
    if not len(model.wv):
        return np.zeros((len(texts), n_dimensions), np.float32)
    model.train(sentences, total_examples=len(sentences), epochs=epochs)
    rows = [model.wv[words].mean(axis=0) if words else np.zeros(n_dimensions) for words in sentences]
    return np.asarray(rows, np.float32)


def _counted(kind: str, texts: Sequence[str]) -> Any:
    make = getattr(optional("sklearn.feature_extraction.text", "scikit-learn"), kind)
    max_texts = max(1, int(MAX_SHARE * len(texts)))
    return make(token_pattern=WORD, max_df=max_texts, dtype=np.float32).fit_transform(texts)


def _stable_hash(word: str) -> int:
    return zlib.crc32(word.encode())
