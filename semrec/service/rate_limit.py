"""Rate limits: one token bucket for each name."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from cachetools import LRUCache

MAX_BUCKETS = 10_000
"""Largest number of names that are remembered; the least recently used one is dropped."""


class Bucket(NamedTuple):
    """Tokens of one name at a point in time.

    Parameters
    ----------
    tokens : how many there are.
    time_s : when that was, by the clock of the limiter.
    """

    tokens: float
    time_s: float


class RateLimiter:
    """A token bucket for each name: a request takes one token, and tokens return with time.

    For one thread, the event loop.

    Parameters
    ----------
    rate : tokens that return in a second.
    burst : tokens of a full bucket.
    clock : returns seconds.
    max_buckets : names that are remembered; the least recently used one is dropped.
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        max_buckets: int = MAX_BUCKETS,
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: LRUCache[str, Bucket] = LRUCache(max_buckets)

    def take(self, name: str) -> float:
        """Take a token and return 0; without a token, return the seconds until there is one."""
        now = self._clock()
        bucket = self._buckets.get(name, Bucket(self._burst, now))
        tokens = min(self._burst, bucket.tokens + (now - bucket.time_s) * self._rate)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._buckets[name] = Bucket(tokens if wait_s else tokens - 1, now)
        return wait_s
