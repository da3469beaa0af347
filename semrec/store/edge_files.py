"""The files of an embedded store: paths, manifests, space on the disk, and their errors."""

from __future__ import annotations

import ctypes
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from semrec.errors import StoreError
from semrec.files.atomic import write_atomically
from semrec.store.manifests import arrays_digest, dump_manifest, load_manifest
from semrec.store.owner import locked_error
from semrec.store.protocol import Manifest

# Edge maps its files into memory and extends them by 32 MiB. If the disk is full at that moment, the kernel
# kills the process (SIGBUS), and there is no error to catch. So writing stops while a few such steps fit.
_RESERVE_BYTES = 256 * 2**20

_DISK_FULL = re.compile(r"no space left|file too large|quota exceeded|os error (28|27|122)\b", re.IGNORECASE)


def manifest_path(folder: Path) -> Path:
    """Return the file that makes a generation complete."""
    return folder / "manifest.json"


def shard_path(folder: Path) -> Path:
    """Return the folder of a generation's shard."""
    return folder / "edge"


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a generation.

    Raises
    ------
    FileNotFoundError
        The generation is not complete.
    StoreError
        The manifest is damaged, or a newer semrec wrote it.
    """
    text = manifest_path(folder).read_text(encoding="utf-8")
    return load_manifest(text, lambda digest: _read_arrays(folder, digest), where=str(folder))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of a generation: first its arrays, in a file named by digest, then the JSON."""
    text, arrays = dump_manifest(manifest)
    file = _arrays_path(folder, arrays_digest(arrays))
    if arrays and not file.exists():
        write_atomically(file, arrays)
    write_atomically(manifest_path(folder), text.encode())


def _read_arrays(folder: Path, digest: str) -> bytes:
    try:
        return _arrays_path(folder, digest).read_bytes()
    except FileNotFoundError:
        raise ValueError("the file of its arrays is missing") from None


def _arrays_path(folder: Path, digest: str) -> Path:
    return folder / f"manifest-{digest}.safetensors"


def require_space(folder: Path, n_bytes: int = 0) -> None:
    """Refuse to write `n_bytes` more if less than the reserve would remain free.

    Raises
    ------
    StoreError
        The disk is full.
    """
    free = shutil.disk_usage(folder).free - n_bytes
    if free < _RESERVE_BYTES:
        raise StoreError(
            f"the disk of {folder} is full ({max(free, 0) >> 20} MiB are left, "
            f"semrec keeps {_RESERVE_BYTES >> 20} MiB free); make room and try again. "
            "The previous index still answers"
        )


def release_memory() -> None:
    """Return freed memory to the system: closing a shard of 200,000 items frees 150 MB that glibc keeps."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def edge_errors(folder: Path) -> Iterator[None]:
    """Turn the errors of the engine and of the disk into store errors.

    Edge raises bare `Exception`, so that is what is caught here; our own programming errors pass.

    Raises
    ------
    StoreLockedError
        Another process has the shard open.
    StoreError
        The disk is full, or the engine failed.
    """
    try:
        yield
    except (StoreError, KeyError, TypeError, AttributeError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise  # an interrupt; a panic of the engine is an error like any other
        text = " ".join(str(error).split())
        if "WouldBlock" in text:
            raise locked_error(folder) from error
        if _DISK_FULL.search(text):
            raise StoreError(
                f"the disk of {folder} is full; make room and try again. The previous index still answers"
            ) from error
        raise StoreError(f"the embedded index in {folder} failed: {text}") from error
