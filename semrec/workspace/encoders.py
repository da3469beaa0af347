"""The encoders of a workspace, for indexing and for questions, with the vectors of the latest query texts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from threading import Lock, RLock
from typing import TYPE_CHECKING

import numpy as np
from cachetools import LRUCache

from semrec.config import Settings
from semrec.encoder import PRECISIONS, Encoder, load_encoder, load_reference, precisions
from semrec.encoder.choice import ENOUGH_ITEMS, Choice, fastest_encoder, requested_encoder
from semrec.encoder.fingerprint import known_fingerprint
from semrec.encoder.readability import (
    UNREADABLE,
    Readability,
    catalog_note,
    question_note,
    unknown_share,
)
from semrec.encoder.shared import SharedEncoder
from semrec.encoder.speeds import Speeds
from semrec.encoder.truncated import truncate_encoder, truncated_fingerprint
from semrec.errors import EncoderError, QueryError
from semrec.mathematics.rows import unit_rows
from semrec.store import Manifest
from semrec.types import Float1D, Float2D, Precision

if TYPE_CHECKING:
    from semrec.indexer.read import Catalog


class Encoders:
    """Loads an encoder when it is first needed, and keeps it. Safe for several threads.

    Parameters
    ----------
    settings : which model, in which precision, truncated to which length.
    encoder : an open encoder; it is used for everything, whatever model and precision the settings name.

    Attributes
    ----------
    loaded : the encoder that was loaded last, with its full vectors; None before.
    """

    def __init__(self, settings: Settings, encoder: Encoder | None = None) -> None:
        self.loaded = encoder
        self._given = encoder
        self._settings = settings
        self._opening = RLock()
        self._shared: dict[str, SharedEncoder] = {}
        self._texts: LRUCache[tuple[str, str], Float1D] = LRUCache(settings.encoder.text_vectors)
        self._texts_lock = Lock()

    @property
    def n_texts(self) -> int:
        """Number of query texts whose vectors are kept."""
        return len(self._texts)

    # -- indexing ----------------------------------------------------------------------------------

    def identity(self, manifest: Manifest | None) -> str | None:
        """Return a fingerprint of the model that would encode a catalog; it is not loaded.

        The precision does not count. None if only loading the model tells.

        Parameters
        ----------
        manifest : of the index that answers; None if there is none.
        """
        if self._given:
            return self._given.fingerprint
        with suppress(EncoderError):  # loading it raises a better error
            return known_fingerprint(self._name(manifest), "float32")
        return None

    def choose(self, catalog: Catalog) -> Choice:
        """Return the encoder for an index that is built from a catalog alone."""
        choice = self._choose(self._name(None), catalog)
        return replace(choice, encoder=truncate_encoder(choice.encoder, self._settings.index.text_dimension))

    def choose_for_update(self, manifest: Manifest, catalog: Catalog) -> Choice | None:
        """Return the encoder for the update of an index; None if it is the index's own, which is not loaded.

        `auto` keeps the precision of the index while the model is the same, so that unchanged items need not
        be encoded again.
        """
        if self._is_unchanged(manifest):
            return None
        name = self._name(manifest)
        is_same_model = name == manifest.encoder
        if self._given or not is_same_model or self._settings.encoder.backend != "auto":
            choice = self._choose(name, catalog)
        else:
            choice = Choice(self._loaded(name, manifest.precision))
        dimension = self._settings.index.text_dimension
        if dimension is None and is_same_model:
            dimension = min(manifest.dimension, choice.encoder.dimension)
        return replace(choice, encoder=truncate_encoder(choice.encoder, dimension))

    def _name(self, manifest: Manifest | None) -> str:
        if self._given:
            return self._given.name
        return self._settings.encoder.model or (manifest.encoder if manifest else "bundled")

    def _is_unchanged(self, manifest: Manifest) -> bool:
        """Return whether the settings ask for the encoder of an index, as far as its files tell."""
        if self.loaded or self._settings.index.text_dimension not in (None, manifest.dimension):
            return False
        backend = self._settings.encoder.backend
        precision = manifest.precision if backend == "auto" else PRECISIONS[backend]
        known = known_fingerprint(self._name(manifest), precision)
        return known is not None and manifest.encoder_fingerprint in (
            known,
            truncated_fingerprint(known, manifest.dimension),
        )

    def _loaded(self, name: str, precision: Precision) -> Encoder:
        if self.loaded is None or self.loaded.name != name:
            self.loaded = load_encoder(name, self._settings, precision=precision)
        return self.loaded

    def _choose(self, name: str, catalog: Catalog) -> Choice:
        """Return the encoder of this name in the precision of the settings; `auto`: the fastest good one."""
        if self._given:
            return Choice(self._given)
        loaded, backend = self.loaded, self._settings.encoder.backend
        if loaded and loaded.name == name and (backend == "auto" or loaded.precision == PRECISIONS[backend]):
            return Choice(loaded)

        def load(precision: Precision) -> Encoder:
            return load_encoder(name, self._settings, precision=precision)

        reference = partial(load_reference, name, self._settings)
        items = catalog.peek(ENOUGH_ITEMS)
        if backend == "auto":
            device = self._settings.encoder.device
            speeds = Speeds(self._settings.cache.folder, known_fingerprint(name, "float32"), device)
            candidates = partial(precisions, self._settings)
            choice = fastest_encoder(load, reference, candidates, items, speeds)
        else:
            choice = requested_encoder(load, reference, PRECISIONS[backend], items)
        self.loaded = choice.encoder
        return choice

    # -- questions ---------------------------------------------------------------------------------

    def of(self, manifest: Manifest) -> Encoder:
        """Return the encoder of an index, for all threads.

        Raises
        ------
        EncoderError
            It cannot be loaded, or another encoder was given or is named by the settings.
        """
        with self._opening:
            shared = self._shared.get(manifest.encoder_fingerprint)
            return shared or self.share(self._fitting(manifest))

    def share(self, encoder: Encoder) -> Encoder:
        """Return an encoder for all threads; the last two are kept, for the time of a switch."""
        with self._opening:
            if encoder.fingerprint not in self._shared:
                last = list(self._shared.items())[-1:]
                self._shared = {**dict(last), encoder.fingerprint: SharedEncoder(encoder)}
            return self._shared[encoder.fingerprint]

    def follow(self, manifest: Manifest) -> None:
        """Load the encoder of an index before it answers, if any encoder was needed before."""
        if self._shared:
            self.of(manifest)

    def _fitting(self, manifest: Manifest) -> Encoder:
        def fitting(whole: Encoder) -> Encoder:
            return truncate_encoder(whole, min(manifest.dimension, whole.dimension))

        whole = self._given or self.loaded
        if whole is None or (not self._given and fitting(whole).fingerprint != manifest.encoder_fingerprint):
            whole = load_encoder(self._name(manifest), self._settings, precision=manifest.precision)
        encoder = fitting(whole)
        if encoder.fingerprint != manifest.encoder_fingerprint:
            raise EncoderError(
                f"the index was built with the encoder {manifest.encoder!r} "
                f"({manifest.encoder_fingerprint[:12]}), but {encoder.name!r} is "
                f"{encoder.fingerprint[:12]}: their vectors cannot be compared. "
                "Ask with the same encoder, or index again with this one."
            )
        self.loaded = whole
        return encoder

    def reading_note(self, text: str, manifest: Manifest) -> str:
        """Return in words what the encoder of an index cannot read of a text, or of the index; or empty."""
        own = question_note(self.of(manifest), text)
        return own or catalog_note(manifest.encoder, reading_of(manifest))

    def is_unreadable(self, text: str, manifest: Manifest) -> bool:
        """Return whether the vector of a query text says too little to be used."""
        return unknown_share(self.of(manifest), [text]) >= UNREADABLE

    def kept_vector(self, text: str, manifest: Manifest) -> Float1D | None:
        """Return the vector of a query text, float32 (dim,), if it is kept; else None."""
        with self._texts_lock:
            return self._texts.get((manifest.encoder_fingerprint, text.strip()))

    def text_vector(self, text: str, manifest: Manifest) -> Float1D:
        """Return the vector of a query text, float32 (dim,), unit length."""
        kept = self.kept_vector(text, manifest)
        return self.text_vectors([text], manifest)[0] if kept is None else kept

    def text_vectors(self, texts: Sequence[str], manifest: Manifest) -> Float2D:
        """Return the vectors of query texts, float32 (n, dim), rows of unit length, and keep them.

        A text that is too long for the encoder is cut into passages; their vectors are averaged.
        """
        from semrec.encoder.passages import Chunker

        if not texts:
            return np.empty((0, manifest.dimension), np.float32)
        encoder = self.of(manifest)
        stripped = [text.strip() for text in texts]
        passages = Chunker(encoder).split(stripped)
        rows = encoder.encode_queries([passage for text in passages for passage in text])
        ends = np.cumsum([len(text) for text in passages])[:-1]
        vectors = unit_rows(np.stack([part.mean(axis=0) for part in np.split(rows, ends)]))
        with self._texts_lock:
            for text, vector in zip(stripped, vectors, strict=True):
                self._texts[manifest.encoder_fingerprint, text] = vector
        return vectors


def reading_of(manifest: Manifest) -> Readability:
    """Return what the encoder reads of the texts of an index."""
    return Readability(manifest.unknown_tokens, manifest.languages)


def check_text_vector(vector: Float1D, manifest: Manifest) -> Float1D:
    """Return a given vector of a query text, float32 (dim,).

    Raises
    ------
    QueryError
        It is not a vector of the length that the index has.
    """
    vector = np.asarray(vector, np.float32)
    if vector.shape != (manifest.dimension,):
        raise QueryError(
            f"text_vector has the shape {vector.shape}, not ({manifest.dimension},) as in the index; "
            "take a row of encode_texts."
        )
    return vector
