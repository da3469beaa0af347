"""Threads with a bounded queue, so that the event loop never waits for the store or the encoder."""

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

from semrec.service.error_responses import ServiceError

P = ParamSpec("P")
T = TypeVar("T")

SMOOTHING = 0.1
"""Weight of the newest task in the moving average of task times."""


class WorkerPool:
    """A fixed number of threads with a queue of bounded length.

    Parameters
    ----------
    name : of the threads.
    n_threads : tasks that run at the same time.
    max_waiting : tasks that can wait; further tasks are refused with status 429.

    Attributes
    ----------
    n_pending : tasks that run or wait.
    """

    def __init__(self, name: str, n_threads: int, max_waiting: int) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # Daemon threads: a task that hangs, for instance in a download, must not keep the process alive.
        self._threads = [
            threading.Thread(target=self._run_tasks, name=f"{name}-{number}", daemon=True)
            for number in range(n_threads)
        ]
        self._max_pending = n_threads + max_waiting
        self._mean_s = 0.01
        self.n_pending = 0
        for thread in self._threads:
            thread.start()

    async def run(self, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a task in one of the threads and return its result.

        If the caller is cancelled, a task that has not started is removed from the queue.

        Raises
        ------
        ServiceError
            The queue is full; the error says when to try again.
        """
        self.check_capacity()
        self.n_pending += 1
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
            with suppress(RuntimeError):  # the event loop has ended
                loop.call_soon_threadsafe(self._count_done)

        future.add_done_callback(done)
        self._queue.put(work)
        return await asyncio.wrap_future(future)

    def check_capacity(self) -> None:
        """Raise `ServiceError` with status 429 if the queue is full."""
        if self.n_pending >= self._max_pending:
            wait_s = self.n_pending * self._mean_s / len(self._threads)
            raise ServiceError(429, "too many requests are waiting; try again later", retry_after_s=wait_s)

    def _count_done(self) -> None:
        self.n_pending -= 1

    def _run_tasks(self) -> None:
        while (task := self._queue.get()) is not None:
            task()

    def close(self, timeout_s: float) -> bool:
        """Finish all tasks and end the threads; return whether they ended within the time."""
        for _ in self._threads:
            self._queue.put(None)
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)
