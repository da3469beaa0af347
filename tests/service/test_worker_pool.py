"""Threads with a bounded queue."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time

import pytest

from semrec.service.error_responses import ServiceError
from semrec.service.worker_pool import WorkerPool


@pytest.fixture
def pool():
    """A pool with one thread and two waiting places."""
    pool = WorkerPool("test", 1, 2)
    yield pool
    assert pool.close(10)


def test_results_and_errors_come_back(pool):
    def fail():
        raise KeyError("nothing")

    async def run():
        assert await pool.run(max, 3, 7) == 7
        with pytest.raises(KeyError, match="nothing"):
            await pool.run(fail)

    asyncio.run(run())


def test_a_task_sees_the_context_of_its_caller(pool):
    user = contextvars.ContextVar("user", default="none")

    async def run():
        user.set("ann")
        return await pool.run(user.get)

    assert asyncio.run(run()) == "ann"


def test_a_full_queue_refuses_tasks_until_it_has_room(pool):
    go = threading.Event()

    async def run():
        running = [asyncio.create_task(pool.run(go.wait, 10)) for _ in range(3)]  # one runs, two wait
        await asyncio.sleep(0)
        with pytest.raises(ServiceError) as refused:
            await pool.run(time.time)
        assert (refused.value.status, refused.value.code) == (429, "too_many_requests")
        assert refused.value.retry_after_s > 0
        go.set()
        assert await asyncio.gather(*running) == [True, True, True]
        await asyncio.sleep(0)
        assert pool.n_pending == 0
        await pool.run(time.time)

    asyncio.run(run())


def test_a_cancelled_task_that_has_not_started_never_runs(pool):
    go, ran = threading.Event(), []

    async def run():
        running = asyncio.create_task(pool.run(go.wait, 10))
        waiting = asyncio.create_task(pool.run(ran.append, "waiting"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go.set()
        await running
        await pool.run(ran.append, "later")

    asyncio.run(run())
    assert ran == ["later"]


def test_close_tells_whether_all_tasks_ended():
    pool, go = WorkerPool("test", 1, 2), threading.Event()

    async def start():
        task = asyncio.create_task(pool.run(go.wait, 10))
        await asyncio.sleep(0.05)
        assert not pool.close(0.05)
        go.set()
        await task

    asyncio.run(start())
    assert pool.close(10)
