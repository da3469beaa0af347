"""What all handlers share: the recommender, the threads that ask it, and the settings."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Annotated

from fastapi import Depends, Request

from semrec.config import Settings
from semrec.errors import SemrecError
from semrec.recommender import Recommender
from semrec.service.work import Workers

log = logging.getLogger("semrec.service")

RETRY_S = 1.0
"""Seconds between two tries to open what is not there yet."""


class Service:
    """A recommender that many ask at once.

    Parameters
    ----------
    recommender : answers; it is closed with the service.
    settings : of the service.
    """

    def __init__(self, recommender: Recommender, settings: Settings) -> None:
        self.recommender = recommender
        self.settings = settings
        self.started = time.monotonic()
        self.warm = False
        self.answering = Workers("answer", settings.service_threads, settings.service_queue)
        self.watching = Workers("watch", 1, 16)

    async def warm_up(self) -> None:
        """Open the index and load the encoder; what is not there yet is tried again until it is."""
        told = ""
        while not self.warm:
            try:
                await self.answering.run(self.recommender.warm_up)
            except SemrecError as error:
                if str(error) != told:
                    log.warning("not ready: %s", error)
                told = str(error)
                await asyncio.sleep(RETRY_S)
            else:
                self.warm = True
                log.info("ready")

    def close(self) -> None:
        """Finish what was begun and let go of the store."""
        for workers in (self.answering, self.watching):
            workers.close()
        self.recommender.close()


async def service_of(request: Request) -> Service:
    """Return the service that a request came to."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(service_of)]
