"""The encoders of a shop: to index with, to ask with, and the texts of questions that were just encoded."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np

from semrec.config import Settings
from semrec.encoder import PRECISIONS, Encoder, load_encoder, load_reference, precisions
from semrec.encoder.choice import ENOUGH_ITEMS, Choice, fastest_encoder, requested_encoder
from semrec.encoder.fingerprint import known_fingerprint
from semrec.encoder.shared import SharedEncoder
from semrec.encoder.speeds import Speeds
from semrec.encoder.truncated import truncate_encoder, truncated_fingerprint
from semrec.errors import EncoderError
from semrec.mathematics.rows import unit_rows
from semrec.store import Manifest
from semrec.types import Float1D, Float2D, Precision
from semrec.workspace.query_cache import TextVectors

if TYPE_CHECKING:
    from semrec.indexer.read import Catalog


class Encoders:
    """Loads an encoder when it is first needed, and keeps it. Safe for several threads.

    Parameters
    ----------
    settings : which model, in which precision, cut to which length.
    encoder : one that is loaded already.

    Attributes
    ----------
    loaded : the encoder that was loaded last, whole; None before.
    """

    def __init__(self, settings: Settings, encoder: Encoder | None = None) -> None:
        self.loaded = encoder
        self._given = encoder.fingerprint if encoder else None
        self._settings = settings
        self._opening = RLock()
        self._shared: dict[str, SharedEncoder] = {}
        self._texts = TextVectors(settings.encoder.text_vectors)

    @property
    def n_texts(self) -> int:
        """How many vectors of texts are kept."""
        return len(self._texts)

    # -- indexing ----------------------------------------------------------------------------------

    def identity(self, manifest: Manifest | None) -> str | None:
        """Return what tells the model that a catalog would be encoded by from all others; nothing is loaded.

        None when only loading it tells. The precision does not count.

        Parameters
        ----------
        manifest : of the index that answers; None: there is none.
        """
        if self._given:
            return self._given
        name = self._settings.encoder.model or (manifest.encoder if manifest else "bundled")
        with suppress(EncoderError):  # whoever loads it will tell
            return known_fingerprint(name, "float32")
        return None

    def chosen(self, catalog: Catalog) -> Choice:
        """Return the encoder for a catalog that is indexed for the first time, or as if it were."""
        choice = self._chosen(self._settings.encoder.model or "bundled", catalog)
        return replace(choice, encoder=truncate_encoder(choice.encoder, self._settings.index.text_dimension))

    def asked(self, manifest: Manifest, catalog: Catalog) -> Choice | None:
        """Return the encoder asked for; None when it is that of the manifest, which is not even loaded.

        `auto` keeps the precision of the manifest as long as the model is the same: what is not changed need
        not be encoded again.
        """
        name = self._settings.encoder.model or manifest.encoder
        automatic = self._settings.encoder.backend == "auto"
        precision = manifest.precision if automatic else PRECISIONS[self._settings.encoder.backend]
        dimension = self._settings.index.text_dimension
        known = known_fingerprint(name, precision)
        same = known and manifest.encoder_fingerprint in (
            known,
            truncated_fingerprint(known, manifest.dimension),
        )
        if self.loaded is None and same and dimension in (None, manifest.dimension):
            return None
        if not automatic or name != manifest.encoder:
            choice = self._chosen(name, catalog)
        else:
            if self.loaded is None or self.loaded.name != name:
                self.loaded = load_encoder(name, self._settings, precision=precision)
            choice = Choice(self.loaded)
        if dimension is None and name == manifest.encoder:
            dimension = min(manifest.dimension, choice.encoder.dimension)
        return replace(choice, encoder=truncate_encoder(choice.encoder, dimension))

    def _chosen(self, name: str, catalog: Catalog) -> Choice:
        """Return the encoder of this name, in the precision asked for; `auto`: the fastest good one."""
        loaded, asked = self.loaded, self._settings.encoder.backend
        if loaded and loaded.name == name and (asked == "auto" or loaded.precision == PRECISIONS[asked]):
            return Choice(loaded)

        def load(precision: Precision) -> Encoder:
            return load_encoder(name, self._settings, precision=precision)

        reference = partial(load_reference, name, self._settings)
        items = catalog.peek(ENOUGH_ITEMS)
        if asked == "auto":
            device = self._settings.encoder.device
            speeds = Speeds(self._settings.cache.folder, known_fingerprint(name, "float32"), device)
            candidates = partial(precisions, self._settings)
            choice = fastest_encoder(load, reference, candidates, items, speeds)
        else:
            choice = requested_encoder(load, reference, PRECISIONS[asked], items)
        self.loaded = choice.encoder
        return choice

    # -- asking ------------------------------------------------------------------------------------

    def of(self, manifest: Manifest) -> Encoder:
        """Return the encoder of an index, for all threads.

        Raises
        ------
        EncoderError
            It cannot be loaded, or the one that the settings name makes other vectors.
        """
        with self._opening:
            shared = self._shared.get(manifest.encoder_fingerprint)
            return shared or self.share(self._fitting(manifest))

    def share(self, encoder: Encoder) -> Encoder:
        """Return an encoder for all threads; two are kept, for the time of a switch."""
        with self._opening:
            if encoder.fingerprint not in self._shared:
                last = list(self._shared.items())[-1:]
                self._shared = {**dict(last), encoder.fingerprint: SharedEncoder(encoder)}
            return self._shared[encoder.fingerprint]

    def follow(self, manifest: Manifest) -> None:
        """Load the encoder of an index that is about to answer, if texts were asked for before."""
        if self._shared:
            self.of(manifest)

    def _fitting(self, manifest: Manifest) -> Encoder:
        def fitting(whole: Encoder) -> Encoder:
            return truncate_encoder(whole, min(manifest.dimension, whole.dimension))

        whole = self.loaded
        if whole is None or fitting(whole).fingerprint != manifest.encoder_fingerprint:
            whole = load_encoder(
                self._settings.encoder.model or manifest.encoder, self._settings, precision=manifest.precision
            )
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

    def keeps(self, text: str, manifest: Manifest) -> bool:
        """Tell whether the vector of a text of a question is kept."""
        return self._texts.get(manifest.encoder_fingerprint, text.strip()) is not None

    def text_vector(self, text: str, manifest: Manifest) -> Float1D:
        """Return the vector of a text of a question, float32 (dim,), a kept one if there is one."""
        kept = self._texts.get(manifest.encoder_fingerprint, text)
        return self.text_vectors([text], manifest)[0] if kept is None else kept

    def text_vectors(self, texts: Sequence[str], manifest: Manifest) -> Float2D:
        """Return the vectors of texts of questions, float32 (n, dim), rows of unit length, and keep them.

        A text too long for the encoder is cut, and its pieces are averaged.
        """
        from semrec.encoder.passages import Chunker

        encoder = self.of(manifest)
        asked = [text.strip() for text in texts]
        pieces = Chunker(encoder).split(asked)
        rows = encoder.encode_queries([piece for text in pieces for piece in text])
        ends = np.cumsum([len(text) for text in pieces])[:-1]
        vectors = unit_rows(np.stack([part.mean(axis=0) for part in np.split(rows, ends)]))
        for text, vector in zip(asked, vectors, strict=True):
            self._texts.put(manifest.encoder_fingerprint, text, vector)
        return vectors
