"""The lease of a build on a server: until when it counts as alive, and which process builds."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from semrec.store.owner import describe_this_process, is_alive

LEASE_S = 3600.0

_UNTIL = "semrec_building_until"
_BUILDER = "semrec_builder"


def lease_from_now() -> dict[str, Any]:
    """Return the metadata of a build by this process that is alive."""
    return {
        _UNTIL: time.time() + LEASE_S,
        _BUILDER: {"host": platform.node(), **describe_this_process()},
    }


def is_dead(metadata: Mapping[str, Any]) -> bool:
    """Return whether a build is dead: its lease has expired, or its process on this machine has ended.

    Parameters
    ----------
    metadata : of a collection that is not complete.
    """
    # Without a lease the collection is not semrec's, and must not be removed.
    if metadata.get(_UNTIL, np.inf) < time.time():
        return True
    builder = metadata.get(_BUILDER, {})
    if builder.get("host") != platform.node():
        return False
    # A workspace has one build at a time, so an earlier one of this process has ended.
    return builder["pid"] == os.getpid() or not is_alive(builder["pid"])


def builder_of(metadata: Mapping[str, Any]) -> str | None:
    """Return which process builds a collection that is not complete, in words; None if none does."""
    if _UNTIL not in metadata or is_dead(metadata):
        return None
    builder = metadata.get(_BUILDER, {})
    until = time.strftime("%H:%M", time.localtime(metadata[_UNTIL]))
    pid, command, host = (builder.get(name, "unknown") for name in ("pid", "command", "host"))
    return f"process {pid} ({command}) on {host}, whose lease ends at {until}"
