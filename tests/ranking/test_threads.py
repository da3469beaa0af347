"""How many threads numpy multiplies by, whoever comes first and whoever leaves last."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy  # noqa: F401 - what is limited
import pytest
from threadpoolctl import OpenBLASController, threadpool_info, threadpool_limits

from semrec.ranking.threads import one_blas_thread


def blas_threads() -> int:
    """Return the most threads that any BLAS of this process multiplies by."""
    return max(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Let BLAS use two threads, on a machine of one core too."""
    limit = threadpool_limits(2, "blas")
    OpenBLASController.clear_controlling_thread()  # otherwise this thread alone may set limits
    yield
    limit.restore_original_limits()
    OpenBLASController.clear_controlling_thread()


def test_inside_numpy_multiplies_in_one_thread_and_afterwards_as_before() -> None:
    with one_blas_thread():
        assert blas_threads() == 1
    assert blas_threads() == 2


def test_the_limit_holds_until_the_last_of_several_has_left() -> None:
    with one_blas_thread():
        with one_blas_thread():
            pass
        assert blas_threads() == 1
    assert blas_threads() == 2


def test_another_thread_can_limit_after_the_first_one_did() -> None:
    with one_blas_thread():
        pass

    def inside() -> int:
        with one_blas_thread():
            return blas_threads()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(inside).result() == 1
        assert blas_threads() == 2


def test_the_last_thread_to_leave_restores_what_the_first_to_come_has_set() -> None:
    stack = ExitStack()
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as last:
        first.submit(stack.enter_context, one_blas_thread()).result()
        assert blas_threads() == 1
        last.submit(stack.close).result()
        assert blas_threads() == 2
