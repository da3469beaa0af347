"""Scores of the whole catalog for many histories at once, exactly as a question scores its candidates.

The matrices of a catalog lie in files that are mapped into memory, so any number of items can be scored
in chunks by several threads, and the store is not asked while they work. Items are in order of their keys:
the first ones are the sample by which a question standardises its signals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from semrec.ranking.conditions import meets
from semrec.ranking.generation import Generation
from semrec.ranking.history import History
from semrec.signals import Signal
from semrec.signals.catalog_matrix import Histories
from semrec.signals.item_item import cold_columns_of, columns_of
from semrec.signals.standard import seen_in, standardised
from semrec.store import Index
from semrec.types import Condition, Float1D, Float2D, Keys, Value

Places: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Histories, and rows of the catalog: one pair for each place."""


@dataclass(frozen=True, slots=True)
class BlockSizes:
    """How much is done at a time; it bounds the memory and does not change the scores.

    Parameters
    ----------
    histories : most histories in one block: their items are compared with the catalog once.
    cells : scores of one signal that one thread holds at once.
    read_items : items that are read from the index at a time.
    """

    histories: int = 1024
    cells: int = 1 << 21
    read_items: int = 4096

    def block(self, n_sample: int) -> int:
        """Return how many histories are scored at once, so that their scores of the sample can be held."""
        return max(1, min(self.histories, self.cells // n_sample))

    def chunk(self, n_sample: int) -> int:
        """Return how many items are scored at once for one block of histories."""
        return max(1, self.cells // self.block(n_sample))


@dataclass(frozen=True)
class ItemColumns:
    """Sparse vectors whose entries stand for items, as columns (2·n_items, n_items) in mapped files.

    Rows of a column: first the items as they stand in vectors of items with events, then again as they stand
    in vectors of items without events.
    """

    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    values: Float1D

    def columns(self, items: slice) -> csc_array:
        """Return the columns of some items, float32 (2·n_items, n_rows)."""
        starts = self.starts[items.start : items.stop + 1]
        entries = slice(starts[0], starts[-1])
        shape = (2 * (len(self.starts) - 1), len(starts) - 1)
        inside = (starts - starts[0]).astype(np.int32)
        return csc_array((self.values[entries], self.rows[entries], inside), shape=shape)


@dataclass(frozen=True)
class MappedCatalog:
    """A catalog in mapped files, see `semrec.signals.catalog_matrix.Catalog`; keys ascend.

    Parameters
    ----------
    keys : uint64 (n_items,).
    item_ids, titles : of the items.
    allowed : bool (n_items,), which may be recommended.
    matrices : dense fields, float32 (n_items, dim).
    item_fields : sparse fields whose entries stand for items.
    values : metadata fields.
    """

    keys: Keys
    item_ids: pl.Series
    titles: pl.Series
    allowed: NDArray[np.bool_]
    matrices: Mapping[str, Float2D]
    item_fields: Mapping[str, ItemColumns]
    values: Mapping[str, Sequence[Value | None]]

    def __len__(self) -> int:
        return len(self.keys)

    def dense(self, name: str) -> Float2D:
        """Return a dense field, float32 (n_items, dim)."""
        return self.matrices[name]

    def item_columns(self, name: str, rows: slice) -> csc_array:
        """Return columns of a sparse field whose entries stand for items, float32 (2·n_items, n_rows)."""
        return self.item_fields[name].columns(rows)

    def metadata(self, field: str) -> Sequence[Value | None]:
        """Return the values of a metadata field."""
        return self.values[field]

    def fetch(self, keys: Keys) -> MappedItems:
        """Return some items of the catalog; keys that it does not hold are left out."""
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        there = self.keys[places] == keys
        return MappedItems(self, keys[there], places[there])

    def chunks(self, n_items: int) -> Iterator[slice]:
        """Yield the rows of the catalog, so many at a time."""
        for first in range(0, len(self), n_items):
            yield slice(first, min(first + n_items, len(self)))


@dataclass(frozen=True)
class MappedItems:
    """Some items of a mapped catalog: what a history reads.

    Parameters
    ----------
    catalog : where they are.
    keys : uint64 (n,).
    places : int64 (n,), their rows.
    """

    catalog: MappedCatalog
    keys: Keys
    places: NDArray[np.int64]

    def vectors(self, name: str) -> Float2D:
        """Return dense vectors, float32 (n, dim)."""
        return self.catalog.dense(name)[self.places]


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

    def at(self, places: Sequence[NDArray[np.int64]], k: int) -> Best:
        """Return the items at some places of each row, filled up to k."""
        n = len(self.items)
        shown = Best(
            np.full((n, k), -1, np.int64),
            np.full((n, k), -np.inf, np.float32),
            np.zeros((n, k, self.parts.shape[2]), np.float32),
        )
        for row, own in enumerate(places):
            shown.items[row, : len(own)] = self.items[row, own]
            shown.scores[row, : len(own)] = self.scores[row, own]
            shown.parts[row, : len(own)] = self.parts[row, own]
        return shown

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


class CatalogScorer:
    """Scores the catalog of one generation for many histories; safe for several threads.

    Attributes
    ----------
    block : most histories that are scored at once.

    Parameters
    ----------
    generation : knows the signals and their weights.
    catalog : its matrices.
    sizes : how much is done at a time.
    """

    def __init__(
        self, generation: Generation, catalog: MappedCatalog, sizes: BlockSizes = BlockSizes()
    ) -> None:
        self._generation = generation
        self.catalog = catalog
        self._signals = [
            signal for signal in generation.signals if _scores_histories(signal, generation, catalog)
        ]
        self._n_sample = min(generation.settings.ranking.sample_items, len(catalog))
        self.block = sizes.block(generation.settings.ranking.sample_items)
        self._chunk_items = sizes.chunk(generation.settings.ranking.sample_items)

    @property
    def text_mean(self) -> Float1D:
        """Mean text vector of the catalog, float32 (dim,)."""
        return np.array(self._generation.manifest.text_mean, np.float32)

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals that score histories."""
        return tuple(signal.name for signal in self._signals)

    def best(self, histories: Sequence[History], k: int) -> Best:
        """Return the best k allowed items outside each history, for at most `block` histories.

        A history may be empty: then only signals that need none count.
        """
        asked = _histories(histories, self.catalog)
        lengths = np.array([history.length for history in histories], np.int64)
        sample = slice(0, self._n_sample)
        samples = [self._raw(signal, asked, sample) for signal in self._signals]
        in_history = seen_in(asked, self._n_sample)
        used = _places_of_seen(histories, self.catalog)
        found = Best.none(len(histories), len(self._signals))
        for rows in self.catalog.chunks(self._chunk_items):
            parts = np.stack(
                [
                    standardised(self._raw(signal, asked, rows), of_sample, in_history)
                    for signal, of_sample in zip(self._signals, samples, strict=True)
                ]
            )
            self._weigh(parts, lengths, rows)
            scores = parts.sum(axis=0)
            scores[:, ~self.catalog.allowed[rows]] = -np.inf
            scores[_within(used, rows)] = -np.inf
            found = found.joined(_best_of(scores, parts, rows, k), k)
        return found

    def _raw(self, signal: Signal, histories: Histories, rows: slice) -> Float2D:
        scores = signal.score_catalog(self.catalog, histories, rows)
        return np.array(scores, np.float32)

    def _weigh(self, parts: Float2D, lengths: NDArray[np.int64], rows: slice) -> None:
        """Multiply what every signal says (n_signals, n_histories, n_rows) by its weight."""
        generation, evidence = self._generation, self._evidence(rows)
        learned = generation.learned.weights if generation.learned else None
        buckets = learned.buckets(lengths) if learned else np.zeros(len(lengths), np.int64)
        buckets = np.where(lengths == 0, -1, buckets)  # signals of last resort count for these only
        for bucket in np.unique(buckets):
            own = buckets == bucket
            weights = generation.weights({}, int(lengths[own][0]))
            for part, signal in zip(parts, self._signals, strict=True):
                part[own] *= weights.of_history(signal.name, evidence)

    def _evidence(self, rows: slice) -> Float1D:
        """Return the number of events of items, float32 (n_rows,)."""
        request = self._generation.evidence_request
        if request is None:
            return np.zeros(rows.stop - rows.start, np.float32)
        stored = self.catalog.dense(request.vector_name)[rows]
        return self._generation.evidence(stored @ np.asarray(request.query, np.float32))


def _scores_histories(signal: Signal, generation: Generation, catalog: MappedCatalog) -> bool:
    if signal.last_resort and not generation.weights({}, 0).is_active(signal.name):
        return False
    none = Histories(csr_array((0, len(catalog)), dtype=np.float32))
    return signal.score_catalog(catalog, none, slice(0, min(1, len(catalog)))) is not None


def map_catalog(
    generation: Generation,
    conditions: Sequence[Condition],
    folder: Path,
    sizes: BlockSizes = BlockSizes(),
    *,
    group: str = "",
) -> MappedCatalog:
    """Write the matrices of a generation into files, and return them mapped into memory.

    Parameters
    ----------
    generation : it is read once.
    conditions : what an item must satisfy to be recommended.
    folder : where the files are written; older ones are overwritten.
    sizes : how much is read at a time.
    group : a metadata field that lists are grouped by; empty: none.
    """
    index = generation.index
    keys = index.sample(index.count())
    step = sizes.read_items
    batches = [keys[first : first + step] for first in range(0, len(keys), step)]
    item_ids, titles, allowed = [], [], []
    for batch in batches:
        records = index.records(batch)
        item_ids.append(pl.Series("item_id", [record.item_id for record in records], dtype=pl.String))
        titles.append(pl.Series("title", [record.title for record in records], dtype=pl.String))
        allowed.append([meets(record.metadata, conditions) for record in records])
    return MappedCatalog(
        keys,
        pl.concat(item_ids),
        pl.concat(titles),
        np.concatenate(allowed).astype(bool),
        {
            field.name: _map_dense(index, field.name, batches, folder)
            for field in generation.manifest.vectors
            if field.kind == "dense"
        },
        {
            name: _map_item_columns(index, name, batches, left_out, folder)
            for signal in generation.signals
            for name, left_out in signal.item_columns(generation.parameters(signal)).items()
        },
        {
            field: [value for batch in batches for value in index.metadata_values(field, batch)]
            for field in dict.fromkeys([*_fields_of_signals(generation), *([group] if group else [])])
        },
    )


def _fields_of_signals(generation: Generation) -> list[str]:
    return [field for signal in generation.signals for field in signal.metadata_fields]


def _map_dense(index: Index, name: str, batches: Sequence[Keys], folder: Path) -> Float2D:
    with (folder / f"{name}.f32").open("wb") as file:
        for batch in batches:
            np.ascontiguousarray(index.vectors(name, batch), "<f4").tofile(file)
    return _mapped(folder / f"{name}.f32", np.float32).reshape(sum(map(len, batches)), -1)


def _map_item_columns(
    index: Index, name: str, batches: Sequence[Keys], left_out: Keys, folder: Path
) -> ItemColumns:
    """Write sparse vectors with rows of the catalog in place of their own indices."""
    keys = np.concatenate(batches)
    stands = np.flatnonzero(~np.isin(keys, left_out))
    indices = np.concatenate([columns_of(keys[stands]), cold_columns_of(keys[stands])])
    by_index = np.argsort(indices)
    order = np.concatenate([stands, len(keys) + stands])[by_index]
    vocabulary = indices[by_index]
    counts = [np.zeros(1, np.int64)]
    names = [folder / f"{name}.{kind}" for kind in ("i32", "f32")]
    with names[0].open("wb") as rows_file, names[1].open("wb") as values_file:
        for batch in batches:
            sparse = index.sparse_rows(name, batch)
            places = np.minimum(np.searchsorted(vocabulary, sparse.indices), len(vocabulary) - 1)
            there = (vocabulary[places] == sparse.indices) & (sparse.values != 0)
            order[places[there]].astype("<i4").tofile(rows_file)
            sparse.values[there].astype("<f4").tofile(values_file)
            counts.append(there.sum(axis=1))
    return ItemColumns(
        np.cumsum(np.concatenate(counts)), _mapped(names[0], np.int32), _mapped(names[1], np.float32)
    )


def _mapped(path: Path, dtype: type[np.generic]) -> np.ndarray:
    if path.stat().st_size == 0:  # nothing can be mapped
        return np.empty(0, dtype)
    # A plain view: the memmap class itself costs more than the copy of some rows.
    return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray)


def _histories(histories: Sequence[History], catalog: MappedCatalog) -> Histories:
    """Return the histories over the catalog; what weighs 0 is an entry, too."""
    starts = np.cumsum([0, *(len(history.keys) for history in histories)])
    keys = np.concatenate([np.empty(0, np.uint64), *(history.keys for history in histories)])
    values = np.concatenate([np.empty(0, np.float32), *(history.weights for history in histories)])
    ages = np.concatenate([np.empty(0, np.int64), *(history.ages for history in histories)])
    rows = np.searchsorted(catalog.keys, keys)
    shape = (len(histories), len(catalog))
    parts = (values.astype(np.float32), rows.astype(np.int32), starts.astype(np.int32))
    return Histories(csr_array(parts, shape=shape), ages)


def _places_of_seen(histories: Sequence[History], catalog: MappedCatalog) -> Places:
    """Return the histories and the rows of the items that they have seen."""
    keys = [history.seen_keys for history in histories]
    users = np.repeat(np.arange(len(histories)), [len(own) for own in keys])
    wanted = np.concatenate([np.empty(0, np.uint64), *keys])
    rows = np.minimum(np.searchsorted(catalog.keys, wanted), len(catalog) - 1)
    there = catalog.keys[rows] == wanted
    return users[there], rows[there]


def _within(places: Places, rows: slice) -> Places:
    """Return the places in some rows, counted from the first of them."""
    users, items = places
    inside = (items >= rows.start) & (items < rows.stop)
    return users[inside], items[inside] - rows.start


def _best_of(scores: Float2D, parts: Float2D, rows: slice, k: int) -> Best:
    """Return the best k items of one chunk, in order of rows."""
    k = min(k, scores.shape[1])
    places = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    chosen = np.take_along_axis(scores, places, 1)
    own = np.take_along_axis(parts, places[None], 2).transpose(1, 2, 0)
    return Best(np.where(np.isfinite(chosen), places + rows.start, -1), chosen, own)
