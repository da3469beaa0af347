"""Threads with a bounded queue: the event loop never waits for the store or the encoder."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from semrec.service.errors import ServiceError

P = ParamSpec("P")
T = TypeVar("T")

SMOOTHING = 0.1
"""Weight of the newest task in the mean time of a task."""


class Workers:
    """Some threads, and a queue in front of them that is never longer than `waiting`.

    Parameters
    ----------
    name : of the threads.
    threads : tasks at the same time.
    waiting : tasks that may wait; the next one is refused with 429.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._threads = threads
        self._most = threads + waiting
        self._mean_s = 0.01
        self.pending = 0

    async def run(self, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the task returns, run in one of the threads.

        A caller that gives up takes a task that has not begun out of the queue.

        Raises
        ------
        ServiceError
            The queue is full; it says when to come again.
        """
        if self.pending >= self._most:
            wait = self.pending * self._mean_s / self._threads
            raise ServiceError(429, "too many requests are waiting; come later", retry_after_s=wait)
        self.pending += 1
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()

        def timed() -> T:
            started = time.perf_counter()
            try:
                return context.run(task, *args, **kwargs)
            finally:
                self._mean_s += SMOOTHING * (time.perf_counter() - started - self._mean_s)

        future: Future[T] = self._pool.submit(timed)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._one_less))
        return await asyncio.wrap_future(future)

    def _one_less(self) -> None:
        self.pending -= 1

    def close(self) -> None:
        """Finish what was begun or waits, and end the threads."""
        self._pool.shutdown(wait=True)
