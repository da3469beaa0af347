"""From events to models: the stages of learning, in order.

1. Find users with nearly the same history: together they count as one.
2. Hide a few events; tune every signal, and the half life of events, by what finds them again.
3. Train on the rest, take the alternatives of signals with which the blend is best, and learn the weights of
   items with events, by length of the history.
4. Hide all events of some items and a few other ones, train again, and learn the weights of items without
   events, and the scale on which they stand beside items with events. Do so with several draws of items.
5. Learn by how much items that have been there and got no events are held back.
6. Train on everything.

So items without events are of two kinds. An item that came after the fit could not have events: it counts as
much as the hidden items of stage 4 tell, and half of that by what is read in it. An item that was there and
got none is held back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from scipy import sparse

from semrec.config import Settings
from semrec.learning.alternatives import Rivals
from semrec.learning.models import LearnReport, Models
from semrec.learning.near_identical import counted_once, find_groups, without
from semrec.learning.scoring import (
    FittedSignals,
    SideBySide,
    blend_signals,
    chunks,
    fit_signals,
    weighed_signals,
)
from semrec.learning.selection import (
    SHORT_LENGTHS,
    Queries,
    Validation,
    ValidationTrial,
    cut_short,
    hide_events,
    hide_items,
    tabulate,
)
from semrec.learning.weights import (
    ENOUGH,
    Table,
    ablation,
    alone,
    cold_factor,
    empty_table,
    join,
    learn_by_length,
    learn_weights,
    ndcg_of,
    new_factor,
)
from semrec.signals import Signal
from semrec.signals.blend import BlendWeights
from semrec.signals.fitting import TrainingData, sorted_csr
from semrec.signals.models.ials import single_thread
from semrec.signals.popularity import NEW_ITEM
from semrec.store.protocol import TEXT
from semrec.types import Float1D, Float2D

HISTORY_EDGES = (0, 1, 2, 4, 8, 16, 32, 64)
EVIDENCE_EDGES = (NEW_ITEM, 0, 1)
"""Items that came after the fit, items without events, items with events."""

COLD_STRENGTH = 300.0
"""Queries at which what is learned for cold items counts as much as the prior."""

COLD_FACTORS = (0.75, 1.0, 0.5, 0.25, 0.1, 1.25)
"""Scales of items without events to try; the first stands where nothing is known."""

NEW_FACTORS = tuple(round(0.25 * 1.15**step, 3) for step in range(24))
"""The same for items that came after the fit, 0.25 to 6.2; see `new_factor`."""

NEW_DRAWS = 2
"""Draws of hidden items: a scale that is safe for one may be luck."""

READ_SHARE = 0.5
"""Share of the weights of new items for signals that read the items themselves. Fitted signals guess the
vectors of new items from those of similar ones: what tells popular items from others among new ones, where
weights are learned, tells little beside items whose events are known."""


@dataclass(frozen=True)
class Choice:
    """What validation chooses.

    Parameters
    ----------
    options : of each signal.
    half_life_events : newer events of a history after which one counts half; None: all count alike.
    """

    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    half_life_events: float | None = None


@dataclass
class _Log:
    """Seconds of every stage, and the notes of the report."""

    progress: Callable[[str], None] | None
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        if self.progress is not None:
            self.progress(name)
        start = time.perf_counter()
        yield
        taken = time.perf_counter() - start
        self.seconds[name] = round(self.seconds.get(name, 0.0) + taken, 3)

    def note(self, text: str) -> None:
        self.notes.append(text)


def learn(
    data: TrainingData,
    *,
    settings: Settings | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Models:
    """Learn the models and the weights of the blend.

    Parameters
    ----------
    data : what users did; users, items or events may be few or none.
    settings : how texts are pooled; None: the defaults.
    seed : of the initial factors and of what validation hides.
    progress : called with the name of every stage when it begins.

    Returns
    -------
    The same models for the same data and seed.
    """
    return _Learning(data.sorted(), settings or Settings(), seed, _Log(progress)).run()


def scores(
    models: Models,
    histories: sparse.csr_array,
    order: sparse.csr_array | None = None,
    *,
    sample: np.ndarray | None = None,
) -> Float2D:
    """Return the blend of every item for many histories, as it is served.

    Parameters
    ----------
    histories : float32 (n, n_items), confidences.
    order : same pattern, or None.
    sample : int (n_sample,), items by which signals are standardised; None: all. (Online it is a sample.)

    Returns
    -------
    float32 (n, n_items); items of the history are scored too.
    """
    histories, order = sorted_csr(histories), None if order is None else sorted_csr(order)
    result = np.empty(histories.shape, np.float32)
    for rows in chunks(*histories.shape):
        known, when = histories[rows], None if order is None else order[rows]
        parts = models.signals.standardised(known, when, sample)
        lengths = np.diff(known.indptr)
        result[rows] = blend_signals(parts, models.weights, lengths, models.signals.events)
    return result


@dataclass(frozen=True)
class _Tables:
    """Validation queries: as they are, cut short, for hidden items, and for hidden items among all items."""

    warm: Table
    short: Table
    cold: Table
    mixed: Table


class _Learning:
    """One run of `learn`."""

    def __init__(self, data: TrainingData, settings: Settings, seed: int, log: _Log) -> None:
        self.data = data
        self.settings = settings
        self.seed = seed
        self.log = log
        self.signals: list[type[Signal]] = weighed_signals((TEXT, *data.vectors))
        self.compared: dict[str, float] = {}

    def run(self) -> Models:
        """Take the stages in order."""
        with self.log.stage("compare users"):
            groups = find_groups(self.data.user_items)
            leaves_out = self.settings.events.similar_users == "leave_out"
            self.data = without(self.data, groups) if leaves_out else counted_once(self.data, groups)
        if not self.data.has_order:
            self.data = replace(self.data, order=None)
            self.log.note(
                "the events have no order (no times, or those of each user are equal): what is taken next "
                "cannot be learned, and all events of a history count alike"
            )
        with self.log.stage("hide events"):
            hidden = hide_events(self.data, self.seed)
        choice, warm, short = self._choose(hidden)
        tables = _Tables(warm, short, *self._cold_tables(choice))
        with self.log.stage("weights"), single_thread():
            weights, factors = self._weights(tables)
        with self.log.stage("train on everything"):
            signals, fitted = self._fit(self.data, choice)
        return Models(fitted, signals, weights, self._report(choice, factors, weights, tables), tuple(groups))

    def _fit(self, data: TrainingData, choice: Choice) -> tuple[FittedSignals, Any]:
        return fit_signals(data, choice.options, choice.half_life_events, self.settings, self.seed)

    def _choose(self, hidden: Validation) -> tuple[Choice, Table, Table]:
        """Return what validation chooses, and the tables of the queries as they are and cut short."""
        if not len(hidden.queries):
            self.log.note("no user has two events: settings and weights are the defaults")
            return Choice(), empty_table(len(self.signals)), empty_table(len(self.signals))
        trial = ValidationTrial(hidden, self.seed)
        found = {}
        for signal in sorted(self.signals, key=lambda signal: not signal.tunes_half_life):
            with self.log.stage(f"tune {signal.name}"):
                found[signal.name] = signal.alternatives(trial)
        rivals = Rivals.of([found[signal.name] for signal in self.signals])
        with self.log.stage("train on what is not hidden"):
            tried = self._tried(hidden.training, rivals, trial.half_life)
        with self.log.stage("warm queries"):
            short: list[Queries] = [cut_short(hidden.queries, n, self.seed) for n in SHORT_LENGTHS]
            warm, *cut = [tabulate(tried, queries) for queries in (hidden.queries, *short)]
        with self.log.stage("compare alternatives"), single_thread():
            columns, self.compared = rivals.best(warm.warm_only(), self._prior("warm_prior"), self.seed)
        options = dict(zip((signal.name for signal in self.signals), rivals.options(columns), strict=True))
        short_table = join([table.of_signals(columns) for table in cut])
        return Choice(options, trial.half_life), warm.of_signals(columns), short_table

    def _tried(self, data: TrainingData, rivals: Rivals, half_life: float | None) -> SideBySide:
        """Return the first alternatives of all signals, then the rest, trained: the columns of `rivals`."""
        settings, seed = self.settings, self.seed
        firsts = dict(
            zip((signal.name for signal in self.signals), rivals.options(rivals.firsts), strict=True)
        )
        parts = [fit_signals(data, firsts, half_life, settings, seed)[0]]
        for one in rivals.rest:
            signal = self.signals[one.place]
            parts.append(
                fit_signals(data, {signal.name: one.options}, half_life, settings, seed, [signal])[0]
            )
        return SideBySide(tuple(parts))

    def _cold_tables(self, choice: Choice) -> tuple[Table, Table]:
        """Return the tables of the queries for hidden items alone, and for hidden items among the others."""
        cold, mixed = [], []
        for draw in range(NEW_DRAWS):
            validation = hide_items(self.data, self.seed + draw)
            if not len(validation.queries):
                continue
            with self.log.stage("train on some items"):
                trained = SideBySide((self._fit(validation.training, choice)[0],))
            with self.log.stage("cold queries"):
                cold.append(tabulate(trained, validation.queries))
                mixed.append(tabulate(trained, validation.among_others))
        if not cold:
            self.log.note("too few items with events: the weights of new items are the defaults")
            return empty_table(len(self.signals)), empty_table(len(self.signals))
        return join(cold), join(mixed)

    def _weights(self, tables: _Tables) -> tuple[BlendWeights, dict[str, float]]:
        """Return the weights of the blend, and the scales of items without events and of new items."""
        warm_prior, cold_prior = self._prior("warm_prior"), self._prior("cold_prior")
        common = learn_weights(tables.warm.warm_only(), warm_prior, self.seed)
        both = join([tables.warm, tables.short])
        by_length = learn_by_length(both.warm_only(), HISTORY_EDGES, common, self.seed)
        new = learn_weights(tables.cold, cold_prior, self.seed, COLD_STRENGTH, least=ENOUGH)
        new *= [signal.scores_new_items for signal in self.signals]
        new = new / new.sum() if new.any() else cold_prior
        by_row, cold = torch.from_numpy(np.stack(by_length)), torch.from_numpy(new)
        after = self._after_the_fit(new)
        factors = {
            "cold_factor": cold_factor(tables.warm, by_row[_bucket(tables.warm)], cold, COLD_FACTORS),
            "new_factor": new_factor(
                tables.mixed, by_row[_bucket(tables.mixed)], torch.from_numpy(after), NEW_FACTORS
            ),
        }
        if not len(tables.warm):
            self.log.note("nothing could be validated: items without events count by a default")
        columns = [factors["new_factor"] * after, factors["cold_factor"] * new]
        return self._blend_weights(by_length, columns), factors

    def _after_the_fit(self, cold: Float1D) -> Float1D:
        """Return the weights of items that came after the fit, float32 (n_signals,), sum 1."""
        read = np.array([0 if signal.is_fitted else signal.cold_prior for signal in self.signals], np.float32)
        if not read.any():
            return cold
        return (READ_SHARE * read / read.sum() + (1 - READ_SHARE) * cold).astype(np.float32)

    def _prior(self, name: str) -> Float1D:
        return np.array([getattr(signal, name) for signal in self.signals], np.float32)

    def _blend_weights(self, by_length: list[Float1D], without_events: Sequence[Float1D]) -> BlendWeights:
        columns = [[*without_events, warm] for warm in by_length]
        columns[0] = [np.array([bool(signal.fallback) for signal in self.signals])] * len(EVIDENCE_EDGES)
        rows = [tuple(tuple(map(float, weights)) for weights in row) for row in columns]
        names = tuple(signal.name for signal in self.signals)
        return BlendWeights(names, HISTORY_EDGES, EVIDENCE_EDGES, tuple(rows))

    def _report(
        self, choice: Choice, factors: Mapping[str, float], weights: BlendWeights, tables: _Tables
    ) -> LearnReport:
        column = torch.tensor([row[-1] for row in weights.table])
        new = torch.tensor(weights.table[-1][1])
        warm_rows, short_rows = column[_bucket(tables.warm)], column[_bucket(tables.short)]
        names = weights.signals
        known = tables.warm.warm_only()
        gain = ablation(known, column[_bucket(known)]) if len(known) else np.zeros(len(names))
        tuned = {
            f"{name}_{option}": value
            for name, options in choice.options.items()
            for option, value in options.items()
        }
        return LearnReport(
            chosen={**tuned, "half_life_events": choice.half_life_events, **factors},
            n_validation={
                "warm": len(tables.warm),
                "short": len(tables.short),
                "cold": len(tables.cold),
            },
            warm=_measured(tables.warm, names, warm_rows, new),
            short=_measured(tables.short, names, short_rows, new),
            cold=_measured(tables.cold, names, new.expand(len(tables.cold), -1), new),
            gain=dict(zip(names, map(float, gain), strict=True)),
            compared=self.compared,
            seconds=self.log.seconds,
            notes=tuple(self.log.notes),
        )


def _bucket(table: Table) -> torch.Tensor:
    return torch.bucketize(table.lengths, torch.tensor(HISTORY_EDGES[1:]), right=True)


def _measured(
    table: Table, names: tuple[str, ...], warm: torch.Tensor, new: torch.Tensor
) -> dict[str, float]:
    if not len(table):
        return {}
    by_warm = torch.bmm(table.z, warm[:, :, None])[:, :, 0]
    blend = ndcg_of(table, torch.where(table.cold, table.z @ new, by_warm)).mean()
    return {**dict(zip(names, map(float, alone(table)), strict=True)), "blend": float(blend)}
