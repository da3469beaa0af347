"""What the last indexing of files has left: whoever comes with the same files again need not read them.

Files are compared by all their bytes, what was asked by all that decides what is made of them, and the index
by its manifest, which every change of an item writes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Receipt:
    """One indexing.

    Parameters
    ----------
    asked : digest of the files and of what was asked, see `digest_of`.
    left : digest of the index afterwards.
    n_items : items of the files.
    rejected : reason -> number of rows that could not be used.
    """

    asked: str
    left: str
    n_items: int
    rejected: dict[str, int]


def digest_of(values: Mapping[str, Any], files: Sequence[Path] = ()) -> str:
    """Return 64 hexadecimal digits that tell values, and names and bytes of files, from all others.

    Parameters
    ----------
    values : can be JSON; what cannot is told by its text.
    files : are read.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    digest = hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode())
    for file in files:
        with file.open("rb") as content:
            digest.update(f"|{file.name}|{hashlib.file_digest(content, 'sha256').hexdigest()}".encode())
    return digest.hexdigest()


def read_receipt(file: Path) -> Receipt | None:
    """Return what `write_receipt` wrote; None when it is not there or damaged."""
    try:
        return Receipt(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_receipt(file: Path, receipt: Receipt) -> None:
    """Write it in one step. Raises OSError when the disk does not take it."""
    draft = file.with_name(file.name + ".new")
    draft.write_text(json.dumps(asdict(receipt)), encoding="utf-8")
    draft.replace(file)
