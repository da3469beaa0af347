"""The stages of an answer, for whoever wants to know how long each of them takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Watch: TypeAlias = Callable[[str], AbstractContextManager[object]]
"""Is given the name of a stage; what it returns is entered and left with the stage."""

_watches: ContextVar[tuple[Watch, ...]] = ContextVar("watches", default=())


@contextmanager
def watched(*watches: Watch) -> Iterator[None]:
    """Let watches see the stages of what is done inside, also by threads that take the context along."""
    token = _watches.set(watches)
    try:
        yield
    finally:
        _watches.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Mark a stage, of a block or as the decorator of a function."""
    with ExitStack() as stack:
        for watch in _watches.get():
            stack.enter_context(watch(name))
        yield
