"""Gives an index on a server to this workspace, for instance when the folder of its old one is lost."""

from __future__ import annotations

from contextlib import closing

from semrec.errors import ConfigError, WorkspaceError
from semrec.workspace.folder import make_workspace
from semrec.workspace.own_store import open_own_store, wanted_workspace
from semrec.workspace.session import OpenWorkspace


def take_over(workspace: OpenWorkspace) -> str:
    """Make an index on a server that of this workspace, which is made if there is none in the folder.

    The items and models stay as they are. The old workspace can ask the generation that it has open, and is
    refused everything else.

    Returns
    -------
    str
        The index, in words.

    Raises
    ------
    ConfigError
        Neither the settings nor the workspace name a server.
    WorkspaceError
        The server has no such index.
    StoreLockedError
        It is being built at the moment.
    """
    from semrec.store.server import ServerStore

    wanted = wanted_workspace(workspace.folder, workspace.settings.store)
    with closing(open_own_store(workspace.folder, workspace.settings.store)) as store:
        if not isinstance(store, ServerStore):
            raise ConfigError("only an index on a Qdrant server can be taken over: add --qdrant URL.")
        if store.current() is None:
            raise WorkspaceError(
                f"there is no {store.describe()} to take over. Index a catalog: semrec index CATALOG "
                f"--workspace {workspace.folder} --qdrant {wanted.qdrant} --collection {wanted.collection}"
            )
        make_workspace(workspace.folder, qdrant=wanted.qdrant, collection=wanted.collection)
        store.take_over()
        return store.describe()
