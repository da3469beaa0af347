"""Learning from events: models, their vectors and the weights of the blend, as a new generation.

Text vectors are taken over from the generation that answers; nothing is encoded again. The new generation
becomes current when it is complete: a fit that dies leaves the old models answering.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from semrec.errors import ConfigError
from semrec.events.interactions import Interactions
from semrec.learning import Models, TrainingData, learn
from semrec.signals.collaborative import TASTE, FoldIn, taste_fields
from semrec.signals.item_item import MOST_NEIGHBOURS, NEIGHBOURS, NEIGHBOURS_FIELDS, clashing, columns_of
from semrec.signals.learned import LearnedSettings
from semrec.signals.popularity import POPULARITY, POPULARITY_FIELDS
from semrec.signals.popularity import item_vectors as popularity_vectors
from semrec.signals.text import TEXT
from semrec.store import Index, Manifest, Point, SparseVector, Store
from semrec.store.build import Build
from semrec.types import Keys, item_keys

LEARNED = (TASTE, NEIGHBOURS, POPULARITY)
"""The vectors that `fit` makes; all others are taken over."""


@dataclass(frozen=True, slots=True)
class FitReport:
    """What a fit learned.

    Parameters
    ----------
    generation : its number; it is current now.
    n_users, n_items, n_events : what it was learned from; items are those of the catalog.
    cleaning : what became of all events, see `CleaningReport.to_dict`.
    learning : what was chosen, and the gain of each signal, see `LearnReport.to_dict`.
    seconds : in all.
    notes : what a reader should know.
    """

    generation: int
    n_users: int
    n_items: int
    n_events: int
    cleaning: Mapping[str, Any]
    learning: Mapping[str, Any]
    seconds: float
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CatalogItems:
    """The items of a generation, by rising key: uint64 keys (n_items,) and their ids."""

    keys: Keys
    item_ids: Sequence[str]


def catalog_items(index: Index) -> CatalogItems:
    """Return all items of a generation."""
    keys = index.sample(index.count())
    return CatalogItems(keys, [record.item_id for record in index.records(keys)])


def fit_generation(
    store: Store,
    index: Index,
    manifest: Manifest,
    catalog: CatalogItems,
    interactions: Interactions,
    *,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> FitReport:
    """Learn from interactions and make a generation with the models current.

    Parameters
    ----------
    store : where the generation is built.
    index, manifest : the generation that answers now.
    catalog : its items; the columns of `interactions` are these, in this order.
    interactions : who used what.
    seed : of everything random.
    progress : hears of each step, in words.

    Raises
    ------
    ConfigError
        There is nothing to learn from.
    """
    started = time.monotonic()
    if interactions.shortage:
        raise ConfigError(
            f"nothing can be learned: {interactions.shortage}. The previous models, if any, still answer."
        )
    models = learn(training_data(interactions, index, catalog), seed=seed, progress=progress)
    left_out = clashing(catalog.keys)
    learned = LearnedSettings(
        FoldIn(models.gram, models.alpha, models.reg, models.nu, len(catalog.keys)),
        left_out,
        models.weights,
        models.half_life_events,
        interactions.report.rating_scale,
        models.text_map,
    )
    if progress:
        progress("writing the new generation")
    generation = write_generation(store, index, manifest, catalog, models, learned)
    notes = tuple(interactions.report.notes)
    if len(left_out):
        notes += (f"{len(left_out)} items share an index with another one and are nobody's neighbours",)
    return FitReport(
        generation=generation,
        n_users=len(interactions.users),
        n_items=len(catalog.keys),
        n_events=interactions.report.used,
        cleaning=interactions.report.to_dict(),
        learning=models.report.to_dict(),
        seconds=time.monotonic() - started,
        notes=notes,
    )


def training_data(interactions: Interactions, index: Index, catalog: CatalogItems) -> TrainingData:
    """Return what `learn` takes: confidences, times where all are known, and text vectors."""
    matrix = csr_array(interactions.matrix)
    timed = len(interactions.times) > 0 and bool(np.isfinite(interactions.times).all())
    order = (
        csr_array((interactions.places, matrix.indices, matrix.indptr), shape=matrix.shape) if timed else None
    )
    return TrainingData(matrix, order, index.vectors(TEXT, catalog.keys))


def write_generation(
    store: Store,
    index: Index,
    manifest: Manifest,
    catalog: CatalogItems,
    models: Models,
    learned: LearnedSettings,
) -> int:
    """Write all items with the learned vectors as a new generation, make it current, return its number."""
    kept = tuple(field for field in manifest.vectors if field.name not in LEARNED)
    fields = (*kept, *taste_fields(models.factors.shape[1]), *NEIGHBOURS_FIELDS, *POPULARITY_FIELDS)
    vectors = learned_vectors(models, catalog, learned.left_out)
    with Build(store, fields, before=index) as build:
        n_items = 0
        for points in with_vectors(index.scan(), catalog.keys, vectors):
            build.index.upsert(points)
            n_items += len(points)
        build.complete(
            replace(
                manifest,
                vectors=fields,
                n_items=n_items,
                built_at=time.time(),
                models={"learned": learned.to_dict()},
            )
        )
    return build.generation


def with_vectors(
    pages: Iterable[Sequence[Point]], keys: Keys, vectors: Iterable[dict[str, Any]]
) -> Iterator[list[Point]]:
    """Yield the points of a scan with what was learned of them.

    Items may have come and gone since the catalog was read. Those are left out: the journal has them.

    Parameters
    ----------
    pages : points in order of keys.
    keys : uint64 (n_items,), ascending.
    vectors : the learned vectors of these items.
    """
    learned = zip(keys.tolist(), vectors, strict=True)
    end: tuple[float, dict[str, Any]] = (float("inf"), {})
    key, own = next(learned, end)
    for points in pages:
        page = []
        for there, point in zip(item_keys(p.record.item_id for p in points).tolist(), points, strict=True):
            while key < there:
                key, own = next(learned, end)
            if key == there:
                page.append(Point(point.record, {**_kept(point), **own}))
        yield page


def _kept(point: Point) -> dict[str, Any]:
    return {name: vector for name, vector in point.vectors.items() if name not in LEARNED}


def learned_vectors(models: Models, catalog: CatalogItems, left_out: Keys) -> Iterator[dict[str, Any]]:
    """Yield the learned vectors of every item, in the order of the catalog."""
    popularity = popularity_vectors(models.events)
    neighbours = models.neighbours
    columns = columns_of(catalog.keys)
    stands = ~np.isin(catalog.keys, left_out)
    for item in range(len(catalog.keys)):
        entries = slice(neighbours.indptr[item], neighbours.indptr[item + 1])
        others, values = neighbours.indices[entries], neighbours.data[entries]
        chosen = np.flatnonzero(stands[others])[:MOST_NEIGHBOURS]
        yield {
            TASTE: models.factors[item],
            NEIGHBOURS: SparseVector(columns[others[chosen]], values[chosen].astype(np.float32)),
            POPULARITY: popularity[item],
        }
