"""State that all request handlers share: the recommender, the threads that use it, and the settings."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends, Request

from semrec.config import Settings
from semrec.errors import SemrecError
from semrec.events.batches import EventPosts
from semrec.recommender import Recommender
from semrec.service.error_responses import ServiceError
from semrec.service.event_writer import EventWriter
from semrec.service.map_cache import MapCache
from semrec.service.prometheus_metrics import Metrics
from semrec.service.question_batches import QuestionBatches
from semrec.service.worker_pool import WorkerPool
from semrec.tracing import stage

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("semrec.service")

CLOSE_TIMEOUT_S = 5.0
"""Longest wait for running tasks when the service stops."""

RETRY_S = 1.0
"""Seconds between two attempts to open the index and the encoder."""


class AppState:
    """A recommender that many requests use at the same time.

    Parameters
    ----------
    recommender : it is closed with this object.
    settings : of the service.
    metrics : of the app.

    Attributes
    ----------
    started_at : seconds, by `time.monotonic`.
    is_ready : whether the index and the encoder are open.
    answer_pool, encode_pool, change_pool, status_pool : threads for queries, for query texts, for changes of
        items and users (one at a time), and for the state of the service.
    """

    def __init__(self, recommender: Recommender, settings: Settings, metrics: Metrics) -> None:
        self.recommender = recommender
        self.settings = settings
        self.metrics = metrics
        self.started_at = time.monotonic()
        self.is_ready = False
        self._not_ready: Exception = ServiceError(
            503, "the index and the encoder are loading", code="warming_up", retry_after_s=RETRY_S
        )
        self.answer_pool = WorkerPool("answer", settings.service.threads, settings.service.queue)
        self.encode_pool = WorkerPool("encode", 1, settings.service.queue)
        self.change_pool = WorkerPool("change", 1, settings.service.queue)
        self.status_pool = WorkerPool("status", 1, 16)
        self.question_batches = QuestionBatches(
            recommender.encode_texts,
            recommender.kept_text_vector,
            self.encode_pool,
            metrics,
            wait_s=settings.service.batch_s,
            max_batch=settings.service.batch_texts,
            max_waiting=settings.service.queue + settings.service.threads,
        )
        self.event_writer = EventWriter(lambda: EventPosts(recommender.event_log()), settings.service.queue)
        self.map_cache = MapCache(recommender.map, self.answer_pool)

    async def warm_up(self) -> None:
        """Open the index and load the encoder; try again until both succeed."""
        with suppress(SemrecError):  # the log is opened again when an event arrives
            await self.status_pool.run(self.recommender.event_log)
        while not self.is_ready:
            try:
                await self.answer_pool.run(self.recommender.warm_up)
            except SemrecError as error:
                if str(error) != str(self._not_ready):
                    log.warning("not ready: %s", error)
                self._not_ready = error
                await asyncio.sleep(RETRY_S)
            else:
                self.is_ready = True
                log.info("ready")

    def check_ready(self) -> None:
        """Raise the reason if queries cannot be answered yet."""
        if not self.is_ready:
            raise self._not_ready

    async def ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the recommender in one of the threads for queries.

        Raises
        ------
        ServiceError, SemrecError
            The service is not ready, too many queries are waiting, or the query has no answer.
        """
        self.check_ready()
        with stage("answer"):
            return await self.answer_pool.run(question, *args, **kwargs)

    async def change(self, change: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Change items or users: one change at a time, while queries go on.

        Raises
        ------
        ServiceError, SemrecError
            The service is not ready, too many changes are waiting, or the change is invalid.
        """
        self.check_ready()
        with stage("change"):
            return await self.change_pool.run(change, *args, **kwargs)

    def close(self) -> None:
        """Finish running and waiting tasks, and close the recommender."""
        pools = (self.event_writer, self.change_pool, self.encode_pool, self.answer_pool, self.status_pool)
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        ended = [pool.close(max(0.0, deadline - time.monotonic())) for pool in pools]
        if all(ended):
            self.recommender.close()
        else:
            log.warning(
                "a task did not end in %g s; the operating system will release the index", CLOSE_TIMEOUT_S
            )


async def get_state(request: Request) -> AppState:
    """Return the state of the app that received a request."""
    state: AppState = request.app.state.shared
    return state


StateDep = Annotated[AppState, Depends(get_state)]
