"""Signals: the reasons why an item can match, one module each."""

from semrec.signals.signal import Question, Signal, SignalQuery

__all__ = ["Question", "Signal", "SignalQuery"]
