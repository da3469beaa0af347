"""The embedded store: Qdrant Edge, the Qdrant engine in this process, in the workspace folder.

On the disk::

    current                       number of the generation that answers; 0: none yet
    generations/<n>/manifest.json written last: a generation without it is not complete
    generations/<n>/manifest-<digest>.safetensors
                                  arrays of the manifest, if it has any
    generations/<n>/owner.json    the process that has it open
    generations/<n>/edge/         the shard
    generations/<n>/<vector>.*    vectors for exact reads, see `RowFile`
    generations/.borrowed-<n>-*/  copies for readers while another process owns the original
    builder.json                  the process that builds the next generation

A generation belongs to one process. Another process that must read it, to build the next one, borrows it: it
copies the folder while no one writes. The engine writes through memory maps and into its write-ahead log, so
a copy contains all acknowledged writes; opening it is the same as opening a shard after a crash.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import qdrant_edge as qe

from semrec.errors import StoreDamagedError, StoreError, StoreLockedError, WorkspaceError
from semrec.store import edge_optimize
from semrec.store.copying import allocated_bytes, copy_folder
from semrec.store.edge_files import (
    complete_generations,
    damaged_error,
    edge_errors,
    manifest_path,
    numbers_in,
    read_current,
    read_manifest,
    release_memory,
    repair_of,
    require_space,
    shard_path,
    unwritable,
    write_current,
    write_manifest,
)
from semrec.store.edge_index import EdgeIndex
from semrec.store.edge_messages import shard_config
from semrec.store.manifests import require_current
from semrec.store.owner import Owner, held, owner_of
from semrec.store.protocol import MANIFEST_VERSION, Index, Manifest, VectorField

log = logging.getLogger(__name__)

_BORROWED = ".borrowed-"


class EdgeStore:
    """The generations of one workspace folder.

    Parameters
    ----------
    folder : the workspace; it is made when the first generation is.
    keep : how many complete generations a build leaves.
    """

    def __init__(self, folder: Path, *, keep: int = 2) -> None:
        self.keep = keep
        self.only_grows = True
        self._folder = folder
        self._generations = folder / "generations"
        self._current = folder / "current"

    def describe(self) -> str:
        """Return where the store is, for messages."""
        return f"Qdrant Edge in {self._folder}"

    def generations(self) -> list[int]:
        """Return the numbers of all complete generations, ascending."""
        return complete_generations(self._generations)

    def current(self) -> int | None:
        """Return the number of the generation that answers; None before the first build.

        Raises
        ------
        WorkspaceError
            The file that names it is damaged; the message says how to repair it.
        """
        try:
            number = read_current(self._current)
        except FileNotFoundError:
            if not self.generations():
                return None
            raise WorkspaceError(f"{self._current} is missing: {repair_of(self._generations)}") from None
        except OSError as error:
            raise WorkspaceError(f"cannot read {self._current}: {error.strerror}") from error
        except ValueError as error:
            raise WorkspaceError(
                f"{self._current} is damaged ({error}): {repair_of(self._generations)}"
            ) from error
        if number and not manifest_path(self._path(number)).exists():
            raise WorkspaceError(
                f"{self._current} names generation {number}, which is not complete: "
                f"{repair_of(self._generations)}"
            )
        return number or None

    def named(self) -> int | None:
        """Return the same as `current`, but None where that is an error."""
        with suppress(WorkspaceError):
            return self.current()
        return None

    def manifest(self, generation: int) -> Manifest:
        """Return the manifest of a complete generation."""
        try:
            return read_manifest(self._path(generation))
        except FileNotFoundError:
            raise StoreError(f"{self._folder} has no complete generation {generation}") from None

    def create(self, vectors: Sequence[VectorField], key: str = "") -> tuple[int, EdgeIndex]:
        """Start the next generation, empty and invisible to readers; dead builds are removed before."""
        with edge_errors(self._folder):
            self._generations.mkdir(parents=True, exist_ok=True)
            if self.named() is None and not self.generations():
                write_current(self._current, 0)  # so that a missing file is damage
            number, owner = self._claim_next()
            try:
                folder = self._path(number)
                shard = qe.EdgeShard.create(str(shard_path(folder)), shard_config(vectors))
                return number, EdgeIndex(folder, shard, owner, vectors)
            except BaseException:
                owner.release()
                raise

    def complete(self, generation: int, index: Index, manifest: Manifest) -> None:
        """Finish a build: close the index, optimize it, check its count, write its manifest."""
        if not isinstance(index, EdgeIndex) or index.folder != self._path(generation):
            raise StoreError(f"the index is not generation {generation} of {self._folder}")
        try:
            with edge_errors(self._folder):
                index.build(manifest.fields)
                n_items = _optimize(index)
                if n_items != manifest.n_items:
                    raise StoreError(
                        f"generation {generation} holds {n_items} items instead of {manifest.n_items}; "
                        "index again"
                    )
                write_manifest(self._path(generation), manifest)
        finally:
            index.close()

    def open(self, generation: int) -> EdgeIndex:
        """Open a complete generation for reading and writing; a copy to read where nothing can be written."""
        folder = self._path(generation)
        manifest = require_current(self.manifest(generation), where=str(folder))
        if unwritable(folder):
            return self._open_copy(folder, manifest)
        owner = Owner(folder)
        if manifest.version < MANIFEST_VERSION:
            _bring_up_to_date(folder, manifest)
        return _load_index(folder, owner, manifest.vectors)

    def borrow(self, generation: int) -> EdgeIndex:
        """Open a complete generation for reading: the original, or a copy while another process owns it."""
        folder = self._path(generation)
        manifest = require_current(self.manifest(generation), where=str(folder))
        if not unwritable(folder):
            with suppress(StoreLockedError):
                return _load_index(folder, Owner(folder), manifest.vectors)
        return self._open_copy(folder, manifest)

    def damaged(self, generation: int, reason: str) -> StoreDamagedError:
        """Return the error for a damaged generation; it names the commands that help."""
        return damaged_error(self._path(generation), reason)

    def rewrite_manifest(self, generation: int, manifest: Manifest) -> None:
        """Replace the manifest of a complete generation, in one atomic step."""
        self.manifest(generation)
        with edge_errors(self._folder):
            write_manifest(self._path(generation), manifest)

    def owner(self, generation: int) -> str | None:
        """Return which process has a generation open, in words; None if none has."""
        return owner_of(self._path(generation))

    def incomplete(self) -> dict[int, str | None]:
        """Return the builds that are not complete: the process that is building, in words; None if dead."""
        numbers = set(numbers_in(self._generations)) - set(self.generations())
        return {number: owner_of(self._path(number)) for number in sorted(numbers)}

    def remove_dead(self) -> None:
        """Remove builds, and copies for readers, whose processes have ended."""
        if self._generations.is_dir():
            with edge_errors(self._folder), held(self._generations):
                self._remove_dead()

    def size(self, generation: int) -> int | None:
        """Return the bytes that a generation takes on the disk."""
        return allocated_bytes(self._path(generation))

    def builder(self) -> str | None:
        """Return None: no other machine can build in this folder."""
        return None

    def make_current(self, generation: int) -> None:
        """Let readers use this generation, in one atomic step."""
        self.manifest(generation)
        with edge_errors(self._folder):
            write_current(self._current, generation)

    def drop(self, generation: int) -> None:
        """Remove a generation that is not current."""
        if generation == self.named():
            raise StoreError(f"generation {generation} is current; make another one current first")
        folder = self._path(generation)
        if not folder.exists():
            raise StoreError(f"{self._folder} has no generation {generation}")
        _remove(folder)

    def close(self) -> None:
        """Do nothing: the store itself holds nothing open."""

    def _path(self, generation: int) -> Path:
        return self._generations / str(generation)

    def _claim_next(self) -> tuple[int, Owner]:
        """Make and own the folder of the next generation; what dead builds have left is removed before."""
        # Held, because a new folder without its owner looks like a failed build.
        with held(self._generations):
            number = max(numbers_in(self._generations), default=0) + 1
            self._remove_dead()
            require_space(self._generations)
            self._path(number).mkdir()
            return number, Owner(self._path(number))

    def _remove_dead(self) -> None:
        """Remove builds and copies whose processes have ended; `generations` is held."""
        for number in set(numbers_in(self._generations)) - set(self.generations()):
            _remove_if_free(self._path(number))
        self._remove_abandoned_copies()

    def _open_copy(self, folder: Path, manifest: Manifest) -> EdgeIndex:
        """Open a copy of a generation's folder for reading; it is removed when it is closed."""
        if reason := unwritable(folder):
            place = Path(tempfile.gettempdir())
            log.warning("%s: a copy in %s is read instead; changes are refused", reason, place)
        else:
            place = self._generations
            with held(place):
                self._remove_abandoned_copies()
        copy, owner = self._copy(folder, place)
        try:
            return _load_index(copy, owner, manifest.vectors, borrowed=True)
        except BaseException:
            shutil.rmtree(copy, ignore_errors=True)
            raise

    def _copy(self, folder: Path, place: Path) -> tuple[Path, Owner]:
        """Return a copy of a generation's folder inside another folder, owned."""
        with edge_errors(place):
            require_space(place, allocated_bytes(folder))
            with held(place):  # between the two steps it looks like a copy that is not used any more
                copy = Path(tempfile.mkdtemp(prefix=f"{_BORROWED}{folder.name}-", dir=place))
                owner = Owner(copy)
        try:
            with edge_errors(place), held(folder):  # `EdgeIndex` holds it while it writes
                copy_folder(folder, copy)
            return copy, owner
        except BaseException:
            shutil.rmtree(copy, ignore_errors=True)
            owner.release()
            raise

    def _remove_abandoned_copies(self) -> None:
        for copy in self._generations.glob(_BORROWED + "*"):
            _remove_if_free(copy)


