"""Values one after the other: in batches, and made by a thread of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")


def in_batches(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of `size` values; the last one may be shorter."""
    source = iter(values)
    while batch := list(islice(source, size)):
        yield batch


def in_background(source: Iterator[T], ahead: int) -> Generator[T, None, None]:
    """Yield what `source` yields, produced by a thread of its own, at most `ahead` values in advance.

    An error of the source is raised here. When the consumer stops early, so does the thread.
    """
    values: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(ahead)
    stopped = threading.Event()

    def put(value: tuple[bool, T | BaseException | None]) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):
                values.put(value, timeout=0.1)
                return

    def produce() -> None:
        try:
            for value in source:
                put((True, value))
                if stopped.is_set():
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    thread = threading.Thread(target=produce, name="semrec-read", daemon=True)
    thread.start()
    try:
        while True:
            more, value = values.get()
            if more:
                yield value  # type: ignore[misc]
            elif isinstance(value, BaseException):
                raise value
            else:
                return
    finally:
        stopped.set()
        thread.join()
