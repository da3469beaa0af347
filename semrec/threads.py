"""How many threads small matrices are multiplied by."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # finding the libraries takes milliseconds, so it is done once


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return a context in which numpy multiplies matrices in the calling thread.

    The matrices of one answer are small: handing them to threads costs more than it saves, and many times
    more when the processor is busy with other things.
    """
    return _controller().limit(limits=1, user_api="blas")
