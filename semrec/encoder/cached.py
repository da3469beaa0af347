"""An encoder that looks passages up in the cache before it encodes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType

import numpy as np

from semrec.config import Settings
from semrec.encoder.encoder import Encoder
from semrec.encoder.passage_cache import PassageCache
from semrec.types import Float1D, Float2D


class CachedEncoder(Encoder):
    """An encoder that encodes no passage twice; a context manager, see `Encoder` for its attributes.

    Parameters
    ----------
    encoder : makes the vectors that are not known yet.
    cache : where they are kept; it is closed with the context.

    Attributes
    ----------
    n_encoded : passages that were encoded.
    n_cached : passages whose vectors were there already, from the cache or from the same batch.
    """

    def __init__(self, encoder: Encoder, cache: PassageCache) -> None:
        self._encoder = encoder
        self._cache = cache
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="semrec-cache")
        self._writing: Future[None] | None = None
        self._in_writing: dict[bytes, Float1D] = {}
        self.n_encoded = self.n_cached = 0
        self.name, self.fingerprint, self.device = encoder.name, encoder.fingerprint, encoder.device
        self.precision = encoder.precision
        self.dimension, self.passage_tokens = encoder.dimension, encoder.passage_tokens
        self.query_prompt, self.document_prompt = encoder.query_prompt, encoder.document_prompt

    def __enter__(self) -> CachedEncoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.shutdown()
        self._cache.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is wrong with the cache, in words; complete after the context."""
        return tuple(self._cache.notes)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of every text, without prompt and special tokens."""
        return self._encoder.count_tokens(texts)

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; queries are not kept."""
        return self._encoder.encode_queries(texts)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """Return float32 (n, dimension), rows of unit length; `progress` hears of each batch's size."""
        keys = passage_keys(self._encoder, texts)
        found, vectors = self._cache.get(keys, self.dimension)
        for row in np.flatnonzero(~found):
            if (vector := self._in_writing.get(keys[row])) is not None:
                vectors[row], found[row] = vector, True
        missing = {keys[row]: texts[row] for row in np.flatnonzero(~found).tolist()}
        n_cached = len(texts) - len(missing)
        self.n_encoded, self.n_cached = self.n_encoded + len(missing), self.n_cached + n_cached
        if progress and n_cached:
            progress(n_cached)
        if missing:
            encoded = self._encoder.encode_documents(list(missing.values()), progress)
            made = dict(zip(missing, encoded, strict=True))
            for row in np.flatnonzero(~found):
                vectors[row] = made[keys[row]]
            self._keep(made, encoded)
        return vectors

    def _keep(self, made: dict[bytes, Float1D], encoded: Float2D) -> None:
        """Write in another thread while the next passages are encoded; until then they are known here."""
        if self._writing:
            self._writing.result()
        self._in_writing = made
        self._writing = self._writer.submit(self._cache.put, list(made), encoded, self.fingerprint, self.name)


class LazyEncoder:
    """Loads an encoder, with the passage cache before it, when it is first called for; a context manager.

    Parameters
    ----------
    load : returns the encoder.
    settings : of the cache.

    Attributes
    ----------
    loaded : the encoder; None when nobody has called for it.
    """

    def __init__(self, load: Callable[[], Encoder], settings: Settings) -> None:
        self._load = load
        self._settings = settings
        self._lock = Lock()
        self.loaded: CachedEncoder | None = None

    def __call__(self) -> CachedEncoder:
        """Return the encoder."""
        with self._lock:
            if self.loaded is None:
                self.loaded = cached(self._load(), self._settings)
            return self.loaded

    def __enter__(self) -> LazyEncoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.loaded:
            self.loaded.__exit__(kind, error, trace)


def cached(encoder: Encoder, settings: Settings) -> CachedEncoder:
    """Return the encoder with the passage cache of the settings before it; a context manager."""
    return CachedEncoder(encoder, PassageCache(settings.cache.folder, settings.cache.mb))


def passage_keys(encoder: Encoder, passages: Sequence[str]) -> list[bytes]:
    """Return the key of every passage: 16 bytes of BLAKE2b of all that decides its vector."""
    decides = json.dumps([encoder.fingerprint, encoder.dimension, encoder.document_prompt])
    begun = hashlib.blake2b(f"{len(decides)}|{decides}".encode(), digest_size=16)
    keys = []
    for passage in passages:
        whole = begun.copy()
        whole.update(passage.encode("utf-8", "surrogatepass"))
        keys.append(whole.digest())
    return keys
