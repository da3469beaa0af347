"""The workspace: a folder with everything of one shop, or with the address of its Qdrant server.

A file `semrec.json` marks the folder, and names the Qdrant server if the vectors are not in the folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from semrec.errors import WorkspaceError
from semrec.files.atomic import write_atomically

MARKER = "semrec.json"
REJECTS = "rejects.jsonl"
RECEIPT = "last-index.json"

FORMAT = 1
"""Format of a workspace; a larger number in the marker means that a newer semrec wrote it."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder and the content of its marker.

    Parameters
    ----------
    folder : the folder.
    qdrant : URL of the Qdrant server with the vectors; None: they are inside the folder.
    collection : name of the index on that server; None: the folder's name.
    id : random, so that the collections on a server can say whose they are; empty: an older semrec made the
        workspace, and it gets its id with the next indexing.
    """

    folder: Path
    qdrant: str | None = None
    collection: str | None = None
    id: str = field(default="", compare=False)

    @property
    def index_name(self) -> str:
        """The name of the index on a server."""
        return self.collection or self.folder.resolve().name

    @property
    def rejects(self) -> Path:
        """The file with the rows that the last indexing rejected."""
        return self.folder / REJECTS

    @property
    def receipt(self) -> Path:
        """The file with the receipt of the last indexing, see `semrec.workspace.last_run`."""
        return self.folder / RECEIPT


def find_workspace(folder: Path) -> Workspace:
    """Return the workspace in a folder.

    Raises
    ------
    WorkspaceError
        The folder does not exist or is no workspace, its marker cannot be read, or a newer semrec wrote it.
    """
    if not folder.is_dir():
        raise WorkspaceError(
            f"there is no workspace {str(folder)!r}. Make one: semrec index CATALOG --workspace {folder}"
        )
    marker = folder / MARKER
    if not marker.exists():
        raise WorkspaceError(
            f"{str(folder)!r} is not a workspace: it has no {MARKER}. "
            f"Make one in a new folder: semrec index CATALOG --workspace NEW"
        )
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
        found = int(content.get("format", FORMAT))
        workspace = Workspace(folder, content.get("qdrant"), content.get("collection"), content.get("id", ""))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise WorkspaceError(
            f"cannot read {marker}: {error}. Restore it, or index the catalog into a new folder."
        ) from error
    if found > FORMAT:
        raise WorkspaceError(
            f"{str(folder)!r} was written by a newer semrec (format {found}, this one reads {FORMAT}). "
            "Run: pip install --upgrade semrec"
        )
    return workspace


def make_workspace(folder: Path, *, qdrant: str | None, collection: str | None) -> Workspace:
    """Return the workspace in a folder with this server (or none); make it if it does not exist.

    Raises
    ------
    WorkspaceError
        The folder holds other files, or cannot be written.
    """
    if folder.exists() and not (folder / MARKER).exists():
        if not folder.is_dir():
            raise WorkspaceError(f"{str(folder)!r} is a file; give a folder for the workspace.")
        if any(folder.iterdir()):
            raise WorkspaceError(
                f"{str(folder)!r} is not a workspace and not empty; nothing was written. Give a new folder."
            )
    found = find_workspace(folder) if (folder / MARKER).exists() else Workspace(folder)
    workspace = Workspace(folder, qdrant, collection, found.id or uuid4().hex)
    if found == workspace and found.id:
        return workspace
    content = {"format": FORMAT, "qdrant": qdrant, "collection": collection, "id": workspace.id}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / MARKER, (json.dumps(content, indent=2) + "\n").encode())
    except OSError as error:
        raise WorkspaceError(f"cannot write the workspace {str(folder)!r}: {error}.") from error
    return workspace
