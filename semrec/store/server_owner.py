"""Which workspace a collection belongs to: two workspaces must not write into one index."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from semrec.errors import StoreError

_OWNER = "semrec_workspace"


@dataclass(frozen=True, slots=True)
class WorkspaceIdentity:
    """A workspace, for the metadata of its collections.

    Parameters
    ----------
    id : random, made with the workspace.
    path, host : where it was when it wrote the metadata, for people.
    """

    id: str
    path: str
    host: str


@dataclass(frozen=True, slots=True)
class Ownership:
    """How a store tells the collections of its workspace from those of other workspaces.

    Parameters
    ----------
    identity : returns the workspace; called for each check, because an older workspace gets its id later.
    adopts : a collection without owner, written by an older semrec, is one of this workspace.
    """

    identity: Callable[[], WorkspaceIdentity]
    adopts: bool = False

    def to_metadata(self) -> dict[str, Any]:
        """Return what marks a collection as one of this workspace."""
        return {_OWNER: asdict(self.identity())}

    def check(self, metadata: Mapping[str, Any], alias: str, where: str) -> None:
        """Refuse the collection of another workspace.

        Parameters
        ----------
        metadata : of the collection.
        alias, where : name of the index and its server, for the message.

        Raises
        ------
        StoreError
            The collection belongs to another workspace.
        """
        owner, own = metadata.get(_OWNER), self.identity()
        if (owner is None and self.adopts) or (owner is not None and owner["id"] == own.id):
            return
        whose = (
            f"belongs to workspace {owner['path']} on host {owner['host']}"
            if owner
            else "was written by an older semrec, which did not note its workspace"
        )
        take_over = f"semrec take-over --workspace {shlex.quote(own.path)} --qdrant {where} --collection"
        raise StoreError(
            f"collection {alias!r} at {where} {whose}: choose another name with "
            f"semrec index CATALOG --collection NAME, or take it over with: {take_over} {shlex.quote(alias)}"
        )
