"""How many threads small matrices are multiplied by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController

_lock = Lock()
_inside: list[Any] = []
"""What limits the threads, once for everybody inside: the limit is one of the whole process."""


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # finding the libraries takes milliseconds, so it is done once


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy multiply matrices in the calling thread.

    The matrices of one answer are small: handing them to threads costs more than it saves, and many times
    more when the processor is busy with other things. When the last of several threads leaves, all is as it
    was before the first came.
    """
    with _lock:
        _inside.append(_inside[0] if _inside else _controller().limit(limits=1, user_api="blas"))
        _let_others_set()
    try:
        yield
    finally:
        with _lock:
            limit = _inside.pop()
            if not _inside:
                limit.restore_original_limits()
                _let_others_set()


def _let_others_set() -> None:
    """Give up the right to set limits: threadpoolctl leaves it with the first thread that set one.

    Limits that another thread sets do nothing then, without a word; and the last to leave is another thread
    than the first to come.
    """
    OpenBLASController.clear_controlling_thread()
