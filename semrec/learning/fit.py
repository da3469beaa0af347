"""Learning from events: models, their vectors and the weights of the blend, as a new generation.

Text vectors are copied from the generation that answers; nothing is encoded again. The new generation
becomes current when it is complete: after a fit that was killed the old models answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from semrec.config import Settings
from semrec.errors import ConfigError
from semrec.events.interactions import Interactions
from semrec.events.times import POSITIONS
from semrec.learning import TrainingData, learn
from semrec.learning.near_identical import Users, counted_once, without
from semrec.learning.scoring import weighed_signals
from semrec.signals import SIGNALS, Signal, signal_named
from semrec.signals.fitting import Fitted
from semrec.signals.learned import LearnedSettings
from semrec.signals.predicted_ratings import RATING, fit_item_ratings
from semrec.store import Index, Manifest, Point, Store, Vector
from semrec.store.build import Build
from semrec.store.protocol import TEXT
from semrec.types import Float2D, Keys, Plain, item_keys


@dataclass(frozen=True, slots=True)
class FitReport(Plain):
    """What a fit learned.

    Parameters
    ----------
    generation : its number; it is current now.
    n_users, n_items, n_events : what it was learned from; items are those of the catalog.
    cleaning : how many events were used and dropped, see `CleaningReport.to_dict`.
    learning : what was chosen, and the gain of each signal, see `LearnReport.to_dict`.
    seconds : in all.
    notes : what a reader should know.
    similar_users : ids of the users of each group with nearly the same history, the largest group first.
    """

    generation: int
    n_users: int
    n_items: int
    n_events: int
    cleaning: Mapping[str, Any]
    learning: Mapping[str, Any]
    seconds: float
    notes: tuple[str, ...] = ()
    similar_users: tuple[tuple[str, ...], ...] = ()


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
    settings: Settings,
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
    settings : how texts are pooled.
    seed : of everything random.
    progress : called with each step, in words.

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
    data = training_data(interactions, index, manifest, catalog)
    models = learn(data, settings=settings, seed=seed, progress=progress)
    unweighed = _fit_unweighed(_with_times(data, interactions), models.groups, settings, seed)
    fitted = {**models.fitted, **unweighed, **_fit_ratings(interactions, data, seed, progress)}
    learned = LearnedSettings(
        models.weights,
        models.half_life_events,
        interactions.report.rating_scale,
        {name: one.parameters for name, one in fitted.items()},
    )
    if progress:
        progress("writing the new generation")
    generation = write_generation(store, index, manifest, catalog, fitted, learned)
    similar_users = tuple(tuple(interactions.users[row] for row in group) for group in models.groups)
    notes = (
        *interactions.report.notes,
        *_similar_users_notes(similar_users, settings.events.similar_users),
        *_left_out_notes(learned),
    )
    return FitReport(
        generation=generation,
        n_users=len(interactions.users),
        n_items=len(catalog.keys),
        n_events=interactions.report.used,
        cleaning=interactions.report.to_dict(),
        learning=_with_parameters(models.report.to_dict(), unweighed),
        seconds=time.monotonic() - started,
        notes=notes,
        similar_users=similar_users,
    )


def _with_times(data: TrainingData, interactions: Interactions) -> TrainingData:
    """Return the data with the times of its events; positions are no times."""
    times = np.where(interactions.times < POSITIONS[1], np.nan, interactions.times)
    matrix = data.user_items
    return replace(data, times=csr_array((times, matrix.indices, matrix.indptr), shape=matrix.shape))


def _fit_unweighed(
    data: TrainingData, groups: Sequence[Users], settings: Settings, seed: int
) -> dict[str, Fitted]:
    """Return what fitted signals learn that have no learned weight: they do not count for a history.

    Parameters
    ----------
    data : with the times of its events.
    groups : users with nearly the same history.
    """
    leaves_out = settings.events.similar_users == "leave_out"
    counted = without(data, groups) if leaves_out else counted_once(data, groups)
    signals = [signal for signal in SIGNALS if signal.is_fitted and not signal.learns_weight]
    fitted = {signal.name: signal.fit(counted, {}, seed) for signal in signals}
    return {name: one for name, one in fitted.items() if one is not None}


def _with_parameters(report: dict[str, Any], fitted: Mapping[str, Fitted]) -> dict[str, Any]:
    """Return a report that also tells the parameters of these signals among what was chosen."""
    chosen = {f"{name}_{key}": value for name, one in fitted.items() for key, value in one.parameters.items()}
    return {**report, "chosen": {**report["chosen"], **chosen}}


def _fit_ratings(
    interactions: Interactions, data: TrainingData, seed: int, progress: Callable[[str], None] | None
) -> dict[str, Fitted]:
    """Return what is learned for predicted ratings; empty if the events have no ratings."""
    if progress and interactions.ratings.nnz:
        progress("learn to predict ratings")
    ratings, scale = csr_array(interactions.ratings), interactions.report.rating_scale
    found = fit_item_ratings(ratings, data.text_vectors, scale, seed)
    return {RATING: found} if found else {}


def training_data(
    interactions: Interactions, index: Index, manifest: Manifest, catalog: CatalogItems
) -> TrainingData:
    """Return what `learn` takes: confidences, their order if it is known, and what is stored of the items."""
    matrix = csr_array(interactions.matrix)
    order = csr_array((interactions.order, matrix.indices, matrix.indptr), shape=matrix.shape)
    vectors = stored_vectors(index, manifest, catalog)
    return TrainingData(
        matrix, order if interactions.is_timed else None, vectors.pop(TEXT), vectors, catalog.keys
    )


def stored_vectors(index: Index, manifest: Manifest, catalog: CatalogItems) -> dict[str, Float2D]:
    """Return the dense fields that indexing has written and the blend reads, each float32 (n_items, dim)."""
    there = [field.name for field in manifest.vectors if field.kind == "dense"]
    names = dict.fromkeys(
        name for signal in weighed_signals(there) if not signal.is_fitted for name in signal.sample_fields
    )
    return {name: index.vectors(name, catalog.keys) for name in names}


def write_generation(
    store: Store,
    index: Index,
    manifest: Manifest,
    catalog: CatalogItems,
    models: Mapping[str, Fitted],
    learned: LearnedSettings,
) -> int:
    """Write all items with the learned vectors as a new generation, make it current, return its number."""
    fitted = {field.name: field for one in models.values() for field in one.fields}
    written = {field.name for signal in SIGNALS for field in signal.catalog_fields(manifest.dimension)}
    kept = tuple(field for field in manifest.vectors if field.name in written - set(fitted))
    fields = (*kept, *fitted.values())
    vectors = learned_vectors(models, catalog)
    with Build(store, fields, before=index) as build:
        n_items = 0
        for points in with_vectors(index.scan(), catalog.keys, vectors, {field.name for field in kept}):
            build.index.upsert(points)
            n_items += len(points)
        complete = replace(manifest, vectors=fields, n_items=n_items, built_at=time.time())
        build.complete(learned.stored_in(complete))
    return build.generation


def with_vectors(
    pages: Iterable[Sequence[Point]],
    keys: Keys,
    vectors: Iterable[Mapping[str, Vector]],
    kept: Container[str],
) -> Iterator[list[Point]]:
    """Yield the points of a scan with what was learned of them.

    Items may have come and gone since the catalog was read. Those are left out: the journal has them.

    Parameters
    ----------
    pages : points in order of keys.
    keys : uint64 (n_items,), ascending.
    vectors : the learned vectors of these items, by name.
    kept : names of the vectors that the points keep.
    """
    learned = zip(keys.tolist(), vectors, strict=True)
    end: tuple[float, Mapping[str, Vector]] = (float("inf"), {})
    key, own = next(learned, end)
    for points in pages:
        page = []
        for there, point in zip(item_keys(p.record.item_id for p in points).tolist(), points, strict=True):
            while key < there:
                key, own = next(learned, end)
            if key == there:
                stays = {name: vector for name, vector in point.vectors.items() if name in kept}
                page.append(Point(point.record, {**stays, **own}))
        yield page


def learned_vectors(models: Mapping[str, Fitted], catalog: CatalogItems) -> Iterator[dict[str, Vector]]:
    """Yield the learned vectors of every item by name, in the order of the catalog."""
    by_field = {
        name: of_items
        for model, fitted in models.items()
        for name, of_items in (signal_named(model) or Signal).point_vectors(fitted, catalog.keys).items()
    }
    for place in range(len(catalog.keys)):
        yield {name: of_items[place] for name, of_items in by_field.items()}


def _similar_users_notes(groups: Sequence[Sequence[str]], done: str) -> list[str]:
    """Say which users have nearly the same history, what was done with them, and what can be done."""
    if not groups:
        return []
    n_users, largest = sum(map(len, groups)), groups[0]
    found = (
        f"{n_users:,} users in {len(groups):,} groups have nearly the same history as others of their group; "
        f"the largest has {len(largest):,} users ({', '.join(map(repr, largest[:3]))}, …)"
    )
    if done == "leave_out":
        return [f"{found}. They were left out"]
    return [
        f"{found}. Each group counts as one user. Leave them out with: semrec fit --leave-out-similar-users"
    ]


def _left_out_notes(learned: LearnedSettings) -> list[str]:
    """Say which items cannot stand inside sparse vectors."""
    left_out = [
        keys
        for name, parameters in learned.parameters.items()
        if (signal := signal_named(name))
        for keys in signal.item_columns(parameters).values()
    ]
    n_items = max((len(keys) for keys in left_out), default=0)
    return (
        [f"{n_items} items share an index with another one and are not counted together"] if n_items else []
    )
