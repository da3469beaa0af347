"""An encoder for several threads: tokenizers are for one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from semrec.encoder.encoder import Encoder
from semrec.types import Float2D


class SharedEncoder(Encoder):
    """Does what another encoder does, for one thread at a time; who encodes much lets others in between."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._turn = Lock()
        self._next = Lock()  # held by whoever waits for the turn: it is not taken again before
        self._counting = Lock()  # passages are cut while others are encoded
        self.name = encoder.name
        self.fingerprint = encoder.fingerprint
        self.precision = encoder.precision
        self.dimension = encoder.dimension
        self.passage_tokens = encoder.passage_tokens
        self.query_prompt = encoder.query_prompt
        self.document_prompt = encoder.document_prompt
        self.device = encoder.device

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of every text, without prompt and special tokens."""
        with self._counting:
            return self._encoder.count_tokens(texts)

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; (0, dimension) for no texts."""
        with self._taking_turns():
            return self._encoder.encode_queries(texts)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; `progress` hears of each batch's size."""

        def after_batch(n_texts: int) -> None:
            if progress:
                progress(n_texts)
            self._turn.release()
            self._take_turn()

        with self._taking_turns():
            return self._encoder.encode_documents(texts, progress=after_batch)

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        self._take_turn()
        try:
            yield
        finally:
            self._turn.release()

    def _take_turn(self) -> None:
        with self._next:
            self._turn.acquire()
