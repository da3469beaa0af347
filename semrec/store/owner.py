"""Who owns a folder, or builds in it: one process at a time, on Linux and macOS.

The lock is the kernel's, so it ends with its process however that dies, and a child that inherits the
open file holds it too. The file also says who the owner is, for the error of whoever comes second.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from semrec.errors import StoreLockedError

_OWNER = "owner.json"
_BUILDER = "builder.json"
_GLANCE_S = 0.02


class Lock:
    """A file that one process holds at a time, from construction to `release`.

    Parameters
    ----------
    path : the file, in an existing folder; it says who holds it.
    refusal : the error for whoever comes second.

    Raises
    ------
    StoreLockedError
        Another process, or this one a second time, holds it.
    """

    def __init__(self, path: Path, refusal: Callable[[Path], StoreLockedError]) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if not self._try():
            time.sleep(_GLANCE_S)  # somebody may only have looked whether it is held, see `owner_of`
            if not self._try():
                os.close(self._descriptor)
                raise refusal(path.parent)
        with suppress(OSError):  # a full disk must not stop anyone from reading
            self._write(describe_this_process())

    @property
    def descriptor(self) -> int:
        """The open file; a child process that inherits it owns the folder too."""
        return self._descriptor

    def release(self) -> None:
        """Let others in. The empty file stays: removing it would let two processes lock two files."""
        self._write({})
        os.close(self._descriptor)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _write(self, owner: dict[str, object]) -> None:
        os.ftruncate(self._descriptor, 0)
        if owner:
            os.pwrite(self._descriptor, json.dumps(owner).encode(), 0)


class Owner(Lock):
    """Ownership of the folder of one generation."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / _OWNER, locked_error)


class Builder(Lock):
    """The right to build in a workspace."""

    def __init__(self, workspace: Path) -> None:
        super().__init__(workspace / _BUILDER, building_error)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder for a moment; whoever comes second waits."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def owner_of(folder: Path) -> str | None:
    """Return who owns the folder of a generation, in words; None when it is free."""
    try:
        descriptor = os.open(folder / _OWNER, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder_name(folder / _OWNER)
    finally:
        os.close(descriptor)
    return None


def is_alive(pid: int) -> bool:
    """Return whether a process of this machine is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is somebody else's
    return True


def locked_error(folder: Path) -> StoreLockedError:
    """Return the error that names the owner of a folder and the two ways on."""
    return StoreLockedError(
        f"{folder} is in use by {_holder_name(folder / _OWNER)}. An embedded index answers one process only: "
        "close that process or ask it, or keep the index on a Qdrant server (--qdrant URL)"
    )


def building_error(workspace: Path, builder: str | None = None) -> StoreLockedError:
    """Return the error that names who builds in a workspace."""
    builder = builder or _holder_name(workspace / _BUILDER)
    return StoreLockedError(
        f"{workspace} is being built by {builder}. One build at a time: "
        "wait for it or stop it, then try again. The index that is there answers meanwhile"
    )


def describe_this_process() -> dict[str, object]:
    """Return the pid, the command and the time, for people and programs."""
    return {
        "pid": os.getpid(),
        "command": shlex.join(sys.orig_argv),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _holder_name(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        command = " ".join(holder["command"].split())[:200]
        return f"process {holder['pid']} ({command}) since {holder['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
