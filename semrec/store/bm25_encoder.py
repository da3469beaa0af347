"""BM25 as sparse vectors: the weights of a document's words; the store adds IDF to the query."""

from __future__ import annotations

from collections.abc import Iterable

from qdrant_edge import Bm25, Bm25Config, StopwordsSet, TokenizerType

from semrec.store.points import read_sparse
from semrec.store.protocol import SparseVector

# Words in an item's title and first passages; BM25 only needs the order of magnitude.
_AVERAGE_TOKENS = 64


class Bm25Encoder:
    """Texts to sparse vectors, for catalogs of any and of mixed languages.

    A multilingual tokenizer splits the texts, also Chinese and Japanese, which have no spaces. Words are put
    in lower case, without accents, and stemmed as English. English stemming joins German words only with
    their own forms (Haus, Hauses) and does not change other scripts. There is no list of stop words: an
    English one would drop the German `will` and `an`, and IDF gives common words little weight anyway.
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
