"""The files of an embedded store: paths, manifests, space on the disk, and their errors."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from semrec.errors import StoreDamagedError, StoreError
from semrec.files.atomic import write_atomically
from semrec.store.manifests import arrays_digest, dump_manifest, load_manifest
from semrec.store.owner import locked_error
from semrec.store.protocol import Manifest

# Edge maps its files into memory and extends them by 32 MiB. If the disk is full at that moment, the kernel
# kills the process (SIGBUS), and there is no error to catch. So writing stops while a few such steps fit.
_RESERVE_BYTES = 256 * 2**20
_OPENING_BYTES = 64 * 2**20

_DISK_FULL = re.compile(r"no space left|file too large|quota exceeded|os error (28|27|122)\b", re.IGNORECASE)

_REFUSED = re.compile(
    r"read-only file system|permission denied|not permitted|os error (30|13|1)\b", re.IGNORECASE
)


def manifest_path(folder: Path) -> Path:
    """Return the file that makes a generation complete."""
    return folder / "manifest.json"


def shard_path(folder: Path) -> Path:
    """Return the folder of a generation's shard."""
    return folder / "edge"


def damaged_error(folder: Path, reason: str) -> StoreDamagedError:
    """Return the error for a damaged generation, with the commands that help.

    Parameters
    ----------
    folder : of the generation, or of a borrowed copy of it.
    reason : what is wrong.
    """
    generations = folder.parent
    number = _number_of(folder)
    return StoreDamagedError(
        f"generation {number} in {generations.parent} is damaged: {reason}; {repair_of(generations, number)}"
    )


def _number_of(folder: Path) -> int:
    """Return the number of a generation by its folder, or by that of a borrowed copy."""
    return int(re.findall(r"\d+", folder.name)[0])


def repair_of(generations: Path, damaged: int | None = None) -> str:
    """Return the commands that replace a damaged generation: a rollback if there is another one, a rebuild.

    Parameters
    ----------
    generations : the folder of all generations.
    damaged : number of the damaged one; None if no generation is damaged, but the choice of the current one.
    """
    workspace = shlex.quote(str(generations.parent))
    whole = [number for number in complete_generations(generations) if number != damaged]
    rollback = f"`semrec rollback {whole[-1]} --workspace {workspace}`, or " if whole else ""
    return f"{rollback}`semrec index CATALOG --rebuild --workspace {workspace}`"


def complete_generations(generations: Path) -> list[int]:
    """Return the numbers of the generations that have a manifest, ascending."""
    return [number for number in numbers_in(generations) if manifest_path(generations / str(number)).exists()]


def numbers_in(generations: Path) -> list[int]:
    """Return the numbers of all generations, also of builds that are not complete, ascending."""
    if not generations.is_dir():
        return []
    return sorted(int(path.name) for path in generations.iterdir() if path.name.isdecimal())


def read_current(path: Path) -> int:
    """Return the number in the file that names the current generation; 0: none yet.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It is damaged.
    """
    text = path.read_bytes().decode("ascii", "replace")
    number = int(found[1]) if (found := re.match(r"(\d{1,18})\b", text)) else 0
    if text not in (_current_text(number), f"{number}\n"):  # older ones have no checksum
        raise ValueError(f"{text[:40]!r} is not the number of a generation with its checksum")
    return number


def write_current(path: Path, number: int) -> None:
    """Write which generation is current, in one atomic step."""
    write_atomically(path, _current_text(number).encode())


def _current_text(number: int) -> str:
    return f"{number} {zlib.crc32(str(number).encode()):08x}\n"


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a generation.

    Raises
    ------
    FileNotFoundError
        The generation is not complete.
    StoreDamagedError
        The manifest is damaged.
    StoreError
        A newer semrec wrote it.
    """
    return load_manifest(
        manifest_path(folder).read_bytes().decode("utf-8", "replace"),
        lambda digest: _read_arrays(folder, digest),
        where=str(folder),
        repair=lambda: repair_of(folder.parent, _number_of(folder)),
    )


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


def unwritable(folder: Path) -> str | None:
    """Return why an index in a folder cannot be opened for writing, in words; None if it can.

    The engine writes when it opens an index, and dies of a disk without any space.
    """
    if not os.access(folder, os.W_OK):
        return f"{folder} is read-only"
    if shutil.disk_usage(folder).free < _OPENING_BYTES:
        return f"the disk of {folder} is full"
    return None


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
    StoreDamagedError
        The engine failed in a complete generation.
    StoreError
        The disk is full, it cannot be written, or the engine failed in a build.
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
        if _REFUSED.search(text):
            raise StoreError(f"{folder} cannot be written: {text}; check its rights and its disk") from error
        if manifest_path(folder).exists():  # a complete generation
            raise damaged_error(folder, f"the engine failed: {text}") from error
        raise StoreError(f"the embedded index in {folder} failed: {text}") from error
