"""Values in batches and from a thread."""

from __future__ import annotations

import threading

import pytest

from semrec.indexer.streams import in_background


def test_values_are_in_order_and_errors_are_raised():
    def source():
        yield from range(10)
        raise ValueError("broken")

    values = in_background(source(), 2)
    assert [next(values) for _ in range(10)] == list(range(10))
    with pytest.raises(ValueError, match="broken"):
        next(values)


def test_a_consumer_that_stops_early_stops_the_thread():
    produced = 0

    def source():
        nonlocal produced
        while True:
            produced += 1
            yield produced

    values = in_background(source(), 3)
    assert next(values) == 1
    values.close()
    assert not any(thread.name == "semrec-read" for thread in threading.enumerate())
    assert produced <= 6
