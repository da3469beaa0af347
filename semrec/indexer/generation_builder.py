"""A build of a generation: not visible until it is complete, then current in one step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType

import numpy as np

from semrec.catalog_map.layout import FEWEST_FOR_TSNE, prepare
from semrec.catalog_map.map import choose_landmarks
from semrec.errors import CatalogError
from semrec.indexer.item_points import text_vectors
from semrec.store import Index, Manifest, Point, Store
from semrec.store.build import Build


class GenerationBuilder:
    """Writes the next generation; a context manager that removes it if the build fails.

    Parameters
    ----------
    store : where it is built; its current generation still answers.
    draft : its manifest, without the values that are computed from the points.
    before : the current index, if it is open; the new one is compared with it.
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
        """The number of the new generation."""
        return self._build.generation

    def add(self, points: Sequence[Point]) -> None:
        """Write points; each item is written once."""
        if not points:
            return
        if self._n_items < FEWEST_FOR_TSNE <= self._n_items + len(points):
            prepare()
        self._build.index.upsert(points)
        self._sum += text_vectors(points).sum(axis=0, dtype=np.float64)
        self._n_items += len(points)
        self._n_passages += sum(len(point.record.passages) for point in points)

    def complete(self) -> Manifest:
        """Finish and check the build, and make it current.

        Raises
        ------
        CatalogError
            No item was written.
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
