"""Waiting for the lock of a file: for a limited time, and not without a word."""

from __future__ import annotations

import fcntl
import logging
import os
import platform
import time
from pathlib import Path

from semrec.errors import StoreLockedError

WAIT_S = 30.0
"""Longest wait for a lock, as for SQLite."""
NOTICE_S = 2.0
"""A longer wait is logged."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.0005, 0.02

log = logging.getLogger("semrec")


def lock_within(descriptor: int, path: Path, wait_s: float = WAIT_S, notice_s: float = NOTICE_S) -> None:
    """Lock an open file or folder for this process alone; it is released when the descriptor is closed.

    Parameters
    ----------
    descriptor : the open file.
    path : its path, for messages.
    wait_s : longest wait, in seconds; 0: no wait.
    notice_s : after this wait, in seconds, a log message says which process holds the lock.

    Raises
    ------
    StoreLockedError
        Another process still holds the lock.
    """
    started, pause, is_logged = time.monotonic(), _FIRST_PAUSE_S, False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            return
        waited_s = time.monotonic() - started
        if waited_s >= wait_s:
            raise StoreLockedError(
                f"{path} is locked by {_holder(descriptor)}, also after {waited_s:.0f} s. "
                "Stop that process or let it go on, then try again"
            )
        if waited_s >= notice_s and not is_logged:
            is_logged = True
            log.warning("waiting for %s, which has locked %s", _holder(descriptor), path)
        time.sleep(min(pause, max(0.0, wait_s - waited_s)))
        pause = min(1.5 * pause, _LONGEST_PAUSE_S)


def _holder(descriptor: int) -> str:
    """Return which process holds the lock of an open file, in words; only Linux tells."""
    inode = os.fstat(descriptor).st_ino
    try:
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if len(fields) >= 6 and fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
                name = Path(f"/proc/{fields[4]}/comm").read_text().strip()
                return f"process {fields[4]} ({name}) on {platform.node()}"
    except OSError:
        pass
    return "another process"
