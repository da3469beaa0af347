"""Renewal: a generation is built again when much of it has changed, so that its files stay small.

An embedded index only grows: what was replaced or deleted stays in its segments, its write-ahead log and its
rows of vectors. So when a fourth of the items have changed, the generation is copied into a new one, which
replaces it. That happens in the background; nothing is encoded, and changes go on meanwhile. It also updates
the mean text vector and the search graphs, which changes in place do not.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from threading import Lock, Thread
from typing import TYPE_CHECKING

import numpy as np

from semrec.encoder import Encoder
from semrec.errors import SemrecError, StoreError, StoreLockedError
from semrec.store import Index, Manifest
from semrec.store.build import building
from semrec.types import item_keys

if TYPE_CHECKING:
    from semrec.indexer.build_steps import BuildStep
    from semrec.workspace.session import OpenWorkspace

FEWEST_CHANGES = 100
"""With fewer changes since the build, a generation is not renewed."""
CHANGED_SHARE = 0.25
"""Changes since the build, as a share of the items, that a generation is renewed after."""

log = logging.getLogger("semrec")


def is_due(manifest: Manifest) -> bool:
    """Return whether so much has changed since the build that the generation should be renewed."""
    return bool(manifest.n_items) and manifest.n_changes > max(
        FEWEST_CHANGES, CHANGED_SHARE * manifest.n_items
    )


class Renewal:
    """Renews the generation that answers, in a thread of its own.

    Parameters
    ----------
    workspace : of the generation.
    """

    def __init__(self, workspace: OpenWorkspace) -> None:
        self._workspace = workspace
        self._lock = Lock()
        self._thread: Thread | None = None
        self._not_before = 0  # changes of the generation before the next try, after one that failed

    def start_if_due(self) -> None:
        """Begin if it is due and none is running; called after every change."""
        if not self._is_due():
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="semrec-renew", daemon=True)
                self._thread.start()

    def finish(self) -> None:
        """Wait until the one that is running has ended."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _is_due(self) -> bool:
        if not self._workspace.store().only_grows:
            return False
        manifest = self._manifest()
        return manifest is not None and is_due(manifest) and manifest.n_changes >= self._not_before

    def _run(self) -> None:
        """Renew until it is not due any more: many changes may have been made meanwhile."""
        try:
            while self._is_due() and renew(self._workspace):
                self._not_before = 0
        except StoreLockedError:  # another build is running; the next change tries again
            return
        except Exception as error:
            manifest = self._manifest()
            self._not_before = 2 * manifest.n_changes if manifest else 0
            is_known = isinstance(error, SemrecError)
            log.warning("the index was not compacted, and goes on: %s", error, exc_info=not is_known)

    def _manifest(self) -> Manifest | None:
        generation = self._workspace.live_index.generation
        return generation.manifest if generation else None


def renew(workspace: OpenWorkspace) -> bool:
    """Replace the generation that answers by a copy without what was replaced or deleted in it.

    Returns
    -------
    False if it is not due any more, or another generation is current now.

    Raises
    ------
    StoreLockedError
        Another build is running.
    StoreError
        The store failed, or the disk is full. The generation still answers.
    """
    from semrec.indexer.build_steps import build_generation

    store = workspace.store()
    with building(store, workspace.folder):
        with workspace.live_index.pin() as handle:
            last_change = workspace.last_change()  # before the items are read, which may lack later ones
            generation = handle.generation
            manifest = generation.manifest
            if generation.number != workspace.current_number() or not is_due(manifest):
                return False
            build_generation(
                store,
                replace(manifest, journal=min(last_change, manifest.journal)),
                _no_encoder,
                _copied(generation.index),
                generation.index,
                progress=None,
                keep_previous=False,
            )
        workspace.follow()
        with suppress(StoreLockedError):  # an answer or another process reads it; the next build drops it
            store.drop(generation.number)
        _forget_needless_deletions(workspace)
        workspace.trim_journal()
    return True


def _forget_needless_deletions(workspace: OpenWorkspace) -> None:
    """Remove the deletions of items from the journal that no older generation has; no build is running."""
    store, current = workspace.store(), workspace.current_number()
    older = [number for number in store.generations() if number != current]
    journal = workspace.journal()
    if not older or journal is None:
        return
    deleted = journal.deleted(store.manifest(current).journal)
    keys = item_keys(deleted)
    is_needed = np.zeros(len(keys), bool)
    for number in older:
        try:
            with closing(store.open(number)) as index:
                is_needed |= index.contains(keys)
        except StoreError:  # another process has it open, or it is damaged: it may need all
            return
    numbers = np.array(list(deleted.values()), np.int64)
    journal.remove(numbers[~is_needed].tolist())


def _copied(index: Index) -> Iterator[BuildStep]:
    from semrec.indexer.build_steps import BuildStep
    from semrec.indexer.compare import BATCH_ITEMS

    return (BuildStep(copied=points) for points in index.scan(BATCH_ITEMS))


def _no_encoder() -> Encoder:
    raise AssertionError("a renewal encodes nothing")
