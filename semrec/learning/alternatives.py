"""Alternatives of signals, side by side in one table: those are taken with which the blend is best.

What finds most alone need not be what the blend needs: a model that repeats another signal adds nothing. The
first alternative of a signal is the simplest one; another one is taken if it is better by more than one
standard error (L. Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from semrec.learning.weights import Table, held_out_ndcg
from semrec.types import Float1D


@dataclass(frozen=True)
class Alternative:
    """One way to fit a signal.

    Parameters
    ----------
    place : of the signal.
    name : of the alternative.
    options : of `Signal.fit`.
    """

    place: int
    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Rivals:
    """All alternatives, in the order of the columns of a table.

    Parameters
    ----------
    all : first one of each signal, in order of the signals, then the rest.
    n_signals : how many signals.
    """

    all: tuple[Alternative, ...]
    n_signals: int

    @classmethod
    def of(cls, found: Sequence[Mapping[str, Mapping[str, Any]]]) -> Rivals:
        """Return the alternatives of every signal by name, at least one each."""
        every = [
            [Alternative(place, name, options) for name, options in of_signal.items()]
            for place, of_signal in enumerate(found)
        ]
        firsts = [own[0] for own in every]
        return cls((*firsts, *(one for own in every for one in own[1:])), len(firsts))

    @property
    def firsts(self) -> tuple[int, ...]:
        """The columns of the first alternatives."""
        return tuple(range(self.n_signals))

    @property
    def rest(self) -> tuple[Alternative, ...]:
        """The alternatives that are not the first ones of their signals."""
        return self.all[self.n_signals :]

    def options(self, columns: Sequence[int]) -> list[Mapping[str, Any]]:
        """Return the options of some columns."""
        return [self.all[column].options for column in columns]

    def best(self, table: Table, prior: Float1D, seed: int) -> tuple[tuple[int, ...], dict[str, float]]:
        """Return one column of each signal so that the blend is best, and what each alternative gives.

        Parameters
        ----------
        table : a column for each alternative.
        prior : float32 (n_signals,), see `learn_weights`.
        seed : of the halves.

        Returns
        -------
        columns : in order of the signals.
        ndcg : mean NDCG@10 by the name of the alternative, on queries that its weights were not learned from.
        """
        chosen = list(self.firsts)
        compared: dict[str, float] = {}
        for place in sorted({one.place for one in self.rest}):
            own = [column for column, one in enumerate(self.all) if one.place == place]
            found = {}
            for column in own:
                columns = [*chosen[:place], column, *chosen[place + 1 :]]
                found[column] = held_out_ndcg(table.of_signals(columns), prior, seed)
            compared |= {self.all[column].name: _mean(values) for column, values in found.items()}
            best = max(found, key=lambda column: _mean(found[column]))
            if _is_surely_better(found[best], found[place]):
                chosen[place] = best
        return tuple(chosen), compared


def _mean(values: Float1D) -> float:
    return float(values.mean()) if len(values) else 0.0


def _is_surely_better(one: Float1D, other: Float1D) -> bool:
    """Return whether the mean of paired values is larger by more than one standard error of the gain."""
    gains = one - other
    return len(gains) > 1 and bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))
