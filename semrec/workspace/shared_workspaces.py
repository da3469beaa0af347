"""Workspaces that this process has open: recommenders of one folder with equal settings share one.

A notebook cell that runs again opens its workspace a second time. Sharing makes that free, and changes by one
recommender are in the answers of the other.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from semrec.config import Settings
from semrec.workspace.session import OpenWorkspace


@dataclass(frozen=True, slots=True)
class _Shared:
    """An open workspace, and the recommenders that use it and still exist."""

    workspace: OpenWorkspace
    users: weakref.WeakSet[object] = field(default_factory=weakref.WeakSet)


_shared: list[_Shared] = []
_lock = Lock()


def share_workspace(user: object, folder: Path, settings: Settings) -> OpenWorkspace:
    """Return the open workspace of this folder and these settings, which the user shares from now on.

    Parameters
    ----------
    user : a recommender; when it no longer exists, it no longer shares.
    folder : the workspace; it need not exist yet.
    settings : of this recommender.
    """
    place = folder.resolve()
    with _lock:
        _shared[:] = [one for one in _shared if not one.workspace.is_forked]  # those are the parent's
        for one in _shared:
            if one.workspace.folder.resolve() == place and one.workspace.settings == settings:
                one.users.add(user)
                return one.workspace
        new = _Shared(OpenWorkspace(folder, settings, release_unused=close_unused))
        new.users.add(user)
        _shared.append(new)
        return new.workspace


def close_unused(opening: OpenWorkspace) -> None:
    """Close the workspaces whose recommenders no longer exist: they may hold an index that is needed now.

    Parameters
    ----------
    opening : the one that needs the index; it stays open.
    """
    with _lock:
        unused = [one for one in _shared if not one.users and one.workspace is not opening]
        _shared[:] = [one for one in _shared if one.users or one.workspace is opening]
    for one in unused:
        one.workspace.close()
