"""Threads with a bounded queue: the event loop never waits for the store or the encoder."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
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
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # Daemons: a task that hangs, for instance in a download, must not keep the process from ending.
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        self._most = threads + waiting
        self._mean_s = 0.01
        self.pending = 0
        for thread in self._threads:
            thread.start()

    async def run(self, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the task returns, run in one of the threads.

        A caller that gives up takes a task that has not begun out of the queue.

        Raises
        ------
        ServiceError
            The queue is full; it says when to come again.
        """
        self.require_room()
        self.pending += 1
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            started = time.perf_counter()
            try:
                result = context.run(task, *args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            self._mean_s += SMOOTHING * (time.perf_counter() - started - self._mean_s)

        def done(_: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._one_less)

        future.add_done_callback(done)
        self._queue.put(work)
        return await asyncio.wrap_future(future)

    def require_room(self) -> None:
        """Raise `ServiceError` when the queue is full; it says when to come again."""
        if self.pending >= self._most:
            wait = self.pending * self._mean_s / len(self._threads)
            raise ServiceError(429, "too many requests are waiting; come later", retry_after_s=wait)

    def _one_less(self) -> None:
        self.pending -= 1

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            task()

    def close(self, wait_s: float) -> bool:
        """Finish what was begun or waits, and end the threads; return whether they ended in time."""
        for _ in self._threads:
            self._queue.put(None)
        deadline = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)
