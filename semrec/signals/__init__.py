"""Signals: the reasons why an item can match, one module each, and the only list of them."""

from __future__ import annotations

from semrec.signals.bm25 import Bm25Signal
from semrec.signals.central import CentralSignal
from semrec.signals.collaborative import CollaborativeSignal
from semrec.signals.freshness import FreshnessSignal
from semrec.signals.item_item import ItemItemSignal
from semrec.signals.popularity import PopularitySignal
from semrec.signals.signal import LinearQuery, Question, Signal, SignalContext, SignalQuery
from semrec.signals.text import TextSignal
from semrec.signals.trending import TrendingSignal

__all__ = [
    "SIGNALS",
    "LinearQuery",
    "Question",
    "Signal",
    "SignalContext",
    "SignalQuery",
    "default_weights",
    "register",
    "signal_named",
]

SIGNALS: list[type[Signal]] = [
    TextSignal,
    Bm25Signal,
    CollaborativeSignal,
    ItemItemSignal,
    PopularitySignal,
    TrendingSignal,
    FreshnessSignal,
    CentralSignal,
]
"""All signals, in the order in which answers and reports name them."""


def register(signal: type[Signal]) -> type[Signal]:
    """Add a signal of one's own to `SIGNALS`; usable as a class decorator.

    Register before indexing, so that the vectors of the signal are stored, and in every process that answers.

    Raises
    ------
    ValueError
        Another signal has this name.
    """
    if any(known.name == signal.name for known in SIGNALS):
        raise ValueError(f"there is a signal {signal.name!r} already")
    SIGNALS.append(signal)
    return signal


def signal_named(name: str) -> type[Signal] | None:
    """Return the signal of this name; None if there is none."""
    return next((signal for signal in SIGNALS if signal.name == name), None)


def default_weights() -> dict[str, float]:
    """Return the weight of every signal where `fit` has learned none."""
    return {signal.name: signal.default_weight for signal in SIGNALS}
