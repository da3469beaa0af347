"""Texts of like length are encoded together, so that little padding is computed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence

from tokenizers import Tokenizer

from semrec.encoder.encoder import Encoder
from semrec.types import Float2D


class BatchedEncoder(Encoder):
    """What encoders share that count tokens themselves; see `Encoder` for their attributes.

    Parameters
    ----------
    counter : a tokenizer for counting alone: the one that encodes truncates, and is busy in another thread.
    """

    def __init__(self, counter: Tokenizer) -> None:
        self._counter = counter
        self._counter.no_truncation()
        self._counter.no_padding()

    @abstractmethod
    def _encode(self, texts: Sequence[str], prompt: str, progress: Callable[[int], None] | None) -> Float2D:
        """Return float32 (n, dimension), rows of unit length, of the texts with the prompt before them."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of every text, without prompt and special tokens."""
        if not texts:
            return []
        encoded = self._counter.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(tokens) for tokens in encoded]

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; (0, dimension) for no texts."""
        return self._encode(texts, self.query_prompt, None)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; `progress` hears of each batch's size."""
        return self._encode(texts, self.document_prompt, progress)


def token_batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Group texts of like length, so that a padded batch holds at most `batch_tokens` tokens.

    Small budgets keep a batch inside the processor's cache and leave little padding; a text that is
    longer than the budget is a batch of its own.

    Parameters
    ----------
    lengths : tokens of every text.
    batch_tokens : the budget, padding included.

    Yields
    ------
    Positions of the texts of one batch; all batches together hold each position once, longest first.
    """
    batch: list[int] = []
    longest = 0
    for position in sorted(range(len(lengths)), key=lambda p: -lengths[p]):
        longest = max(longest, lengths[position], 1)
        if batch and longest * (len(batch) + 1) > batch_tokens:
            yield batch
            batch, longest = [], max(lengths[position], 1)
        batch.append(position)
    if batch:
        yield batch
