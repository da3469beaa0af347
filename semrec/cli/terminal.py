"""Standard streams that are closed, or that cannot show every character; and Ctrl-C."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from threading import Timer
from types import FrameType
from typing import TextIO

STANDARD_STREAMS = (0, 1, 2)
AGAIN_S = 0.05
"""Pause after which an interrupt that came too early is tried again."""


class ClosedOutput(io.TextIOBase):
    """Standard output that is closed: data that is written would be lost, so writing is an error."""

    def write(self, text: str) -> int:
        """Raise OSError."""
        raise OSError(errno.EBADF, "standard output is closed")


def prepare_streams() -> None:
    r"""Make the standard streams safe to use.

    A character that the terminal cannot show is written as an escape, for instance \u4e00. A closed stream
    gets its descriptor back: else the next file that is opened, a database for instance, would become it.
    """
    for descriptor in STANDARD_STREAMS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the smallest free descriptor, which is this one
    if sys.stdout is None:
        sys.stdout = ClosedOutput()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def shows_unicode(stream: TextIO) -> bool:
    """Return whether a stream can take every character as it is."""
    return (stream.encoding or "").lower().replace("-", "").startswith("utf")


def prepare_interrupts() -> None:
    """Let Ctrl-C stop the command, but not while torch loads: its C++ code would abort the process."""
    signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    spec = getattr(sys.modules.get("torch"), "__spec__", None)
    if getattr(spec, "_initializing", False):
        again = Timer(AGAIN_S, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()
    else:
        signal.default_int_handler(number, frame)
