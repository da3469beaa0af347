"""BM25 as sparse vectors: term weights on the side of the document, IDF added by the store."""

from __future__ import annotations

from collections.abc import Iterable

from qdrant_edge import Bm25, Bm25Config, StopwordsSet, TokenizerType

from semrec.store.points import read_sparse
from semrec.store.protocol import SparseVector

# Words in an item's title and first passages; BM25 only needs the order of magnitude.
_AVERAGE_TOKENS = 64


class Bm25Encoder:
    """Texts to sparse vectors, for catalogs of any and of mixed languages.

    Words are split the multilingual way (Chinese and Japanese have no spaces), written small and without
    accents, and stemmed as English. English stemming merges German words only with their own forms
    (Haus, Hauses) and leaves other scripts alone. There are no stop words: an English list would drop the
    German `will` and `an`, and IDF makes common words count little anyway.
    """

    def __init__(self) -> None:
        self._bm25 = Bm25(
            Bm25Config(
                tokenizer=TokenizerType.Multilingual,
                language="english",
                stopwords=StopwordsSet(languages=set(), custom=set()),
                ascii_folding=True,
                avg_len=_AVERAGE_TOKENS,
            )
        )

    def encode_query(self, text: str) -> SparseVector:
        """Return weight 1 for every word; empty for a text without words."""
        return read_sparse(self._bm25.embed_query(text))

    def encode_documents(self, texts: Iterable[str]) -> list[SparseVector]:
        """Return the BM25 weight of every word of every text; empty for a text without words."""
        return [read_sparse(self._bm25.embed_document(text)) for text in texts]
