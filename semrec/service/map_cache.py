"""The response of `/map`, kept for a short time: to draw a map takes longer than to send it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from collections.abc import Callable

from semrec.catalog_map.map import CatalogMap
from semrec.service.error_responses import ServiceError
from semrec.service.response_models import MapOut
from semrec.service.worker_pool import WorkerPool

MAX_AGE_S = 60
"""Seconds for which a map is reused; changes of items show in the next one."""

DECIMALS = 3
"""Decimals of coordinates in responses."""


class MapCache:
    """The latest body of `/map`.

    Parameters
    ----------
    draw : returns the map, None if the index has none.
    pool : the threads that draw.

    Attributes
    ----------
    body : gzipped JSON.
    etag : changes with the body.
    """

    def __init__(self, draw: Callable[[], CatalogMap | None], pool: WorkerPool) -> None:
        self.body = b""
        self.etag = ""
        self._draw = draw
        self._pool = pool
        self._drawn_at = -float("inf")
        self._lock = asyncio.Lock()

    async def refresh(self) -> None:
        """Draw the map if the last one is old; requests at the same time share one drawing.

        Raises
        ------
        ServiceError
            The index has no map.
        """
        async with self._lock:
            if time.monotonic() - self._drawn_at < MAX_AGE_S:
                return
            self.body = await self._pool.run(self._render)
            self.etag = f'"{hashlib.blake2b(self.body, digest_size=12).hexdigest()}"'
            self._drawn_at = time.monotonic()

    def _render(self) -> bytes:
        drawn = self._draw()
        if drawn is None:
            raise no_map()
        return gzip.compress(map_out(drawn).model_dump_json().encode(), 6)


def map_out(drawn: CatalogMap) -> MapOut:
    """Return a map as its response."""
    x, y = drawn.places.T.tolist()
    return MapOut(
        field=drawn.field,
        groups=list(drawn.groups),
        item_ids=list(drawn.item_ids),
        titles=list(drawn.titles),
        x=[round(value, DECIMALS) for value in x],
        y=[round(value, DECIMALS) for value in y],
        group=list(drawn.group),
    )


def no_map() -> ServiceError:
    """Return the error for an index without a map."""
    return ServiceError(
        404, "this index has no map; build it again: semrec index CATALOG --rebuild", code="no_map"
    )
