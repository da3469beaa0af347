"""Who owns a folder: one process at a time, on Linux and macOS.

The lock is the kernel's, so it ends with its process however that dies, and a child that inherits the
open file holds it too. The file also says who the owner is, for the error of whoever comes second.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from semrec.errors import StoreLockedError


class Owner:
    """Ownership of a folder, from construction to `release`.

    Parameters
    ----------
    folder : an existing folder; `owner.json` is written there.

    Raises
    ------
    StoreLockedError
        Another process, or this one a second time, owns the folder.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "owner.json"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise locked_error(folder) from None
        with suppress(OSError):  # a full disk must not stop anyone from reading
            self._write(_describe_this_process())

    @property
    def descriptor(self) -> int:
        """The open file; a child process that inherits it owns the folder too."""
        return self._descriptor

    def release(self) -> None:
        """Let others in. The empty file stays: removing it would let two processes lock two files."""
        self._write({})
        os.close(self._descriptor)

    def _write(self, owner: dict[str, object]) -> None:
        os.ftruncate(self._descriptor, 0)
        if owner:
            os.pwrite(self._descriptor, json.dumps(owner).encode(), 0)


def locked_error(folder: Path) -> StoreLockedError:
    """Return the error that names the owner of a folder and the two ways on."""
    return StoreLockedError(
        f"{folder} is in use by {_owner_name(folder)}. An embedded index answers one process only: close "
        "that process or ask it, or keep the index on a Qdrant server (--qdrant URL)"
    )


def _describe_this_process() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "command": shlex.join(sys.orig_argv),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _owner_name(folder: Path) -> str:
    try:
        owner = json.loads((folder / "owner.json").read_text())
        return f"process {owner['pid']} ({' '.join(owner['command'].split())[:200]}) since {owner['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
