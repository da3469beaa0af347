"""The files of a source: one, several, or those that match a pattern."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

from semrec.errors import CatalogError

STANDARD_INPUT = "-"


def paths_of(name: str) -> list[Path]:
    """Return the files or the folder with this name, or the files of this pattern, sorted, at least one.

    A named pipe is a file, too.

    Raises
    ------
    CatalogError
        There is no such file.
    """
    name = os.path.expanduser(name)
    path = Path(name)
    if path.exists():
        return [path]
    if not glob.has_magic(name):
        raise CatalogError(f"{name}: there is no such file")
    found = [Path(match) for match in sorted(glob.glob(name, recursive=True)) if Path(match).is_file()]
    if not found:
        raise CatalogError(f"{name}: no file matches")
    return found


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder and of the folders in it, sorted, without hidden ones."""
    found = (*folder.glob("*"), *folder.glob("*/*"))
    return sorted(
        file
        for file in found
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def regular_files(source: Any) -> list[Path]:
    """Return the files of a source that can be read several times; empty for any other source.

    Other sources are frames, iterables, pipes and standard input.

    Raises
    ------
    CatalogError
        A file does not exist.
    """
    named = [source] if isinstance(source, str | os.PathLike) else source
    if not isinstance(named, list | tuple) or not all(isinstance(one, str | os.PathLike) for one in named):
        return []
    names = [os.fspath(one) for one in named]
    paths = [path for name in names if name != STANDARD_INPUT for path in paths_of(name)]
    files = [file for path in paths for file in (files_in(path) if path.is_dir() else [path])]
    return files if STANDARD_INPUT not in names and all(file.is_file() for file in files) else []
