"""Locks of folders: one process owns a generation, one process builds in a workspace. Linux and macOS.

The lock is the kernel's: it ends when its process ends, in whatever way, and a child process that inherits
the open file holds it too. The file also describes the process, for the error that a second process gets.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from semrec.errors import StoreError, StoreLockedError
from semrec.files.locks import WAIT_S, lock_within

_OWNER = "owner.json"
_BUILDER = "builder.json"
_GLANCE_S = 0.02


class Lock:
    """A file that one process holds at a time, from construction to `release`.

    Parameters
    ----------
    path : the file, in an existing folder; it describes the process that holds it.
    refusal : folder -> the error for a second process.

    Raises
    ------
    StoreLockedError
        Another process, or this one a second time, holds it.
    StoreError
        The folder cannot be written.
    """

    def __init__(self, path: Path, refusal: Callable[[Path], StoreLockedError]) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{path.parent} cannot be written: {error.strerror}. The embedded index needs a folder that "
                "can be written; copy the workspace to one"
            ) from error
        if not self._try():
            time.sleep(_GLANCE_S)  # `owner_of` holds it for a moment
            if not self._try():
                os.close(self._descriptor)
                raise refusal(path.parent)
        with suppress(OSError):  # reading must work on a full disk
            self._write(describe_this_process())

    @property
    def descriptor(self) -> int:
        """The open file; a child process that inherits it owns the folder too."""
        return self._descriptor

    def release(self) -> None:
        """Release the lock. The empty file stays: if it were removed, two processes could lock two files."""
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
    """The right to build in a workspace; it is that of one process."""

    def __init__(self, workspace: Path) -> None:
        super().__init__(workspace / _BUILDER, building_error)


@contextmanager
def held(folder: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold a folder for a moment; another process that wants to hold it waits, see `lock_within`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        lock_within(descriptor, folder, wait_s)
        yield
    finally:
        os.close(descriptor)


def owner_of(folder: Path) -> str | None:
    """Return which process owns the folder of a generation, in words; None if none does."""
    return _holder_name(folder / _OWNER) if _is_held(folder / _OWNER) else None


def is_building(workspace: Path) -> bool:
    """Return whether a process of this machine builds in a workspace."""
    return _is_held(workspace / _BUILDER)


def is_alive(pid: int) -> bool:
    """Return whether a process of this machine is running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is a process of another user
    return True


def locked_error(folder: Path) -> StoreLockedError:
    """Return the error that names the owner of a folder, and what to do."""
    if _holder(folder / _OWNER).get("pid") == os.getpid():
        return StoreLockedError(
            f"{folder} is in use by another recommender of this process. "
            "Close that one, or open both by Recommender.open with the same settings: then they share it"
        )
    return StoreLockedError(
        f"{folder} is in use by {_holder_name(folder / _OWNER)}. An embedded index answers one process only: "
        "close that process or ask it, or keep the index on a Qdrant server (--qdrant URL)"
    )


def building_error(workspace: Path, builder: str | None = None) -> StoreLockedError:
    """Return the error that names the process that builds in a workspace."""
    builder = builder or _holder_name(workspace / _BUILDER)
    return StoreLockedError(
        f"{workspace} is being built by {builder}. One build at a time: "
        "wait for it or stop it, then try again. The current index answers meanwhile"
    )


def describe_this_process() -> dict[str, object]:
    """Return pid, program and start time of this process."""
    return {
        "pid": os.getpid(),
        "command": program_name(),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def program_name() -> str:
    """Return the program of this process, of semrec with its command: `semrec serve`.

    Other arguments are left out: they may hold passwords.
    """
    program = Path(sys.argv[0]).name if sys.argv[0] not in ("", "-c") else Path(sys.executable).name
    command = [argument for argument in sys.argv[1:2] if program == "semrec" and argument.isalpha()]
    return " ".join([program, *command])


def _is_held(path: Path) -> bool:
    """Return whether a process holds the lock of a file; a file of another user is not looked at."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _holder_name(path: Path) -> str:
    holder = _holder(path)
    try:
        command = " ".join(holder["command"].split())[:200]
        return f"process {holder['pid']} ({command}) since {holder['since']}"
    except (AttributeError, KeyError):
        return "another process"


def _holder(path: Path) -> dict[str, Any]:
    """Return the description of the process that holds a lock; empty if it cannot be read."""
    try:
        holder = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}
