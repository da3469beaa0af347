"""One complete build of the index: invisible while it grows, current in one step when it is done."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from indexer.compare import content_hash
from semrec.catalog_map import choose_landmarks
from semrec.encoder.protocol import Encoder
from semrec.errors import CatalogError
from semrec.signals.text import PASSAGES, TEXT, item_vectors, text_fields
from semrec.signals.words import WORDS, WORDS_FIELDS
from semrec.signals.words import item_vectors as word_vectors
from semrec.store import Store
from semrec.store.build import Build
from semrec.store.protocol import FieldType, Manifest, Point, Record
from semrec.types import Float2D, Item


@dataclass(frozen=True, slots=True)
class Batch:
    """Items on their way into the index: row n of every field belongs to item n.

    Parameters
    ----------
    items : the items.
    texts : what of each item is encoded.
    passages : its pieces; at least one for each item.
    """

    items: Sequence[Item]
    texts: Sequence[str]
    passages: Sequence[Sequence[str]]

    @property
    def flat_passages(self) -> list[str]:
        """All passages in order of items."""
        return [passage for passages in self.passages for passage in passages]


class GenerationBuilder:
    """Writes the next generation; a context manager that leaves nothing behind when the build fails.

    Parameters
    ----------
    store : where it is built; its current generation goes on answering.
    encoder : what the vectors come from.
    template : what of an item is encoded.
    passage_tokens : longest passage; None: as long as the encoder reads.
    """

    def __init__(
        self, store: Store, encoder: Encoder, template: str, passage_tokens: int | None = None
    ) -> None:
        self._passage_tokens = passage_tokens
        self._encoder = encoder
        self._template = template
        self._vectors = (*text_fields(encoder.dimension), *WORDS_FIELDS)
        self._build = Build(store, self._vectors)
        self._sum = np.zeros(encoder.dimension, np.float64)
        self.n_items = 0
        self.n_passages = 0

    def __enter__(self) -> GenerationBuilder:
        self._build.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._build.__exit__(kind, error, trace)

    @property
    def generation(self) -> int:
        """The number of the generation that is built."""
        return self._build.generation

    def add(self, batch: Batch, passage_vectors: Float2D) -> None:
        """Write a batch.

        Parameters
        ----------
        batch : the items.
        passage_vectors : float32 (n_passages, dim), rows of unit length, in the order of `flat_passages`.
        """
        points = item_points(batch, passage_vectors, self._passage_tokens)
        self._build.index.upsert(points)
        self._sum += text_vectors(points).sum(axis=0, dtype=np.float64)
        self.n_items += len(points)
        self.n_passages += len(passage_vectors)

    def complete(self, fields: Mapping[str, FieldType]) -> Manifest:
        """Finish the build, check it, and make it current.

        Parameters
        ----------
        fields : type of every metadata field.

        Raises
        ------
        CatalogError
            Nothing was written.
        """
        if self.n_items == 0:
            raise CatalogError("nothing was indexed; the previous index, if any, still answers.")
        manifest = Manifest(
            encoder=self._encoder.name,
            encoder_fingerprint=self._encoder.fingerprint,
            dimension=self._encoder.dimension,
            query_prompt=self._encoder.query_prompt,
            document_prompt=self._encoder.document_prompt,
            template=self._template,
            vectors=self._vectors,
            fields=dict(fields),
            text_mean=tuple((self._sum / self.n_items).tolist()),
            n_items=self.n_items,
            n_passages=self.n_passages,
            built_at=time.time(),
            landmarks=choose_landmarks(self._build.index),
            precision=self._encoder.precision,
            passage_tokens=self._passage_tokens,
        )
        self._build.complete(manifest)
        return manifest


def item_points(batch: Batch, passage_vectors: Float2D, passage_tokens: int | None) -> list[Point]:
    """Return a batch of items as they are stored.

    Parameters
    ----------
    batch : the items.
    passage_vectors : float32 (n_passages, dim), rows of unit length, in the order of `flat_passages`.
    passage_tokens : longest passage; None: as long as the encoder reads.
    """
    ends = np.cumsum([len(passages) for passages in batch.passages])
    by_item = np.split(passage_vectors, ends[:-1])
    rows = zip(
        batch.items,
        batch.passages,
        [content_hash(text, passage_tokens) for text in batch.texts],
        item_vectors(by_item),
        by_item,
        word_vectors(batch.texts),
        strict=True,
    )
    return [
        Point(
            Record(item.item_id, item.title, tuple(passages), item.metadata, content),
            {TEXT: vector, PASSAGES: vectors, WORDS: words},
        )
        for item, passages, content, vector, vectors, words in rows
    ]


def text_vectors(points: Sequence[Point]) -> Float2D:
    """Return the text vectors of points, float32 (n_points, dim)."""
    return np.array([point.vectors[TEXT] for point in points], np.float32)
