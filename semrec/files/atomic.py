"""Files that are replaced in one step."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4


def write_atomically(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Replace a file; after a crash it is the old or the new one, complete. Several processes may write it.

    Parameters
    ----------
    path : the file; its folder exists.
    data : the new content.
    mode : permissions of the file, before the umask.

    Raises
    ------
    OSError
        The file cannot be written; the old one stays.
    """
    draft = path.with_name(f"{path.name}.{uuid4().hex[:8]}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # writing to a full disk does not name the file
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
