"""Passages: parts of an item's text, each short enough for the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from semrec.encoder.encoder import Encoder

SEPARATORS = [
    "\n\n",
    "\n",
    *("。", "！", "？"),  # Chinese and Japanese sentences
    *(". ", "! ", "? "),
    *("；", "; "),
    *("，", "、", ", "),
    " ",
    "",
]
"""Where a text may be split, the best places first; the last one splits anywhere."""


class Chunker:
    """Splits texts into passages of at most `passage_tokens` tokens.

    Parameters
    ----------
    encoder : its tokenizer counts the tokens.
    passage_tokens : longest passage; None, or more than the encoder reads: as long as it reads.
    """

    def __init__(self, encoder: Encoder, passage_tokens: int | None = None) -> None:
        self._encoder = encoder
        # Imported here: that takes a third of a second, and an unchanged catalog needs no passages.
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        self.passage_tokens = min(passage_tokens or encoder.passage_tokens, encoder.passage_tokens)
        self._splitter = RecursiveCharacterTextSplitter(
            separators=SEPARATORS,
            keep_separator="end",
            chunk_size=self.passage_tokens,
            chunk_overlap=0,
            length_function=lru_cache(maxsize=4096)(self._length),
        )

    def _length(self, text: str) -> int:
        return self._encoder.count_tokens([text])[0]

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the passages of every text, in order.

        The passages of a text contain all its characters, except white space where it is split: nothing
        is truncated. An empty text has one empty passage.
        """
        lengths = self._encoder.count_tokens(texts)
        return [
            [text] if length <= self.passage_tokens else self._splitter.split_text(text)
            for text, length in zip(texts, lengths, strict=True)
        ]
