"""Open parts of a workspace cannot be used after a fork: their threads exist in the parent process only."""

from __future__ import annotations

import os

from semrec.errors import StoreError


class ForkGuard:
    """Remembers the process of the first use, and refuses any other; it takes no lock, so it cannot hang."""

    def __init__(self) -> None:
        self._pid: int | None = None

    @property
    def is_forked(self) -> bool:
        """Whether this process is a fork of the one that opened the workspace."""
        return self._pid not in (None, os.getpid())

    def check(self) -> None:
        """Note the first use.

        Raises
        ------
        StoreError
            This process is a fork of the one that opened the workspace.
        """
        if self.is_forked:
            raise StoreError(
                f"process {self._pid} has opened this workspace, and process {os.getpid()} is a fork of it: "
                "an open index cannot be used after a fork. Open it in the new process, or close it before "
                "the fork; an embedded index answers one process, a Qdrant server answers many"
            )
        self._pid = os.getpid()

    def reset(self) -> None:
        """Forget the process, because everything is closed."""
        self._pid = None
