"""The stages of an answer, for measuring the time of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Watch: TypeAlias = Callable[[str], AbstractContextManager[object]]
"""Returns a context for the name of a stage; it is entered and left with the stage."""

_watches: ContextVar[tuple[Watch, ...]] = ContextVar("watches", default=())


@contextmanager
def watched(*watches: Watch) -> Iterator[None]:
    """Enter watches for all stages inside, also in threads that copy this context."""
    token = _watches.set(watches)
    try:
        yield
    finally:
        _watches.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Mark the code inside as a stage; also a decorator of functions."""
    with ExitStack() as stack:
        for watch in _watches.get():
            stack.enter_context(watch(name))
        yield