def _load_index(
    folder: Path, owner: Owner, vectors: Sequence[VectorField], *, borrowed: bool = False
) -> EdgeIndex:
    """Open the generation in an owned folder; if that fails, ownership is released."""
    try:
        if not (shard_path(folder) / "segments").is_dir():  # the engine would open an empty one
            raise damaged_error(folder, "its points are missing")
        with edge_errors(folder), held(folder):
            shard = qe.EdgeShard.load(str(shard_path(folder)))
            index = EdgeIndex(folder, shard, owner, vectors, borrowed=borrowed)
            index.restore_rows()
            return index
    except BaseException:
        owner.release()
        raise


def _bring_up_to_date(folder: Path, manifest: Manifest) -> None:
    """Let the next opening write the rows of vectors in today's format; older code must not use them then."""
    with suppress(OSError):  # reading must work where nothing can be written
        write_manifest(folder, replace(manifest, version=MANIFEST_VERSION))
        for file in folder.glob("*.keys"):
            file.unlink()


def _remove(folder: Path) -> None:
    """Remove the folder of a generation that no process owns."""
    owner = Owner(folder)
    try:
        # First, so that an interrupted removal leaves no generation that looks complete.
        manifest_path(folder).unlink(missing_ok=True)
        shutil.rmtree(folder)
    finally:
        owner.release()


def _remove_if_free(folder: Path) -> None:
    with suppress(StoreLockedError):  # another process uses it
        _remove(folder)


def _optimize(index: EdgeIndex) -> int:
    """Optimize a closed shard in a process of its own; return how many points it holds."""
    release_memory()
    # The child inherits the lock: if this process dies, the build still counts as alive until the child ends.
    locks = [index.owner.descriptor] if index.owner else []
    child = subprocess.run(
        [sys.executable, "-P", edge_optimize.__file__, str(shard_path(index.folder))],
        capture_output=True,
        text=True,
        pass_fds=locks,
        check=False,
    )
    if child.returncode != 0:
        reason = child.stderr.strip().splitlines()[-1:] or [f"ended with status {child.returncode}"]
        raise RuntimeError(f"building the search structures failed: {reason[0]}")
    return int(child.stdout)
