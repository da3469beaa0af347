"""Query texts that arrive at the same time are encoded together: a batch costs little more than one text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from semrec.service.error_responses import ServiceError
from semrec.service.prometheus_metrics import Metrics
from semrec.service.worker_pool import WorkerPool
from semrec.tracing import stage
from semrec.types import Float1D, Float2D


class QuestionBatches:
    """Collects texts for a short time, then encodes them in one of the threads.

    The first text of a batch waits at most `wait_s` for further texts. While a batch is encoded, the next one
    fills up, so under load the wait costs nothing.

    Parameters
    ----------
    encode : returns the vectors of texts, float32 (n, dim).
    kept : returns the vector of a text that was encoded before, None if it is not kept.
    workers : the threads that encode.
    metrics : counts texts and batches.
    wait_s : longest wait for further texts.
    max_batch : texts in one batch.
    max_waiting : texts that can wait; further texts are refused with status 429.
    """

    def __init__(
        self,
        encode: Callable[[Sequence[str]], Float2D],
        kept: Callable[[str], Float1D | None],
        workers: WorkerPool,
        metrics: Metrics,
        *,
        wait_s: float,
        max_batch: int,
        max_waiting: int,
    ) -> None:
        self._encode = encode
        self._kept = kept
        self._workers = workers
        self._metrics = metrics
        self._wait_s = wait_s
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: dict[str, asyncio.Future[Float1D]] = {}
        self._collecting: asyncio.Task[None] | None = None
        self._full = asyncio.Event()

    async def encode(self, text: str) -> Float1D:
        """Return the vector of a text, float32 (dim,), encoded together with other waiting texts.

        Raises
        ------
        ServiceError
            Too many texts are waiting.
        """
        if (vector := self._kept(text)) is not None:
            self._metrics.text_vectors.labels("kept").inc()
            return vector
        future = self._waiting.get(text)
        if future is None:
            if len(self._waiting) >= self._max_waiting:
                raise ServiceError(429, "too many texts are waiting; try again later", retry_after_s=1)
            future = self._waiting[text] = asyncio.get_running_loop().create_future()
        self._metrics.text_vectors.labels("encoded").inc()
        if len(self._waiting) >= self._max_batch:
            self._full.set()
        if self._collecting is None:
            self._collecting = asyncio.create_task(self._collect())
        with stage("encode"):
            return await asyncio.shield(future)

    async def _collect(self) -> None:
        """Encode batches until no text is waiting."""
        while self._waiting:
            if len(self._waiting) < self._max_batch:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), self._wait_s)
            self._full.clear()
            texts = list(self._waiting)[: self._max_batch]
            batch = {text: self._waiting.pop(text) for text in texts}
            self._metrics.text_batch.observe(len(batch))
            await self._encode_batch(batch)
        self._collecting = None

    async def _encode_batch(self, batch: dict[str, asyncio.Future[Float1D]]) -> None:
        try:
            vectors = await self._workers.run(self._encode, list(batch))
        except Exception as error:
            for future in batch.values():
                if not future.done():
                    future.set_exception(error)
        else:
            for future, vector in zip(batch.values(), vectors, strict=True):
                if not future.done():
                    future.set_result(vector)
