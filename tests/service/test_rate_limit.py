"""Token buckets, with a clock that the test turns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semrec.service.rate_limit import RateLimiter


@pytest.fixture
def clock():
    """The time in seconds, as the only entry of a list."""
    return [0.0]


def test_tokens_return_with_time(clock):
    limiter = RateLimiter(2.0, 3.0, clock=lambda: clock[0])
    assert [limiter.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert limiter.take("b") == 0
    clock[0] = 0.5
    assert [limiter.take("a") for _ in range(2)] == [0, 0.5]
    clock[0] = 100.0
    assert [limiter.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_the_least_recently_used_name_is_dropped(clock):
    limiter = RateLimiter(0.001, 1.0, clock=lambda: clock[0], max_buckets=2)
    assert limiter.take("a") == limiter.take("b") == 0
    assert limiter.take("a") > 0  # a is used later than b
    assert limiter.take("c") == 0  # drops b
    assert limiter.take("a") > 0
    assert limiter.take("b") == 0  # full again, so it was dropped


@given(st.lists(st.floats(0, 5), max_size=50))
def test_no_more_than_burst_and_rate_are_allowed(pauses):
    clock = [0.0]
    limiter = RateLimiter(2.0, 3.0, clock=lambda: clock[0])
    n_allowed = 0
    for pause in pauses:
        clock[0] += pause
        n_allowed += limiter.take("a") == 0
    assert n_allowed <= 3 + 2 * clock[0] + 1e-6
