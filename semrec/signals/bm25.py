"""The `bm25` signal: items that use the same words.

It finds names, numbers and rare terms that a sentence encoder blurs. Vectors come from the store's own
tokeniser, which cuts Chinese and Japanese into words too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from semrec.signals.signal import Question, Signal, SignalContext, SignalQuery
from semrec.store.bm25_encoder import Bm25Encoder
from semrec.store.protocol import Hits, ScoreQuery, Search, SparseVector, VectorField

if TYPE_CHECKING:
    from semrec.signals.catalog_matrix import Catalog, Histories
    from semrec.signals.fitting import EncodedItems

BM25 = "bm25"

BEST_MATCH = 6.0
"""Standard deviations that an item with all words of a query lies above the average item.

BM25 is 0 for nearly all items, so its deviation over the catalog says how rare the words are, not how
well they match: one rare word would outweigh everything. The best text match of a sharp query lies about
six deviations out; the best word match is put beside it.
"""


@dataclass(frozen=True, kw_only=True)
class Bm25Query(SignalQuery):
    """The words of one text.

    Parameters
    ----------
    words : weight 1 for every word.
    """

    words: SparseVector

    def after_search(self, probes: Sequence[Hits]) -> SignalQuery | None:
        """Return the part on the scale that the best item of the catalog gives; None if no item matches."""
        (best,) = probes
        if not len(best.scores) or best.scores[0] <= 0 or best.vectors is None:
            return None
        (vector,) = best.vectors
        matched_words = vector.indices if isinstance(vector, SparseVector) else np.empty(0)
        # A match of one word out of five ("and") is not as good as one of all five.
        share = float(np.isin(self.words.indices, matched_words).mean())
        return replace(self, scale=float(best.scores[0]) / (BEST_MATCH * share))


def largest_weights(vectors: Sequence[SparseVector]) -> SparseVector:
    """Return the largest value of every index over some sparse vectors, at least one; indices ascend."""
    if len(vectors) == 1:
        return vectors[0]
    indices, places = np.unique(np.concatenate([vector.indices for vector in vectors]), return_inverse=True)
    values = np.zeros(len(indices), np.float32)
    np.maximum.at(values, places, np.concatenate([vector.values for vector in vectors]))
    return SparseVector(indices, values)


class Bm25Signal(Signal):
    """The signal on one catalog."""

    name = BM25
    label = "words"
    source = "text"
    default_weight = 0.5
    learns_weight = False

    def __init__(self) -> None:
        self._encoder = Bm25Encoder()

    @classmethod
    def open(cls, context: SignalContext) -> Bm25Signal:
        """Open the signal on a catalog."""
        return cls()

    @classmethod
    def catalog_fields(cls, dimension: int, *, quantized: bool = False) -> tuple[VectorField, ...]:
        """Return the words of an item; the store adds the inverse document frequency."""
        return (VectorField(BM25, "sparse", idf=True),)

    @classmethod
    def catalog_vectors(cls, items: EncodedItems) -> Mapping[str, Sequence[SparseVector]]:
        """Return the BM25 vector of every text: of each word the weight in the passage where it is largest.

        So a word at the end of a long text counts as in a text of the length of its passage.
        """
        encoder = Bm25Encoder(items.average_words)
        if not items.passages:
            return {BM25: encoder.encode_documents(items.texts)}
        return {BM25: [largest_weights(encoder.encode_documents(own)) for own in items.passages]}

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part for a text that has words."""
        if question.text is None:
            return []
        words = self._encoder.encode_query(question.text)
        if len(words.indices) == 0:
            return []
        part = Bm25Query(
            BM25,
            "text",
            np.zeros(1, np.float32),
            1.0,
            searches=(Search(BM25, words, question.limit),),
            probes=(Search(BM25, words, 1, with_vector=True),),
            requests=(ScoreQuery(BM25, words),),
            words=words,
        )
        return [part]

    def score_catalog(self, catalog: Catalog, histories: Histories, rows: slice) -> None:
        """Return None: a history has no words."""
        return
