"""Validation: parts of the training data that are hidden, and how much of them a model finds.

Only the training data is read. One part hides a few events of some users, the other all events of
some items: weights for known items need models that are nearly complete, weights for new items need many
new items.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from semrec.learning.scoring import SideBySide, ages, asked_with, chunks
from semrec.learning.weights import Table, candidates, empty_table, join, ndcg
from semrec.signals.fitting import ScoreHistories, TrainingData

MOST_QUERIES = 2000
HIDDEN_SHARE = 0.2
"""Share of the events that is hidden, of each user in the validation part."""

HIDDEN_ITEMS = 0.2
SHORT_LENGTHS = (1, 2, 3, 6)
MOST_SHORT = 1000

HALF_LIVES = (None, 100.0, 50.0, 25.0, 12.0)
NEARLY = 0.98
"""Of half lives whose NDCG@10 is this share of the best one or more, the middle one is taken."""


@dataclass(frozen=True)
class Queries:
    """Validation queries over the numbering of the items.

    Parameters
    ----------
    histories : float32 (n, n_items).
    order : same pattern, or None.
    excluded : (n, n_items), stored entries must not be recommended.
    targets : (n, n_items), what is hidden.
    allowed : bool (n_items,), items that may be recommended.
    """

    histories: sparse.csr_array
    order: sparse.csr_array | None
    excluded: sparse.csr_array
    targets: sparse.csr_array
    allowed: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.histories.shape[0])


@dataclass(frozen=True)
class Validation:
    """What remains to train on, and the queries for what was hidden."""

    training: TrainingData
    queries: Queries


@dataclass(frozen=True)
class ItemValidation:
    """The same where all events of some items are hidden, and a few of the other events.

    Parameters
    ----------
    training : what remains.
    queries : only the hidden items are candidates and targets.
    among_others : all items that had events are candidates, and the other hidden events are targets.
    """

    training: TrainingData
    queries: Queries
    among_others: Queries


def hide_events(data: TrainingData, seed: int) -> Validation:
    """Hide the last (without an order: random) events of some users with two events or more."""
    asked, late = _late_events(data, seed)
    training = _masked(data, ~late)
    everything = np.ones(data.user_items.shape[1], bool)
    return Validation(training, _queries(training, asked, _pick(data.user_items, late), everything))


def hide_items(data: TrainingData, seed: int) -> ItemValidation:
    """Hide all events of some of the items, and the events that `hide_events` hides.

    Among all items, the targets are the events that `hide_events` hides: so hidden items are wanted as often
    beside the others as they would be if they were new.
    """
    matrix = data.user_items
    active = np.bincount(matrix.indices, minlength=matrix.shape[1]) > 0
    rng = np.random.default_rng(seed)
    items = rng.permutation(np.flatnonzero(active))
    cold = np.zeros(matrix.shape[1], bool)
    cold[items[: int(HIDDEN_ITEMS * len(items))]] = True
    hidden, (some, late) = cold[matrix.indices], _late_events(data, seed)
    training, new = _masked(data, ~(hidden | late)), _pick(matrix, hidden)
    is_known = np.diff(training.user_items.indptr) > 0
    able = _as_one(np.flatnonzero(is_known & (np.diff(new.indptr) > 0)), data, seed)
    asked = np.sort(rng.permutation(able)[:MOST_QUERIES])
    some = some[is_known[some]]
    return ItemValidation(
        training,
        _queries(training, asked, new, cold),
        _queries(training, some, _pick(matrix, late), active),
    )


def _late_events(data: TrainingData, seed: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return some users with two events or more, and which events are their last, bool (n_events,).

    Without an order, random events take the place of the last ones.
    """
    matrix = data.user_items
    rng = np.random.default_rng(seed)
    lengths = np.diff(matrix.indptr)
    able = _as_one(np.flatnonzero(lengths >= 2), data, seed)
    asked = np.sort(rng.permutation(able)[:MOST_QUERIES])
    n_hidden = np.zeros(len(lengths), np.int64)
    n_hidden[asked] = np.maximum(1, np.round(HIDDEN_SHARE * lengths[asked]))
    newer = _newer_by_chance(matrix, data.order, rng)
    return asked, newer < np.repeat(n_hidden, lengths)


