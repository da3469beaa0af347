"""The workspace: a folder with everything of one shop, or with the address of its Qdrant server.

A file `semrec.json` marks the folder, and names the Qdrant server if the vectors are not in the folder.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from uuid import uuid4

from semrec.errors import WorkspaceError
from semrec.files.atomic import write_atomically
from semrec.version import __version__

MARKER = "semrec.json"
REJECTS = "rejects.jsonl"
RECEIPT = "last-index.json"

FORMAT = 2
"""Format of a workspace; a larger number in the marker means a newer semrec. 2: with checksums."""

_DIGEST = "digest"


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
    if not marker.exists() and (folder / "generations").is_dir():
        raise WorkspaceError(f"{marker} is missing: {_repair_of(marker)}")
    if not marker.exists():
        raise WorkspaceError(
            f"{str(folder)!r} is not a workspace: it has no {MARKER}. "
            f"Make one in a new folder: semrec index CATALOG --workspace NEW"
        )
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
        if content.pop(_DIGEST, None) not in (None, _digest(content)):  # None: older, or repaired
            raise ValueError("it has changed since it was written")
        found = int(content.get("format", FORMAT))
        workspace = Workspace(folder, content.get("qdrant"), content.get("collection"), content.get("id", ""))
    except OSError as error:
        raise WorkspaceError(f"cannot read {marker}: {error.strerror}; check its rights") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise WorkspaceError(f"{marker} is damaged ({error}): {_repair_of(marker)}") from error
    if found > FORMAT:
        raise WorkspaceError(
            f"{str(folder)!r} was written by a newer semrec ({content.get('semrec', 'unknown version')}); "
            f"this is {__version__}: update semrec (pip install --upgrade semrec)"
        )
    return workspace


def _repair_of(marker: Path) -> str:
    """Return the command that writes the marker again; only the address of a server is not known any more."""
    is_embedded = (marker.parent / "generations").is_dir()
    content = json.dumps({"format": FORMAT} if is_embedded else {"format": FORMAT, "qdrant": "URL"})
    place = "" if is_embedded else " with the URL of its Qdrant server, or its collection, too"
    return f"write it again{place}: `echo {shlex.quote(content)} > {shlex.quote(str(marker))}`"


def _digest(content: Mapping[str, object]) -> str:
    return blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()


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
    content = {
        "format": FORMAT,
        "semrec": __version__,
        "qdrant": qdrant,
        "collection": collection,
        "id": workspace.id,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stored = {**content, _DIGEST: _digest(content)}
        write_atomically(folder / MARKER, (json.dumps(stored, indent=2) + "\n").encode())
    except OSError as error:
        raise WorkspaceError(f"cannot write the workspace {str(folder)!r}: {error}.") from error
    return workspace
