"""How long a call to a server is repeated while the server is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

LONG_S = 30.0
"""Longest time for indexing and for changes: a restart of the server must not end an hour of work."""
SHORT_S = 2.0
"""Longest time for an answer: people wait for it."""

_patience_s: ContextVar[float] = ContextVar("patience_s", default=LONG_S)


class Clock(Protocol):
    """What repeating needs of the module `time`; tests replace it."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


def patience_s() -> float:
    """Return for how many seconds this thread repeats a call now."""
    return _patience_s.get()


@contextmanager
def answering() -> Iterator[None]:
    """Repeat the calls inside for a short time only."""
    token = _patience_s.set(SHORT_S)
    try:
        yield
    finally:
        _patience_s.reset(token)