def _newer_by_chance(
    events: sparse.csr_array, order: sparse.csr_array | None, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return for every event how many of its row count as newer; chance decides among equal or unknown times.

    So the order of the rows in a file teaches nothing.
    """
    chance = rng.permutation(events.nnz)
    if order is not None:
        chance[np.lexsort((chance, order.data))] = np.arange(events.nnz)
    return ages(sparse.csr_array((chance, events.indices, events.indptr), shape=events.shape))


def _queries(
    training: TrainingData, asked: NDArray[np.int64], targets: sparse.csr_array, allowed: NDArray[np.bool_]
) -> Queries:
    """Return queries of users by what remains of their events."""
    order = None if training.order is None else training.order[asked]
    known = training.user_items[asked]
    return Queries(known, order, known, targets[asked], allowed)


def cut_short(queries: Queries, length: int, seed: int) -> Queries:
    """Return the queries as if only so many events were known: the last, without an order random ones."""
    rng = np.random.default_rng((seed, length))
    able = np.flatnonzero(np.diff(queries.histories.indptr) > length)
    rows = np.sort(rng.permutation(able)[:MOST_SHORT])
    known = queries.histories[rows]
    kept = _newer_by_chance(known, None if queries.order is None else queries.order[rows], rng) < length
    order = None if queries.order is None else _pick(queries.order[rows], kept)
    return Queries(_pick(known, kept), order, queries.excluded[rows], queries.targets[rows], queries.allowed)


def tabulate(signals: SideBySide, queries: Queries) -> Table:
    """Return the standardised scores of the candidates of the queries."""
    tables = []
    for rows in chunks(len(queries), len(signals.events)):
        histories = queries.histories[rows]
        order = None if queries.order is None else queries.order[rows]
        standardised = signals.standardised(histories, order)
        allowed = np.broadcast_to(queries.allowed, histories.shape).copy()
        allowed[_places(queries.excluded[rows])] = False
        wanted = np.zeros(histories.shape, bool)
        wanted[_places(queries.targets[rows])] = True
        lengths = np.diff(histories.indptr)
        tables.append(candidates(standardised, allowed, wanted, lengths, signals.events))
    return join(tables) if tables else empty_table(signals.n_signals)


def found_again(
    score: ScoreHistories,
    queries: Queries,
    half: float | None,
    known: NDArray[np.bool_],
) -> float:
    """Return the mean NDCG@10 of one signal over the known items; -1 when nothing can be found.

    Parameters
    ----------
    half : half life of the histories' events.
    known : bool (n_items,), items with events.
    """
    parts = []
    for rows in chunks(len(queries), len(known)):
        histories = queries.histories[rows]
        order = None if queries.order is None else queries.order[rows]
        allowed = np.broadcast_to(queries.allowed & known, histories.shape).copy()
        allowed[_places(queries.excluded[rows])] = False
        wanted = np.zeros(histories.shape, bool)
        wanted[_places(queries.targets[rows])] = True
        scores = score(asked_with(histories, order, half))
        table = candidates([scores], allowed, wanted, np.diff(histories.indptr), known.astype(np.float32))
        asked = table.take(torch.where(table.targets > 0)[0])
        parts.append(ndcg(asked, torch.ones(1)))
    values = torch.cat(parts) if parts else torch.zeros(0)
    return float(values.mean()) if len(values) else -1.0


class ValidationTrial:
    """A validation part for `Signal.tune`, see `semrec.signals.fitting.Trial`.

    Parameters
    ----------
    validation : the training part, and the queries for what was hidden.
    seed : of everything random.
    """

    def __init__(self, validation: Validation, seed: int) -> None:
        self.data = validation.training
        self.seed = seed
        self.half_life: float | None = None
        self._queries = validation.queries
        self._known = _known(validation.training)

    def ndcg(self, score: ScoreHistories) -> float:
        """Return NDCG@10 of a model on the hidden events, with the half life that was chosen."""
        return found_again(score, self._queries, self.half_life, self._known)

    def choose_half_life(self, models: Iterable[tuple[Any, ScoreHistories]]) -> Any:
        """Return the label of the model that finds most with any half life, and keep that half life.

        Of half lives that are nearly as good as the best, the middle one is taken: the best is partly luck.
        """
        halves: Sequence[float | None] = HALF_LIVES if self._queries.order is not None else (None,)
        most, best = 0.0, None
        for label, score in models:
            found = [found_again(score, self._queries, half, self._known) for half in halves]
            if max(found) > most:
                most, best, self.half_life = max(found), label, _middle(halves, found)
        return best


def _middle(halves: Sequence[float | None], found: Sequence[float]) -> float | None:
    """Return the middle one of the half lives that are nearly as good as the best."""
    enough = NEARLY * max(found)
    nearly = [half for half, now in zip(halves, found, strict=True) if now >= enough]
    return nearly[(len(nearly) - 1) // 2]


def _as_one(users: NDArray[np.int64], data: TrainingData, seed: int) -> NDArray[np.int64]:
    """Return the users, of a group of nearly identical ones about one: each stays with its weight."""
    if data.user_weights is None:
        return users
    random = np.random.default_rng((seed, len(users)))
    return users[random.random(len(users)) < data.user_weights[users]]


def _known(data: TrainingData) -> NDArray[np.bool_]:
    return np.bincount(data.user_items.indices, minlength=data.user_items.shape[1]) > 0


def _pick(matrix: sparse.csr_array, chosen: NDArray[np.bool_]) -> sparse.csr_array:
    """Return the chosen stored entries, in the same shape; zeros stay stored."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[chosen]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=matrix.shape[0]))])
    return sparse.csr_array((matrix.data[chosen], matrix.indices[chosen], indptr), shape=matrix.shape)


def _masked(data: TrainingData, chosen: NDArray[np.bool_]) -> TrainingData:
    order = None if data.order is None else _pick(data.order, chosen)
    return replace(data, user_items=_pick(data.user_items, chosen), order=order)


def _places(matrix: sparse.csr_array) -> tuple[NDArray[np.int64], NDArray[np.integer]]:
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.indices
