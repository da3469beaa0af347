"""Scores of the whole catalog for many histories at once, exactly as a query scores its candidates.

The matrices of a catalog lie in files that are mapped into memory, so any number of items can be scored
in chunks by several threads, and no engine is asked while they work. Items are in order of their keys:
the first ones are the sample by which a query standardises its signals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from semrec.config import Settings
from semrec.ranking.filters import meets
from semrec.ranking.pipeline import Generation, History
from semrec.signals.collaborative import TASTE, FoldIn
from semrec.signals.freshness import FRESHNESS, FreshnessSignal
from semrec.signals.item_item import NEIGHBOURS, columns_of
from semrec.signals.popularity import POPULARITY
from semrec.signals.standard import mean_and_factor
from semrec.signals.text import TEXT, centre, soft_nearest
from semrec.store import Index
from semrec.types import Condition, Float1D, Float2D, Keys

CELLS = 1 << 21
"""Scores of one signal that one thread holds at once: bounds the memory."""

MOST_USERS = 1024
"""Histories in one block: their items are compared with the catalog once."""

READ_ITEMS = 4096
"""Items that are read from the index at a time."""

Scorer: TypeAlias = Callable[[slice], Float2D]
"""Rows of the catalog -> the scores of these items by one signal, float32 (n_histories, n_rows)."""


@dataclass(frozen=True)
class Neighbours:
    """The sparse vectors of all items, columns of a matrix (n_items, n_items), in mapped files."""

    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    values: Float1D

    def columns(self, items: slice) -> csc_array:
        """Return the columns of some items, float32 (n_items, n_rows)."""
        n_items = len(self.starts) - 1
        starts = self.starts[items.start : items.stop + 1]
        entries = slice(starts[0], starts[-1])
        shape = (n_items, len(starts) - 1)
        inside = (starts - starts[0]).astype(np.int32)
        return csc_array((self.values[entries], self.rows[entries], inside), shape=shape)


@dataclass(frozen=True)
class CatalogMatrices:
    """What the signals know of every item; row n of every field belongs to item n, keys ascending.

    Parameters
    ----------
    keys : uint64 (n_items,).
    item_ids : their ids.
    allowed : bool (n_items,), which may be recommended.
    text : float32 (n_items, dim), as stored.
    factors, neighbours, popularity : of the learned signals; None before the first fit.
    freshness : float32 (n_items,), how new they are, NaN without a date; None where nobody wants to know.
    """

    keys: Keys
    item_ids: pl.Series
    allowed: NDArray[np.bool_]
    text: Float2D
    factors: Float2D | None = None
    neighbours: Neighbours | None = None
    popularity: Float1D | None = None
    freshness: Float1D | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def contains(self, keys: Keys) -> NDArray[np.bool_]:
        """Return bool (n,): which keys the catalog holds."""
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.asarray(self.keys[places] == keys)

    def chunks(self, n_items: int) -> Iterator[slice]:
        """Yield the rows of the catalog, so many at a time."""
        for first in range(0, len(self), n_items):
            yield slice(first, min(first + n_items, len(self)))


@dataclass(frozen=True)
class Best:
    """The best items of some histories, best first: row u belongs to history u.

    Parameters
    ----------
    items : int64 (n, k), rows of the catalog; -1 where there are no more.
    scores : float32 (n, k).
    parts : float32 (n, k, n_signals), what each signal adds to the score.
    """

    items: NDArray[np.int64]
    scores: Float1D
    parts: Float2D

    @classmethod
    def none(cls, n: int, n_signals: int) -> Best:
        """Return nothing yet."""
        return cls(
            np.empty((n, 0), np.int64),
            np.empty((n, 0), np.float32),
            np.empty((n, 0, n_signals), np.float32),
        )

    def joined(self, other: Best, k: int) -> Best:
        """Return the best k of both; of equal scores those of `self` first."""
        scores = np.concatenate([self.scores, other.scores], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        items = np.concatenate([self.items, other.items], axis=1)
        parts = np.concatenate([self.parts, other.parts], axis=1)
        return Best(
            np.take_along_axis(items, order, 1),
            np.take_along_axis(scores, order, 1),
            np.take_along_axis(parts, order[:, :, None], 1),
        )


class BatchScorer:
    """Scores the catalog of one generation for many histories; safe for several threads.

    Parameters
    ----------
    generation : it knows the weights, the fold-in and the mean of the catalog.
    catalog : its matrices.
    settings : how a history becomes a query of the text signal.
    """

    def __init__(self, generation: Generation, catalog: CatalogMatrices, settings: Settings) -> None:
        self._learned = generation.learned
        self._mean = np.array(generation.manifest.text_mean, np.float32)
        self.catalog = catalog
        self._settings = settings
        self._popularity = np.empty(0, np.float32) if catalog.popularity is None else catalog.popularity
        self._n_sample = min(settings.ranking.sample_items, len(catalog))
        self._of_histories = (TEXT,) if self._learned is None else (TEXT, TASTE, NEIGHBOURS, POPULARITY)
        self.signals = self._of_histories if catalog.freshness is None else (*self._of_histories, FRESHNESS)
        self._chunk_items = max(1, CELLS // block_users(settings))

    def best(self, histories: Sequence[History], k: int) -> Best:
        """Return the best k allowed items outside each history, at most `block_users` of them.

        A history may say nothing: then only popularity and freshness speak.
        """
        weights = _matrix(histories, self.catalog)
        lengths = np.array([history.length for history in histories])
        unknown = np.array([not np.any(history.weights) for history in histories], bool)
        scorers = self._scorers(weights)
        standards = [self._standard(scorer, weights) for scorer in scorers]
        found = Best.none(len(histories), len(self.signals))
        for rows in self.catalog.chunks(self._chunk_items):
            parts = self._weighted(scorers, standards, lengths, rows)
            if FRESHNESS in self.signals:
                parts[-1, ~unknown] = 0
            scores = parts.sum(axis=0)
            scores[:, ~self.catalog.allowed[rows]] = -np.inf
            scores[_entries(weights, rows)] = -np.inf
            found = found.joined(_best_of(scores, parts, rows, k), k)
        return found

    def _weighted(
        self,
        scorers: Sequence[Scorer],
        standards: Sequence[tuple[Float2D, Float2D]],
        lengths: NDArray[np.integer],
        rows: slice,
    ) -> Float2D:
        """Return what every signal adds to the scores, float32 (n_signals, n_histories, n_rows)."""
        parts = np.stack([scorer(rows) for scorer in scorers])
        for part, (mean, factor) in zip(parts, standards, strict=True):
            part -= mean
            part *= factor
        given = self._settings.ranking.signal_weights
        if FRESHNESS in self.signals:
            parts[-1] = np.nan_to_num(parts[-1]) * np.float32(given.get(FRESHNESS, 0.0))
        if self._learned is None:
            parts[0] *= np.float32(given.get(TEXT, 0.0))
            return parts
        weights = self._learned.weights
        evidence = np.rint(np.expm1(self._popularity[rows]))
        columns = [weights.signals.index(signal) for signal in self._of_histories]
        bucket = np.searchsorted(weights.history_edges, lengths, side="right") - 1
        for one in np.unique(bucket):
            by_item = weights.of(weights.history_edges[one], evidence)[:, columns]
            parts[: len(columns), bucket == one] *= by_item.T[:, None]
        return parts

    def _standard(self, scorer: Scorer, weights: csr_array) -> tuple[Float2D, Float2D]:
        sample = slice(0, self._n_sample)
        counted = np.ones((weights.shape[0], self._n_sample), bool)
        counted[_entries(weights, sample)] = False
        scores = scorer(sample)
        return mean_and_factor(scores, counted & ~np.isnan(scores))

    def _scorers(self, weights: csr_array) -> list[Scorer]:
        """Return one for each of `signals`."""
        return [self._text(weights), *self._learned_scorers(weights), *self._fresh(weights.shape[0])]

    def _learned_scorers(self, weights: csr_array) -> list[Scorer]:
        catalog, learned = self.catalog, self._learned
        if learned is None or catalog.factors is None or catalog.neighbours is None:
            return []
        factors, neighbours = catalog.factors, catalog.neighbours
        users = folded_in(learned.fold_in, factors, weights)
        return [
            lambda rows: users @ factors[rows].T,
            lambda rows: (weights @ neighbours.columns(rows)).toarray(),
            _the_same_for_all(self._popularity, len(users)),
        ]

    def _fresh(self, n_histories: int) -> list[Scorer]:
        fresh = self.catalog.freshness
        return [] if fresh is None else [_the_same_for_all(fresh, n_histories)]

    def _text(self, weights: csr_array) -> Scorer:
        text, mean, pooling = self.catalog.text, self._mean, self._settings.ranking.text_pooling
        if pooling == "soft_nearest":
            # Only what the block needs is centred, so that the file holds what the store holds.
            used = np.unique(weights.indices)
            own, columns = centre(text[used], mean), weights[:, used]
            sharpness = self._settings.ranking.sharpness
            return lambda rows: soft_nearest(own, columns, centre(text[rows], mean), sharpness)
        totals = np.abs(weights).sum(axis=1)[:, None]
        queries = weights @ text
        if pooling == "centred_mean":
            queries = queries - weights.sum(axis=1)[:, None] * mean
        queries = (queries / np.where(totals == 0, 1, totals)).astype(np.float32)
        return lambda rows: queries @ text[rows].T


def _the_same_for_all(scores: Float1D, n_histories: int) -> Scorer:
    return lambda rows: np.broadcast_to(scores[rows], (n_histories, rows.stop - rows.start))


def block_users(settings: Settings) -> int:
    """Return how many histories are scored at once, so that their scores of the sample can be held."""
    return max(1, min(MOST_USERS, CELLS // settings.ranking.sample_items))


def folded_in(fold_in: FoldIn, factors: Float2D, weights: csr_array) -> Float2D:
    """Return the factor of every history, float32 (n, rank); see the module of the taste signal."""
    users = np.zeros((weights.shape[0], factors.shape[1]), np.float32)
    for row in range(len(users)):
        entries = slice(weights.indptr[row], weights.indptr[row + 1])
        own, confidences = factors[weights.indices[entries]], weights.data[entries]
        if np.any(confidences):
            system = fold_in.system(own, np.abs(confidences))
            users[row] = np.linalg.solve(system, own.T.astype(np.float64) @ confidences)
    return users


def map_catalog(generation: Generation, conditions: Sequence[Condition], folder: Path) -> CatalogMatrices:
    """Write the matrices of a generation into files, and return them mapped into memory.

    Parameters
    ----------
    generation : it is read once.
    conditions : what an item must satisfy to be recommended.
    folder : where the files are written; older ones are overwritten.
    """
    index, learned = generation.index, generation.learned
    keys = index.sample(index.count())
    batches = [keys[first : first + READ_ITEMS] for first in range(0, len(keys), READ_ITEMS)]
    item_ids, allowed = [], []
    for batch in batches:
        records = index.records(batch)
        item_ids.append(pl.Series("item_id", [record.item_id for record in records], dtype=pl.String))
        allowed.append([meets(record.metadata, conditions) for record in records])

    def mapped(name: str) -> Float2D:
        with (folder / f"{name}.f32").open("wb") as file:
            for batch in batches:
                np.ascontiguousarray(index.vectors(name, batch), "<f4").tofile(file)
        return _mapped(folder / f"{name}.f32", np.float32).reshape(len(keys), -1)

    matrices = CatalogMatrices(keys, pl.concat(item_ids), np.concatenate(allowed).astype(bool), mapped(TEXT))
    if learned is None:
        return matrices
    return replace(
        matrices,
        factors=mapped(TASTE),
        neighbours=_map_neighbours(index, batches, learned.left_out, folder),
        popularity=mapped(POPULARITY)[:, 0],
    )


def with_freshness(catalog: CatalogMatrices, generation: Generation) -> CatalogMatrices:
    """Return the catalog with how new its items are, where the settings name a field with dates.

    Raises
    ------
    ConfigError
        That field holds no dates.
    """
    fresh = [signal for signal in generation.signals if isinstance(signal, FreshnessSignal)]
    if not fresh:
        return catalog
    now = time.time()
    scores = [fresh[0].freshness(catalog.keys[rows], now) for rows in catalog.chunks(READ_ITEMS)]
    return replace(catalog, freshness=np.concatenate(scores))


def _map_neighbours(index: Index, batches: Sequence[Keys], left_out: Keys, folder: Path) -> Neighbours:
    """Write the sparse vectors with rows of the catalog in place of their own indices."""
    keys = np.concatenate(batches)
    stands = np.flatnonzero(~np.isin(keys, left_out))
    order = stands[np.argsort(columns_of(keys[stands]), kind="stable")]
    vocabulary = columns_of(keys[order])
    counts = [np.zeros(1, np.int64)]
    names = [folder / f"{NEIGHBOURS}.{kind}" for kind in ("i32", "f32")]
    with names[0].open("wb") as rows_file, names[1].open("wb") as values_file:
        for batch in batches:
            sparse = index.sparse_rows(NEIGHBOURS, batch)
            places = np.minimum(np.searchsorted(vocabulary, sparse.indices), len(vocabulary) - 1)
            there = (vocabulary[places] == sparse.indices) & (sparse.values != 0)
            order[places[there]].astype("<i4").tofile(rows_file)
            sparse.values[there].astype("<f4").tofile(values_file)
            counts.append(there.sum(axis=1))
    return Neighbours(
        np.cumsum(np.concatenate(counts)), _mapped(names[0], np.int32), _mapped(names[1], np.float32)
    )


def _mapped(path: Path, dtype: type[np.generic]) -> np.ndarray:
    if path.stat().st_size == 0:  # nothing can be mapped
        return np.empty(0, dtype)
    # A plain view: the memmap class itself costs more than the copy of some rows.
    return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray)


def _matrix(histories: Sequence[History], catalog: CatalogMatrices) -> csr_array:
    """Return the weights, float32 (n, n_items); what weighs 0 is an entry too, because it has been seen."""
    starts = np.cumsum([0, *(len(history.keys) for history in histories)])
    none = History((), np.empty(0, np.uint64), np.empty(0, np.float32), ())
    parts = [*histories, none]
    rows = np.searchsorted(catalog.keys, np.concatenate([history.keys for history in parts]))
    values = np.concatenate([history.weights for history in parts]).astype(np.float32)
    shape = (len(histories), len(catalog))
    return csr_array((values, rows.astype(np.int32), starts.astype(np.int32)), shape=shape)


def _entries(weights: csr_array, rows: slice) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the places of all entries in these columns, counted from the first of them."""
    users = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    inside = (weights.indices >= rows.start) & (weights.indices < rows.stop)
    return users[inside], weights.indices[inside] - rows.start


def _best_of(scores: Float2D, parts: Float2D, rows: slice, k: int) -> Best:
    """Return the best k items of one chunk, in order of rows."""
    k = min(k, scores.shape[1])
    places = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    chosen = np.take_along_axis(scores, places, 1)
    own = np.take_along_axis(parts, places[None], 2).transpose(1, 2, 0)
    return Best(np.where(np.isfinite(chosen), places + rows.start, -1), chosen, own)
