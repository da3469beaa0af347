"""The files of a source: one, several, or those that match a pattern."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

from semrec.errors import CatalogError

STANDARD_INPUT = "-"


def paths_of(name: str) -> list[Path]:
    """Return the files with this name or pattern, sorted, at least one; a named pipe is a file too.

    Raises
    ------
    CatalogError
        There is no such file, or it is a folder.
    """
    name = os.path.expanduser(name)
    path = Path(name)
    if path.is_dir():
        raise CatalogError(f'{name}: is a folder; name its files, for instance "{path}/*.parquet"')
    if path.exists():
        return [path]
    if not glob.has_magic(name):
        raise CatalogError(f"{name}: there is no such file")
    found = [Path(match) for match in sorted(glob.glob(name, recursive=True)) if Path(match).is_file()]
    if not found:
        raise CatalogError(f"{name}: no file matches")
    return found


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
    files = [path for name in names if name != STANDARD_INPUT for path in paths_of(name)]
    return files if STANDARD_INPUT not in names and all(file.is_file() for file in files) else []
