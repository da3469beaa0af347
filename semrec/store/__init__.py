"""Stores: where items, their vectors and what is known of them are kept. The only home of Qdrant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from semrec.store.protocol import (
    PASSAGES,
    TEXT,
    EditableIndex,
    FieldType,
    Hits,
    Index,
    Items,
    Manifest,
    Point,
    Record,
    ScoreQuery,
    Search,
    SparseRows,
    SparseVector,
    Store,
    Vector,
    VectorField,
)
from semrec.store.server_owner import Ownership, WorkspaceIdentity

if TYPE_CHECKING:
    from semrec.config import StoreSettings

__all__ = [
    "EditableIndex",
    "PASSAGES",
    "TEXT",
    "FieldType",
    "Hits",
    "Index",
    "Items",
    "Manifest",
    "Point",
    "Record",
    "ScoreQuery",
    "Search",
    "SparseRows",
    "SparseVector",
    "Store",
    "Vector",
    "VectorField",
    "WorkspaceIdentity",
    "open_store",
]


def open_store(
    settings: StoreSettings,
    workspace: Path,
    identity: Callable[[], WorkspaceIdentity] | None = None,
    *,
    adopts: bool = False,
) -> Store:
    """Return the store that the settings ask for. Only its engine is imported.

    Parameters
    ----------
    settings : `qdrant` names a server; without it the store is embedded.
    workspace : the folder of an embedded store; a server's collections are named after it unless
        `settings.collection` says otherwise.
    identity, adopts : whose collections are read and written on a server, see `Ownership`; None: of any
        workspace.
    """
    if settings.qdrant is None:
        from semrec.store.edge import EdgeStore

        return EdgeStore(workspace, keep=settings.keep_generations)
    from semrec.store.server import ServerStore

    key = settings.qdrant_api_key
    return ServerStore(
        settings.collection or workspace.resolve().name,
        url=settings.qdrant,
        api_key=key.get_secret_value() if key else None,
        prefer_grpc=settings.qdrant_prefer_grpc,
        timeout_s=settings.timeout_s,
        keep=settings.keep_generations,
        ownership=Ownership(identity, adopts) if identity else None,
    )
