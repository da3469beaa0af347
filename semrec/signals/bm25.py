"""The `words` signal: items that use the same words, by BM25.

It finds names, numbers and rare terms that a sentence encoder blurs. Vectors come from the store's own
tokeniser, which cuts Chinese and Japanese into words too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semrec.signals.signal import Question, Signal, SignalQuery
from semrec.store.bm25 import Bm25Encoder
from semrec.store.protocol import Index, ScoreQuery, Search, SparseVector, VectorField
from semrec.types import Float2D, Keys

WORDS = "words"
WORDS_FIELDS = (VectorField(WORDS, "sparse", idf=True),)

BEST_MATCH = 6.0
"""Standard deviations that an item with all words of a query lies above the average item.

BM25 is 0 for nearly all items, so its deviation over the catalog says how rare the words are, not how
well they match: one rare word would outweigh everything. The best text match of a sharp query lies about
six deviations out; the best word match is put beside it.
"""


def item_vectors(texts: Sequence[str]) -> list[SparseVector]:
    """Return the BM25 vector of every text."""
    return Bm25Encoder().encode_documents(texts)


class WordsSignal(Signal):
    """The signal on one generation."""

    name = WORDS

    def __init__(self, index: Index) -> None:
        self._index = index
        self._encoder = Bm25Encoder()

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part for the text; none when no item has any of its words."""
        if question.text is None:
            return []
        query = self._encoder.encode_query(question.text)
        if len(query.indices) == 0:
            return []
        best = self._index.search([Search(WORDS, query, 1)])[0]
        if len(best.scores) == 0 or best.scores[0] <= 0:
            return []
        # A match of one word out of five ("and") is not as good as one of all five.
        matched = np.isin(query.indices, self._index.sparse_vectors(WORDS, best.keys)[0].indices).mean()

        def terms(keys: Keys) -> Float2D:
            return self._index.scores([ScoreQuery(WORDS, query)], keys)[0, :, None]

        return [
            SignalQuery(
                WORDS,
                "text",
                (Search(WORDS, query, question.limit),),
                terms,
                np.zeros(1, np.float32),
                float(best.scores[0]) / (BEST_MATCH * float(matched)),
            )
        ]
