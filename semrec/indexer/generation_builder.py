"""A build of a generation: not visible until it is complete, then current in one step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b
from types import TracebackType

import numpy as np

from semrec.catalog_map.layout import FEWEST_FOR_TSNE, prepare
from semrec.catalog_map.map import choose_landmarks
from semrec.encoder.readability import Readability
from semrec.errors import CatalogError
from semrec.indexer.column_formats import widened
from semrec.indexer.compare import still_set_aside
from semrec.indexer.field_changes import store_as_text
from semrec.indexer.item_points import text_vectors
from semrec.store import Index, Manifest, Point, Store
from semrec.store.build import Build
from semrec.store.manifests import dump_manifest
from semrec.types import Keys, item_keys
from semrec.version import __version__


class GenerationBuilder:
    """Writes the next generation; a context manager that removes it if the build fails, see `Build`.

    Parameters
    ----------
    store : where it is built; its current generation still answers.
    draft : its manifest, without the values that are computed from the points.
    before : the current index, if it is open; the new one is compared with it.
    keep_previous : keep the generation before for `rollback`; False: the caller drops it.

    Attributes
    ----------
    kept : the index of the build, if it is a dead one that is continued: points that need not be made again.
        None for a build from the beginning.
    """

    kept: Index | None

    def __init__(
        self, store: Store, draft: Manifest, before: Index | None = None, *, keep_previous: bool = True
    ) -> None:
        self._draft = draft
        key = _build_key(store, draft)
        self._build = Build(store, draft.vectors, before=before, key=key, keep_previous=keep_previous)
        self._sum = np.zeros(draft.dimension, np.float64)
        self._keys = [np.empty(0, np.uint64)]
        self._n_items = 0
        self._n_passages = 0
        self._fields = dict(draft.fields)
        self._texts: set[str] = set()  # fields of texts that had another type for the first points

    def __enter__(self) -> GenerationBuilder:
        self._build.__enter__()
        self.kept = self._build.index if self._build.index.count() else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._build.__exit__(kind, error, trace)

    @property
    def generation(self) -> int:
        """The number of the new generation."""
        return self._build.generation

    @property
    def n_items(self) -> int:
        """Number of items that were written."""
        return self._n_items

    def add(self, points: Sequence[Point]) -> None:
        """Write points; each item is written once."""
        if not points:
            return
        if self._n_items < FEWEST_FOR_TSNE <= self._n_items + len(points):
            prepare()
        self._build.index.upsert(points)
        self._sum += text_vectors(points).sum(axis=0, dtype=np.float64)
        self._keys.append(item_keys(point.record.item_id for point in points))
        self._n_items += len(points)
        self._n_passages += sum(len(point.record.passages) for point in points)
        for point in points:
            wider = widened(self._fields, point.record.metadata)
            self._texts |= {
                name for name, kind in wider.items() if kind == "keyword" and name in self._fields
            }
            self._fields |= wider

    def complete(
        self,
        changed: Keys,
        read: Readability | None = None,
        described: Callable[[Manifest], Manifest] = lambda manifest: manifest,
    ) -> Manifest:
        """Finish and check the build, and make it current.

        Parameters
        ----------
        changed : keys of items that are not set aside any more, see `Manifest.set_aside`.
        read : what the encoder reads of the texts; None: as in the draft.
        described : adds to the manifest what is known of the catalog at its end.

        Raises
        ------
        CatalogError
            No item was written.
        """
        if self._n_items == 0:
            raise CatalogError("nothing was indexed; the previous index, if any, still answers.")
        if self.kept:
            keys = self.kept.sample(self.kept.count())
            self.kept.delete(np.setdiff1d(keys, np.concatenate(self._keys)))
        store_as_text(self._build.index, self._texts)
        manifest = replace(
            described(self._draft),
            fields=self._fields,
            text_mean=tuple((self._sum / self._n_items).tolist()),
            n_items=self._n_items,
            n_passages=self._n_passages,
            n_changes=0,
            built_at=time.time(),
            set_aside=still_set_aside(self._draft, changed),
            landmarks=choose_landmarks(self._build.index),
        )
        if read:
            manifest = replace(manifest, unknown_tokens=read.unknown_tokens, languages=read.languages)
        self._build.complete(manifest)
        return manifest


def _build_key(store: Store, draft: Manifest) -> str:
    """Return what two builds have in common if they make the same point of the same text."""
    text, _ = dump_manifest(
        replace(
            draft,
            fields={},
            text_mean=(),
            landmarks=(),
            n_items=0,
            n_passages=0,
            n_changes=0,
            built_at=0.0,
            journal=0,
            unknown_tokens=0.0,
            languages={},
        )
    )
    return blake2b(json.dumps([__version__, store.named(), text]).encode(), digest_size=16).hexdigest()
