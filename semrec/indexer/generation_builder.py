"""One complete build of the index: invisible while it grows, current in one step when it is done."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np

from semrec.catalog_map.layout import FEWEST_FOR_TSNE, prepare
from semrec.catalog_map.map import choose_landmarks
from semrec.encoder.encoder import Encoder
from semrec.errors import CatalogError
from semrec.indexer.compare import content_hash
from semrec.signals import SIGNALS
from semrec.signals.fitting import EncodedItems
from semrec.store import Index, Store
from semrec.store.build import Build
from semrec.store.protocol import TEXT, FieldType, Manifest, Point, Record
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
    draft : its manifest, but for what only the points tell.
    before : the index that answers now, where it is open; the new one is compared with it.
    """

    def __init__(self, store: Store, draft: Manifest, before: Index | None = None) -> None:
        self._draft = draft
        self._build = Build(store, draft.vectors, before=before)
        self._sum = np.zeros(draft.dimension, np.float64)
        self._n_items = 0
        self._n_passages = 0

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

    def add(self, points: Sequence[Point]) -> None:
        """Write points of items that were not written yet."""
        if not points:
            return
        if self._n_items < FEWEST_FOR_TSNE <= self._n_items + len(points):
            prepare()
        self._build.index.upsert(points)
        self._sum += text_vectors(points).sum(axis=0, dtype=np.float64)
        self._n_items += len(points)
        self._n_passages += sum(len(point.record.passages) for point in points)

    def complete(self) -> Manifest:
        """Finish the build, check it, and make it current.

        Raises
        ------
        CatalogError
            Nothing was written.
        """
        if self._n_items == 0:
            raise CatalogError("nothing was indexed; the previous index, if any, still answers.")
        manifest = replace(
            self._draft,
            text_mean=tuple((self._sum / self._n_items).tolist()),
            n_items=self._n_items,
            n_passages=self._n_passages,
            n_changes=0,
            built_at=time.time(),
            landmarks=choose_landmarks(self._build.index),
        )
        self._build.complete(manifest)
        return manifest


def draft_manifest(
    encoder: Encoder,
    template: str,
    passage_tokens: int | None,
    fields: Mapping[str, FieldType],
    journal: int = 0,
    *,
    quantized: bool = False,
) -> Manifest:
    """Return the manifest of a generation from a catalog alone, without what only its points tell."""
    return Manifest(
        encoder=encoder.name,
        encoder_fingerprint=encoder.fingerprint,
        dimension=encoder.dimension,
        query_prompt=encoder.query_prompt,
        document_prompt=encoder.document_prompt,
        template=template,
        vectors=tuple(
            field
            for signal in SIGNALS
            for field in signal.catalog_fields(encoder.dimension, quantized=quantized)
        ),
        fields=dict(fields),
        precision=encoder.precision,
        passage_tokens=passage_tokens,
        journal=journal,
    )


def item_points(batch: Batch, passage_vectors: Float2D, manifest: Manifest) -> list[Point]:
    """Return a batch of items as they are stored.

    Parameters
    ----------
    batch : the items.
    passage_vectors : float32 (n_passages, dim), rows of unit length, in the order of `flat_passages`.
    manifest : of the generation that they are for.
    """
    ends = np.cumsum([len(passages) for passages in batch.passages])
    items = EncodedItems(batch.items, batch.texts, np.split(passage_vectors, ends[:-1]))
    stored = {field.name for field in manifest.vectors}
    vectors = {
        name: of_items
        for signal in SIGNALS
        for name, of_items in signal.catalog_vectors(items).items()
        if name in stored
    }
    return [
        Point(
            Record(
                item.item_id,
                item.title,
                tuple(passages),
                item.metadata,
                content_hash(text, manifest.passage_tokens),
            ),
            {name: of_items[place] for name, of_items in vectors.items()},
        )
        for place, (item, passages, text) in enumerate(
            zip(batch.items, batch.passages, batch.texts, strict=True)
        )
    ]


def text_vectors(points: Sequence[Point]) -> Float2D:
    """Return the text vectors of points, float32 (n_points, dim)."""
    return np.array([point.vectors[TEXT] for point in points], np.float32)
