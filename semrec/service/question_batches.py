"""Texts of questions that come at the same time are encoded together: a batch costs little more than one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from semrec.service.errors import ServiceError
from semrec.service.metrics import Metrics
from semrec.service.worker_pool import Workers
from semrec.tracing import stage


class TextBatches:
    """Collects texts for a moment, then encodes them in one of the threads.

    The first text of a batch waits at most `wait_s` for others; while a batch is being encoded the next one
    fills up, so under load nobody waits for the clock.

    Parameters
    ----------
    encode : encodes texts, so that the question that follows finds their vectors.
    known : tells whether a text need not be encoded.
    workers : the threads that encode.
    metrics : hears of batches.
    wait_s : longest wait for other texts.
    most : texts of one batch.
    waiting : texts that may wait; the next one is refused with 429.
    """

    def __init__(
        self,
        encode: Callable[[Sequence[str]], None],
        known: Callable[[str], bool],
        workers: Workers,
        metrics: Metrics,
        *,
        wait_s: float,
        most: int,
        waiting: int,
    ) -> None:
        self._encode = encode
        self._known = known
        self._workers = workers
        self._metrics = metrics
        self._wait_s = wait_s
        self._most = most
        self._room = waiting
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._collecting: asyncio.Task[None] | None = None
        self._full = asyncio.Event()

    async def prepare(self, text: str) -> None:
        """Return when the vector of a text is there.

        Raises
        ------
        ServiceError
            Too many texts wait.
        """
        if self._known(text):
            self._metrics.text_vectors.labels("kept").inc()
            return
        future = self._waiting.get(text)
        if future is None:
            if len(self._waiting) >= self._room:
                raise ServiceError(429, "too many texts are waiting; come later", retry_after_s=1)
            future = self._waiting[text] = asyncio.get_running_loop().create_future()
        self._metrics.text_vectors.labels("encoded").inc()
        if len(self._waiting) >= self._most:
            self._full.set()
        if self._collecting is None:
            self._collecting = asyncio.create_task(self._collect())
        with stage("encode"):
            await asyncio.shield(future)

    async def _collect(self) -> None:
        """Encode batches until nothing waits."""
        while self._waiting:
            if len(self._waiting) < self._most:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), self._wait_s)
            self._full.clear()
            texts = list(self._waiting)[: self._most]
            batch = {text: self._waiting.pop(text) for text in texts}
            self._metrics.text_batch.observe(len(batch))
            await self._encode_batch(batch)
        self._collecting = None

    async def _encode_batch(self, batch: dict[str, asyncio.Future[None]]) -> None:
        try:
            await self._workers.run(self._encode, list(batch))
        except Exception as error:
            for future in batch.values():
                if not future.done():
                    future.set_exception(error)
        else:
            for future in batch.values():
                if not future.done():
                    future.set_result(None)
