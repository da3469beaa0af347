"""An encoder that several threads can use: a tokenizer works for one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from semrec.encoder.encoder import Encoder
from semrec.encoder.wrapper import EncoderWrapper
from semrec.types import Float2D


class SharedEncoder(EncoderWrapper):
    """Wraps an encoder for several threads.

    A thread that encodes many documents lets waiting threads encode after each batch, so that a query does
    not wait for all documents.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self._turn = Lock()
        # Held while waiting for the turn: the thread that released the turn queues behind the waiting one.
        self._next = Lock()
        self._counting = Lock()  # texts are split into passages while others are encoded

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """See `Encoder.count_tokens`."""
        with self._counting:
            return self._encoder.count_tokens(texts)

    def count_unknown_tokens(self, texts: Sequence[str]) -> list[int]:
        """See `BatchedEncoder.count_unknown_tokens`."""
        with self._counting:
            return super().count_unknown_tokens(texts)

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """See `Encoder.encode_queries`."""
        with self._in_turn():
            return self._encoder.encode_queries(texts)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """See `Encoder.encode_documents`."""

        def after_batch(n_texts: int) -> None:
            if progress:
                progress(n_texts)
            self._turn.release()
            self._take_turn()

        with self._in_turn():
            return self._encoder.encode_documents(texts, progress=after_batch)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        self._take_turn()
        try:
            yield
        finally:
            self._turn.release()

    def _take_turn(self) -> None:
        with self._next:
            self._turn.acquire()
