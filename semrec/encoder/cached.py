"""An encoder with the passage cache: stored passages are not encoded again."""

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
from semrec.encoder.wrapper import EncoderWrapper
from semrec.types import Float1D, Float2D


class CachedEncoder(EncoderWrapper):
    """An encoder that encodes each passage once; a context manager. Queries are not stored.

    Parameters
    ----------
    encoder : encodes the passages that are not in the cache.
    cache : stores the vectors; it is closed with the context.

    Attributes
    ----------
    n_encoded : passages that were encoded.
    n_cached : passages whose vectors were known, from the cache or from the same batch.
    """

    def __init__(self, encoder: Encoder, cache: PassageCache) -> None:
        super().__init__(encoder)
        self._cache = cache
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="semrec-cache")
        self._writing: Future[None] | None = None
        self._being_written: dict[bytes, Float1D] = {}
        self.n_encoded = self.n_cached = 0

    def __enter__(self) -> CachedEncoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.shutdown()
        self._cache.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is wrong with the cache, in words; complete once the context is closed."""
        return tuple(self._cache.notes)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """See `Encoder.encode_documents`."""
        keys = passage_keys(self._encoder, texts)
        found, vectors = self._cache.get(keys, self.dimension)
        for row in np.flatnonzero(~found):
            if (vector := self._being_written.get(keys[row])) is not None:
                vectors[row], found[row] = vector, True
        missing = {keys[row]: texts[row] for row in np.flatnonzero(~found).tolist()}
        n_cached = len(texts) - len(missing)
        self.n_encoded, self.n_cached = self.n_encoded + len(missing), self.n_cached + n_cached
        if progress and n_cached:
            progress(n_cached)
        if missing:
            encoded = self._encoder.encode_documents(list(missing.values()), progress)
            by_key = dict(zip(missing, encoded, strict=True))
            for row in np.flatnonzero(~found):
                vectors[row] = by_key[keys[row]]
            self._store(by_key, encoded)
        return vectors

    def _store(self, by_key: dict[bytes, Float1D], encoded: Float2D) -> None:
        """Write vectors in another thread, while the next passages are encoded."""
        if self._writing:
            self._writing.result()
        self._being_written = by_key
        self._writing = self._writer.submit(
            self._cache.put, list(by_key), encoded, self.fingerprint, self.name
        )


class LazyEncoder:
    """Loads an encoder with the passage cache at the first call; a context manager.

    Parameters
    ----------
    load : returns the encoder.
    settings : of the cache.

    Attributes
    ----------
    loaded : the encoder; None before the first call.
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
    """Return the encoder with the passage cache of the settings; a context manager."""
    return CachedEncoder(encoder, PassageCache(settings.cache.folder, settings.cache.mb))


def passage_keys(encoder: Encoder, passages: Sequence[str]) -> list[bytes]:
    """Return the key of every passage: 16 bytes of BLAKE2b of everything that determines its vector."""
    common = json.dumps([encoder.fingerprint, encoder.dimension, encoder.document_prompt])
    common_digest = hashlib.blake2b(f"{len(common)}|{common}".encode(), digest_size=16)
    keys = []
    for passage in passages:
        digest = common_digest.copy()
        digest.update(passage.encode("utf-8", "surrogatepass"))
        keys.append(digest.digest())
    return keys
