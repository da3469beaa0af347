"""The workspace: the folder that holds everything of one shop in embedded use.

A file `semrec.json` marks the folder and says where its vectors are: inside it, or on a Qdrant server.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from semrec.errors import WorkspaceError
from semrec.files.atomic import write_atomically

MARKER = "semrec.json"
REJECTS = "rejects.jsonl"
RECEIPT = "last-index.json"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder and what its marker says.

    Parameters
    ----------
    folder : where it is.
    qdrant : URL of the Qdrant server that holds the vectors; None: they are inside the folder.
    collection : name of the collection alias on that server; None: the folder's name.
    """

    folder: Path
    qdrant: str | None = None
    collection: str | None = None

    @property
    def rejects(self) -> Path:
        """The file with the rows that the last indexing could not use."""
        return self.folder / REJECTS

    @property
    def receipt(self) -> Path:
        """What the last indexing of files has left."""
        return self.folder / RECEIPT


def find_workspace(folder: Path) -> Workspace:
    """Read the workspace in a folder.

    Raises
    ------
    WorkspaceError
        The folder is not there, is no workspace, or its marker cannot be read.
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
        return Workspace(folder, content.get("qdrant"), content.get("collection"))
    except (OSError, ValueError, AttributeError) as error:
        raise WorkspaceError(f"cannot read {marker}: {error}. Restore it, or index anew.") from error


def make_workspace(folder: Path, *, qdrant: str | None, collection: str | None) -> Workspace:
    """Return the workspace in a folder, made if it is not there yet, now with this server (or none).

    Raises
    ------
    WorkspaceError
        The folder holds other things, or cannot be written.
    """
    if folder.exists() and not (folder / MARKER).exists():
        if not folder.is_dir():
            raise WorkspaceError(f"{str(folder)!r} is a file; give a folder for the workspace.")
        if any(folder.iterdir()):
            raise WorkspaceError(
                f"{str(folder)!r} is not a workspace and not empty; nothing was written. Give a new folder."
            )
    workspace = Workspace(folder, qdrant, collection)
    content = {"format": 1, **{k: v for k, v in asdict(workspace).items() if k != "folder"}}
    if (folder / MARKER).exists() and find_workspace(folder) == workspace:
        return workspace
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / MARKER, (json.dumps(content, indent=2) + "\n").encode())
    except OSError as error:
        raise WorkspaceError(f"cannot write the workspace {str(folder)!r}: {error}.") from error
    return workspace
