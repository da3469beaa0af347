"""The map is drawn once for many requests."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading

import numpy as np
import pytest

from semrec.catalog_map.map import CatalogMap
from semrec.service.error_responses import ServiceError
from semrec.service.map_cache import MapCache
from semrec.service.worker_pool import WorkerPool

PLACES = np.array([[0.12345, -1.0], [1.0, 0.5]], np.float32)
DRAWN = CatalogMap("colour", ("red",), ("A", "B"), ("one", "two"), PLACES, (0, -1))


@pytest.fixture
def pool():
    pool = WorkerPool("test", 4, 8)
    yield pool
    assert pool.close(10)


def test_requests_at_the_same_time_share_one_drawing(pool):
    n_drawn, go = [], threading.Event()

    def draw():
        n_drawn.append(1)
        assert go.wait(10)
        return DRAWN

    cache = MapCache(draw, pool)

    async def run():
        requests = [asyncio.create_task(cache.refresh()) for _ in range(3)]
        await asyncio.sleep(0.05)
        go.set()
        await asyncio.gather(*requests)

    asyncio.run(run())
    assert len(n_drawn) == 1
    assert json.loads(gzip.decompress(cache.body)) == {
        "field": "colour",
        "groups": ["red"],
        "item_ids": ["A", "B"],
        "titles": ["one", "two"],
        "x": [0.123, 1.0],
        "y": [-1.0, 0.5],
        "group": [0, -1],
    }


def test_an_index_without_a_map_is_an_error(pool):
    with pytest.raises(ServiceError) as missing:
        asyncio.run(MapCache(lambda: None, pool).refresh())
    assert (missing.value.status, missing.value.code) == (404, "no_map")
