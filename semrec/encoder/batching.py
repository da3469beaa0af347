"""Batches of texts with similar lengths, so that little padding is computed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence

from tokenizers import Tokenizer

from semrec.encoder.encoder import Encoder
from semrec.types import Float2D


class BatchedEncoder(Encoder):
    """Base of encoders that count tokens with a tokenizer; see `Encoder` for the attributes.

    Parameters
    ----------
    counter : a tokenizer that only counts. The tokenizer that encodes cuts texts, and may be in use in
        another thread.
    """

    def __init__(self, counter: Tokenizer) -> None:
        self._counter = counter
        self._counter.no_truncation()
        self._counter.no_padding()

    @abstractmethod
    def _encode(self, texts: Sequence[str], prompt: str, progress: Callable[[int], None] | None) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; the prompt is put before each text."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """See `Encoder.count_tokens`."""
        if not texts:
            return []
        encoded = self._counter.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(tokens) for tokens in encoded]

    def count_unknown_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens of every text are not in the vocabulary; 0 where that is not known."""
        unknown = getattr(self._counter.model, "unk_token", None)
        code = None if unknown is None else self._counter.token_to_id(unknown)
        if code is None or not texts:
            return [0] * len(texts)
        encoded = self._counter.encode_batch_fast(list(texts), add_special_tokens=False)
        return [tokens.ids.count(code) for tokens in encoded]

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """See `Encoder.encode_queries`."""
        return self._encode(texts, self.query_prompt, None)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """See `Encoder.encode_documents`."""
        return self._encode(texts, self.document_prompt, progress)


def token_batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Group texts of similar length, so that a padded batch has at most `batch_tokens` tokens.

    Small batches fit into the processor's cache and need little padding. A text that is longer than
    `batch_tokens` is a batch of its own.

    Parameters
    ----------
    lengths : tokens of every text.
    batch_tokens : most tokens of a batch, padding included.

    Yields
    ------
    Positions of the texts of one batch; each position is in one batch, the longest texts come first.
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
