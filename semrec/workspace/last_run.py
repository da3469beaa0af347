"""A receipt of the last indexing of files, so that the same files need not be read again.

Files are compared by all their bytes, the options by all that decides what is made of the files, and the
index by its manifest, which every change of an item writes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semrec.errors import StoreLockedError
from semrec.files.atomic import write_atomically
from semrec.indexer.index_report import IndexReport
from semrec.indexer.upsert import is_counted
from semrec.store import Manifest
from semrec.store.manifests import dump_manifest
from semrec.types import Plain
from semrec.version import __version__
from semrec.workspace.folder import Workspace
from semrec.workspace.session import OpenWorkspace

INDEXING_SETTINGS: Mapping[str, Any] = {"encoder": {"model", "backend"}, "index": True}
"""Settings that decide what indexing makes of a catalog."""


@dataclass(frozen=True, slots=True)
class Receipt(Plain):
    """The last indexing of a workspace.

    Parameters
    ----------
    input_digest : digest of the files and the options.
    index_digest : digest of the index afterwards.
    n_items : items of the files.
    rejected : number of rejected rows, by reason.
    """

    input_digest: str
    index_digest: str
    n_items: int
    rejected: Mapping[str, int]


class FileRun:
    """One indexing, and whether the last one read the same files with the same options.

    It compares nothing if the source is no file, or if only loading the encoder tells which one it is.

    Parameters
    ----------
    workspace : the workspace.
    files : what is indexed; empty for a source that is no file.
    options : options of the indexing that decide its result, as plain values.
    before : manifest of the index that is brought up to date; None for a new one.
    last_change : number of the last item change before the files were read.
    """

    def __init__(
        self,
        workspace: OpenWorkspace,
        files: Sequence[Path],
        options: Mapping[str, Any],
        before: Manifest | None,
        last_change: int,
    ) -> None:
        self._workspace = workspace
        self._files = files
        self._before = before
        self._last_change = last_change
        self._stamps = _stamps(files)
        self._input_digest = self._digest_input(options)
        self._receipt = Workspace(workspace.folder).receipt

    def repeated(self) -> IndexReport | None:
        """Return the report if the last indexing was this one, and the index is as it was left; else None."""
        started = time.monotonic()
        manifest, receipt = self._before, self._read()
        if manifest is None or receipt is None or receipt.input_digest != self._input_digest:
            return None
        if receipt.index_digest != self._digest_index(manifest) or self._last_change > manifest.journal:
            return None
        rejects = self._workspace.rejects
        if (receipt.rejected and not rejects.exists()) or not self._is_whole(manifest):
            return None
        return IndexReport(
            generation=self._workspace.current_number(),
            n_items=manifest.n_items,
            n_passages=manifest.n_passages,
            rejected=dict(receipt.rejected),
            rejects=rejects if receipt.rejected else None,
            seconds=time.monotonic() - started,
            encoder=manifest.encoder,
            device="",
            notes=("these files are, byte for byte, those of the last run: nothing was read again",),
            n_unchanged=receipt.n_items,
        )

    def forget(self) -> None:
        """Remove the receipt, because another indexing starts."""
        with suppress(OSError):
            self._receipt.unlink()

    def remember(self, report: IndexReport) -> None:
        """Write the receipt, unless the files or the index have changed since; a full disk is no error."""
        if self._input_digest is None or _stamps(self._files) != self._stamps:
            return
        workspace = self._workspace
        manifest = workspace.current_manifest()
        if manifest is None or workspace.current_number() != report.generation:
            return
        if workspace.last_change() != self._last_change:
            return
        n_items = report.n_added + report.n_changed + report.n_metadata + report.n_unchanged
        receipt = Receipt(self._input_digest, self._digest_index(manifest), n_items, dict(report.rejected))
        with suppress(OSError):
            write_atomically(self._receipt, json.dumps(receipt.to_dict()).encode())

    def _read(self) -> Receipt | None:
        """Return the receipt; None if there is none, or if it is damaged."""
        try:
            return Receipt.from_dict(json.loads(self._receipt.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None

    def _digest_input(self, options: Mapping[str, Any]) -> str | None:
        """Return a digest of all that decides what indexing makes of the files; None if it is not known."""
        encoder = self._workspace.encoders.identity(self._before) if self._files else None
        if encoder is None:
            return None
        settings = self._workspace.settings.model_dump(mode="json", include=dict(INDEXING_SETTINGS))
        values = {"semrec": __version__, "options": options, "settings": settings, "encoder": encoder}
        with suppress(OSError):  # opening the catalog raises a better error
            return _digest(values, self._files)
        return None

    def _digest_index(self, manifest: Manifest) -> str:
        """Return a digest of the index that answers."""
        text, _ = dump_manifest(manifest)
        return _digest({"generation": self._workspace.current_number(), "manifest": text})

    def _is_whole(self, manifest: Manifest) -> bool:
        """Return whether the index holds what its manifest says; yes if another process has it open."""
        live_index = self._workspace.live_index
        was_open = live_index.is_open
        try:
            with live_index.pin() as handle:
                generation = handle.generation
                return generation.manifest == manifest and is_counted(generation.index, manifest)
        except StoreLockedError:
            return True
        finally:
            if not was_open:
                live_index.close()


def _stamps(files: Sequence[Path]) -> list[tuple[int, int]]:
    """Return size and time of change of each file; empty if a file is gone."""
    try:
        return [(stat.st_size, stat.st_mtime_ns) for stat in map(Path.stat, files)]
    except OSError:
        return []


def _digest(values: Mapping[str, Any], files: Sequence[Path] = ()) -> str:
    """Return SHA-256 of JSON values, and of names and bytes of files, as 64 hexadecimal digits.

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
