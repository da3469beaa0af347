"""Where the index of a workspace is: in its folder, or on a server under a name that is its own."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

from semrec.config import StoreSettings
from semrec.store import Store, WorkspaceIdentity, open_store
from semrec.workspace.folder import MARKER, Workspace, find_workspace


def remembered_workspace(folder: Path) -> Workspace:
    """Return the workspace in a folder, as its marker says; a new one if there is no marker."""
    return find_workspace(folder) if (folder / MARKER).exists() else Workspace(folder)


def wanted_workspace(folder: Path, settings: StoreSettings) -> Workspace:
    """Return the workspace with the server that the settings name; what they do not name stays."""
    workspace = remembered_workspace(folder)
    qdrant = settings.qdrant or workspace.qdrant
    collection = settings.collection or workspace.collection or (workspace.index_name if qdrant else None)
    return replace(workspace, qdrant=qdrant, collection=collection)


def open_own_store(folder: Path, settings: StoreSettings) -> Store:
    """Open the store of a workspace; one on a server refuses the collections of other workspaces.

    Parameters
    ----------
    folder : the workspace; it need not exist.
    settings : what they do not name is as the workspace remembers.
    """
    remembered, wanted = remembered_workspace(folder), wanted_workspace(folder, settings)
    same = (remembered.qdrant, remembered.index_name) == (wanted.qdrant, wanted.index_name)
    asked = settings.model_copy(update={"qdrant": wanted.qdrant, "collection": wanted.collection})
    return open_store(asked, folder, lambda: identity(folder), adopts=same)


def identity(folder: Path) -> WorkspaceIdentity:
    """Return how the collections of a workspace name it."""
    return WorkspaceIdentity(remembered_workspace(folder).id, str(folder.resolve()), platform.node())
