"""What all handlers share: the recommender, the threads that ask it, and the settings."""

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
from semrec.service.errors import ServiceError
from semrec.service.event_writer import EventWriter
from semrec.service.metrics import Metrics
from semrec.service.question_batches import TextBatches
from semrec.service.worker_pool import Workers
from semrec.tracing import stage

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("semrec.service")

CLOSE_S = 5.0
"""Longest wait for tasks that were begun when the service stops."""

RETRY_S = 1.0
"""Seconds between two tries to open what is not there yet."""


class Service:
    """A recommender that many ask at once.

    Parameters
    ----------
    recommender : answers; it is closed with the service.
    settings : of the service.
    metrics : of the app.
    """

    def __init__(self, recommender: Recommender, settings: Settings, metrics: Metrics) -> None:
        self.recommender = recommender
        self.settings = settings
        self.metrics = metrics
        self.started = time.monotonic()
        self.warm = False
        self._not_ready: Exception = ServiceError(
            503, "the index and the encoder are being opened", code="warming_up", retry_after_s=RETRY_S
        )
        self.answering = Workers("answer", settings.service_threads, settings.service_queue)
        self.encoding = Workers("encode", 1, settings.service_queue)
        self.changing = Workers("change", 1, settings.service_queue)
        self.watching = Workers("watch", 1, 16)
        self.texts = TextBatches(
            recommender.encode_texts,
            recommender.has_text,
            self.encoding,
            metrics,
            wait_s=settings.service_batch_s,
            most=settings.service_batch_texts,
            waiting=settings.service_queue + settings.service_threads,
        )
        self.writer = EventWriter(lambda: EventPosts(recommender.event_log()), settings.service_queue)

    async def warm_up(self) -> None:
        """Open the index and load the encoder; what is not there yet is tried again until it is."""
        with suppress(SemrecError):  # the log is opened again when it is needed
            await self.watching.run(self.recommender.event_log)
        while not self.warm:
            try:
                await self.answering.run(self.recommender.warm_up)
            except SemrecError as error:
                if str(error) != str(self._not_ready):
                    log.warning("not ready: %s", error)
                self._not_ready = error
                await asyncio.sleep(RETRY_S)
            else:
                self.warm = True
                log.info("ready")

    def require_ready(self) -> None:
        """Raise why nothing can be answered yet."""
        if not self.warm:
            raise self._not_ready

    async def ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the answer of the recommender, asked in one of the threads.

        Raises
        ------
        ServiceError, SemrecError
            Nothing can be answered yet, too many wait, or the question has no answer.
        """
        self.require_ready()
        with stage("answer"):
            return await self.answering.run(question, *args, **kwargs)

    async def change(self, change: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a change of items or users did; one is made after the other, beside the answers.

        Raises
        ------
        ServiceError, SemrecError
            Nothing can be changed yet, too many wait, or the change does not fit.
        """
        self.require_ready()
        with stage("change"):
            return await self.changing.run(change, *args, **kwargs)

    def close(self) -> None:
        """Finish what was begun and let go of the store."""
        all_workers = (self.writer, self.changing, self.encoding, self.answering, self.watching)
        deadline = time.monotonic() + CLOSE_S
        ended = [workers.close(max(0.0, deadline - time.monotonic())) for workers in all_workers]
        if all(ended):
            self.recommender.close()
        else:
            log.warning("a task did not end in %g s; what it holds is let go of with the process", CLOSE_S)


async def service_of(request: Request) -> Service:
    """Return the service that a request came to."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(service_of)]
