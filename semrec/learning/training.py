"""From events to models: the stages of learning, in order.

1. Hide a few events; choose λ, half life and factorisation by what finds them again.
2. Train on what is left, and learn the weights of items with events, by length of the history.
3. Hide all events of some items, train again, and learn the weights of items without events.
4. Learn by how much items without events are held back in a list with both.
5. Train on everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy import sparse

from semrec.learning import cold, ease, ials
from semrec.learning.models import LearnReport, Models, TrainingData
from semrec.learning.scoring import (
    SIGNALS,
    Signals,
    blend_signals,
    chunks,
    raw_signals,
    sorted_csr,
    standardise,
)
from semrec.learning.selection import (
    SHORT_LENGTHS,
    NeighboursConfig,
    Queries,
    Validation,
    choose_neighbours,
    choose_taste,
    cut_short,
    hide_events,
    hide_items,
    tabulate,
)
from semrec.learning.weights import (
    Table,
    ablation,
    alone,
    cold_factor,
    empty_table,
    join,
    learn_by_length,
    learn_weights,
    ndcg_of,
)
from semrec.signals.blend import BlendWeights
from semrec.types import Float1D, Float2D

HISTORY_EDGES = (0, 1, 2, 4, 8, 16, 32, 64)
EVIDENCE_EDGES = (0, 1)
POPULARITY_ONLY = (0.0, 0.0, 0.0, 1.0)

WARM_PRIOR = np.array([0.25, 0.2, 0.5, 0.05], np.float32)
COLD_PRIOR = np.array([0.3, 0.25, 0.45, 0.0], np.float32)
COLD_STRENGTH = 300.0
"""Queries at which what is learned for cold items counts as much as the prior."""

COLD_FACTORS = (0.75, 1.0, 0.5, 0.25, 0.1, 1.25)
"""To try; the first stands where nothing is known."""

RANKS = (64, 128)


@dataclass(frozen=True)
class Settings:
    """What validation chooses."""

    taste: ials.TasteConfig
    neighbours: NeighboursConfig
    half_life_events: float | None


@dataclass
class _Log:
    """Where the time goes, and what has to be told."""

    progress: Callable[[str], None] | None
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        if self.progress is not None:
            self.progress(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)

    def note(self, text: str) -> None:
        self.notes.append(text)


def learn(data: TrainingData, *, seed: int = 0, progress: Callable[[str], None] | None = None) -> Models:
    """Learn the models and the weights of the blend.

    Parameters
    ----------
    data : what users did; users, items or events may be few or none.
    seed : of the initial factors and of what validation hides.
    progress : called with the name of every stage when it begins.

    Returns
    -------
    The same models for the same data and seed.
    """
    log = _Log(progress)
    data = data.sorted()
    with log.stage("hide events"):
        warm = hide_events(data, seed)
    settings = _choose(warm, seed, log)
    everywhere, short = _warm_tables(warm, settings, seed, log)
    for_new = _cold_table(data, settings, seed, log)
    with log.stage("weights"), ials.single_thread():
        weights, factor = _weights(everywhere, short, for_new, seed, log)
    with log.stage("train on everything"):
        signals = train_signals(data, settings, seed)
    report = _report(settings, factor, weights, (everywhere, short, for_new), log)
    return Models(**vars(signals), weights=weights, report=report)


def train_signals(data: TrainingData, settings: Settings, seed: int) -> Signals:
    """Train all signals with given settings."""
    user_items = data.user_items
    events = np.bincount(user_items.indices, minlength=user_items.shape[1]).astype(np.float32)
    neighbours = ease.train(user_items, settings.neighbours.reg, settings.neighbours.worth)
    own = ials.train(user_items, settings.taste, seed)
    text_map = cold.learn_text_map(data.text_vectors, own, events)
    factors = cold.hand_over(own, text_map.predicted_taste(data.text_vectors), events)
    return Signals(
        factors=factors,
        gram=own.T @ own,
        alpha=settings.taste.alpha,
        reg=settings.taste.reg,
        nu=settings.taste.nu,
        neighbours=cold.predict_neighbours(cold.centred_text(data.text_vectors), neighbours, events),
        events=events,
        half_life_events=settings.half_life_events,
        text_map=text_map,
    )


def scores(
    models: Models,
    text_vectors: Float2D,
    histories: sparse.csr_array,
    order: sparse.csr_array | None = None,
    *,
    sample: np.ndarray | None = None,
) -> Float2D:
    """Return the blend of every item for many histories, as it is served.

    Parameters
    ----------
    text_vectors : float32 (n_items, dim), as given to `learn`.
    histories : float32 (n, n_items), confidences.
    order : same pattern, or None.
    sample : int (n_sample,), items by which signals are standardised; None: all. (Online it is a sample.)

    Returns
    -------
    float32 (n, n_items); items of the history are scored too.
    """
    text = cold.centred_text(np.asarray(text_vectors, np.float32))
    histories, order = sorted_csr(histories), None if order is None else sorted_csr(order)
    chosen = None
    if sample is not None:
        chosen = np.zeros(len(text), bool)
        chosen[sample] = True
    result = np.empty(histories.shape, np.float32)
    for rows in chunks(len(result), len(text)):
        known, when = histories[rows], None if order is None else order[rows]
        raw = raw_signals(models.signals, text, known, when)
        standardised = [standardise(values, known, chosen) for values in raw]
        result[rows] = blend_signals(standardised, models.weights, np.diff(known.indptr), models.events)
    return result


def _choose(warm: Validation, seed: int, log: _Log) -> Settings:
    ranks = tuple(sorted({min(rank, warm.training.user_items.shape[1]) for rank in RANKS}))
    if not len(warm.queries):
        log.note("no user has two events: settings and weights are the defaults")
        return Settings(ials.TasteConfig(rank=max(1, ranks[-1])), NeighboursConfig(), None)
    with log.stage("choose neighbours"):
        neighbours, half = choose_neighbours(warm)
    with log.stage("choose taste"):
        taste = choose_taste(warm, half, ranks, seed)
    return Settings(taste, neighbours, half)


def _warm_tables(warm: Validation, settings: Settings, seed: int, log: _Log) -> tuple[Table, Table]:
    """Return the tables of the queries as they are, and of the queries cut short."""
    if not len(warm.queries):
        return empty_table(len(SIGNALS)), empty_table(len(SIGNALS))
    with log.stage("train on what is not hidden"):
        signals = train_signals(warm.training, settings, seed)
    with log.stage("warm queries"):
        short: list[Queries] = [cut_short(warm.queries, length, seed) for length in SHORT_LENGTHS]
        text = cold.centred_text(warm.training.text_vectors)
        tables = [tabulate(signals, text, queries) for queries in (warm.queries, *short)]
    return tables[0], join(tables[1:])


def _cold_table(data: TrainingData, settings: Settings, seed: int, log: _Log) -> Table:
    validation = hide_items(data, seed)
    if not len(validation.queries):
        log.note("too few items with events: the weights of new items are the defaults")
        return empty_table(len(SIGNALS))
    with log.stage("train on some items"):
        signals = train_signals(validation.training, settings, seed)
    with log.stage("cold queries"):
        return tabulate(signals, cold.centred_text(data.text_vectors), validation.queries)


def _weights(
    everywhere: Table, short: Table, for_new: Table, seed: int, log: _Log
) -> tuple[BlendWeights, float]:
    """Return the weights of the blend, and by what those of new items were multiplied."""
    common = learn_weights(everywhere.warm_only(), WARM_PRIOR, seed)
    both = join([everywhere, short])
    by_length = learn_by_length(both.warm_only(), HISTORY_EDGES, common, seed)
    new = learn_weights(for_new, COLD_PRIOR, seed, strength=COLD_STRENGTH)
    new[-1] = 0  # nobody has used a new item
    new = new / new.sum() if new.any() else COLD_PRIOR
    warm_rows = torch.from_numpy(np.stack(by_length))[_bucket(everywhere)]
    factor = cold_factor(everywhere, warm_rows, torch.from_numpy(new), COLD_FACTORS)
    if not len(everywhere):
        log.note("nothing could be validated: items without events count by a default")
    return _blend_weights(by_length, factor * new), factor


def _blend_weights(by_length: list[Float1D], new: Float1D) -> BlendWeights:
    rows = [(tuple(map(float, new)), tuple(map(float, warm))) for warm in by_length]
    rows[0] = (POPULARITY_ONLY, POPULARITY_ONLY)
    return BlendWeights(SIGNALS, HISTORY_EDGES, EVIDENCE_EDGES, tuple(rows))


def _bucket(table: Table) -> torch.Tensor:
    return torch.bucketize(table.lengths, torch.tensor(HISTORY_EDGES[1:]), right=True)


def _report(
    settings: Settings,
    factor: float,
    weights: BlendWeights,
    tables: tuple[Table, Table, Table],
    log: _Log,
) -> LearnReport:
    everywhere, short, for_new = tables
    column = torch.tensor([row[1] for row in weights.table])
    new = torch.tensor(weights.table[-1][0])
    warm_rows, short_rows = column[_bucket(everywhere)], column[_bucket(short)]
    chosen: dict[str, float | int | str | None] = {
        "rank": settings.taste.rank,
        "alpha": settings.taste.alpha,
        "reg": settings.taste.reg,
        "nu": settings.taste.nu,
        "epochs": settings.taste.epochs,
        "neighbours_reg": settings.neighbours.reg,
        "neighbours_kept_by": settings.neighbours.worth,
        "half_life_events": settings.half_life_events,
        "cold_factor": factor,
    }
    gain = ablation(everywhere, warm_rows) if len(everywhere) else np.zeros(len(SIGNALS))
    return LearnReport(
        chosen=chosen,
        n_validation={"warm": len(everywhere), "short": len(short), "cold": len(for_new)},
        warm=_measured(everywhere, warm_rows, new),
        short=_measured(short, short_rows, new),
        cold=_measured(for_new, new.expand(len(for_new), -1), new),
        gain=dict(zip(SIGNALS, map(float, gain), strict=True)),
        seconds=log.seconds,
        notes=tuple(log.notes),
    )


def _measured(table: Table, warm: torch.Tensor, new: torch.Tensor) -> dict[str, float]:
    if not len(table):
        return {}
    by_warm = torch.bmm(table.z, warm[:, :, None])[:, :, 0]
    blend = ndcg_of(table, torch.where(table.cold, table.z @ new, by_warm)).mean()
    return {**dict(zip(SIGNALS, map(float, alone(table)), strict=True)), "blend": float(blend)}
