"""An open workspace: its store, event log, change journal and encoders, and the generation that answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from semrec import events
from semrec.config import Settings
from semrec.encoder import Encoder
from semrec.errors import (
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
    WorkspaceError,
)
from semrec.ranking.generation import Generation, read_generation
from semrec.store import EditableIndex, Index, Manifest, Search, Store
from semrec.store.build import building
from semrec.store.manifests import require_current
from semrec.store.owner import is_building
from semrec.store.protocol import TEXT
from semrec.workspace.encoders import Encoders
from semrec.workspace.folder import MARKER, Workspace, find_workspace, make_workspace
from semrec.workspace.fork_guard import ForkGuard
from semrec.workspace.live_index import IndexHandle, LiveIndex, WriteGate
from semrec.workspace.own_store import open_own_store, wanted_workspace
from semrec.workspace.renewal import Renewal

if TYPE_CHECKING:
    from semrec.events.deleted_items import DeletedItems
    from semrec.events.item_changes import ChangeJournal
    from semrec.events.log import EventLog

_LOOK_AT_SERVER_S = 1.0
"""Shortest time between two questions to a server for the current generation, in seconds."""

TRIM_AFTER = 1000
"""Changes of items after which the journal is trimmed."""

_WAIT_TO_ASK_S = 2.0
"""Longest wait for a process that changes items before answers are given without the latest changes."""

log = logging.getLogger("semrec")


class OpenWorkspace:
    """The open parts of a workspace; each part is opened once, when it is first needed.

    Parameters
    ----------
    folder : the workspace; `make` makes it if it does not exist.
    settings : of this process.
    store, encoder : already open ones to use.
    release_unused : called with this workspace before it opens a generation, to close what this process no
        longer uses.

    Attributes
    ----------
    encoders : for indexing and for questions.
    live_index : the generation that answers.
    renewal : builds the generation again when much of it has changed.
    write_lock : held while items change, or while they must not change.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        *,
        store: Store | None = None,
        encoder: Encoder | None = None,
        release_unused: Callable[[OpenWorkspace], None] | None = None,
    ) -> None:
        self.folder = folder
        self._release_unused = release_unused
        self.settings = settings
        self.encoders = Encoders(settings, encoder)
        self._guard = ForkGuard()
        self.live_index = LiveIndex(self.current_number, self._open_generation, self._guard)
        self.write_lock = Lock()
        self._store = store
        self._store_lock = Lock()
        self.renewal = Renewal(self)
        self._has_reclaimed = False
        self._n_untrimmed = TRIM_AFTER  # the first change of a process trims
        self._log: EventLog | None = None
        self._log_lock = Lock()

    def close(self) -> None:
        """Close everything, after answers that have begun and a renewal; a fork leaves that to its parent."""
        if self._guard.is_forked:
            return
        self.renewal.finish()
        self.live_index.close()
        if self._log:
            self._log.close()
        self._log = None
        if self._store:
            self._store.close()
        self._store = None
        self._guard.reset()

    def follow(self) -> bool:
        """Answer from the current generation, if one is open; return whether that is another one."""
        return self.live_index.is_open and self.live_index.follow()

    @property
    def is_forked(self) -> bool:
        """Whether a process opened it of which this one is a fork."""
        return self._guard.is_forked

    # -- the store and its generations -----------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether the folder is a workspace."""
        return (self.folder / MARKER).exists()

    def make(self) -> None:
        """Make the folder a workspace, or store other settings of the server in its marker.

        Raises
        ------
        StoreError
            The index of this name on the server belongs to another workspace; nothing was written.
        """
        workspace = wanted_workspace(self.folder, self.settings.store)
        if workspace.qdrant and not self.exists and self._store is None:
            with closing(open_own_store(self.folder, self.settings.store)) as store:
                store.generations()
        make_workspace(self.folder, qdrant=workspace.qdrant, collection=workspace.collection)

    def store(self) -> Store:
        """Return the store.

        Raises
        ------
        StoreError, WorkspaceError
            The folder is no workspace, or the store cannot be opened.
        """
        find_workspace(self.folder)
        self._guard.check()
        with self._store_lock:
            if self._store is None:
                self._store = open_own_store(self.folder, self.settings.store)
                if wanted_workspace(self.folder, self.settings.store).qdrant:
                    self.live_index.look_s = _LOOK_AT_SERVER_S
            return self._store

    def current_number(self) -> int:
        """Return the number of the current generation.

        Raises
        ------
        WorkspaceError
            Nothing is indexed yet.
        """
        current = self.store().current()
        if current is None:
            raise WorkspaceError(
                f"nothing is indexed in {str(self.folder)!r} yet. "
                f"Run: semrec index CATALOG --workspace {self.folder}"
            )
        return current

    def current_manifest(self) -> Manifest | None:
        """Return the manifest of the current generation; None before the first one.

        Raises
        ------
        StoreError
            An older semrec wrote it.
        """
        if not self.exists or (number := self.store().current()) is None:
            return None
        return require_current(self.store().manifest(number), where=f"the index in {str(self.folder)!r}")

    @property
    def rejects(self) -> Path:
        """The file with the rows that the last indexing rejected."""
        return Workspace(self.folder).rejects

    @contextmanager
    def snapshot(self) -> Iterator[tuple[Index, Manifest]]:
        """Read the current generation for minutes: a copy, if it is open, that later changes do not reach."""
        store, number = self.store(), self.current_number()
        with self.write_lock:
            journal = self.journal()
            with journal.applying(self.settings.event_log.wait_s) if journal else nullcontext():
                manifest, index = store.manifest(number), store.borrow(number)
        try:
            self._check_count(number, index, manifest)
            yield index, manifest
        finally:
            index.close()

    def _open_generation(self, number: int) -> Generation:
        """Open a generation, catch up with the journal, and search once so that the first answer is fast."""
        if self._release_unused:
            self._release_unused(self)
        store = self.store()
        index = store.open(number)
        try:
            self._check_count(number, index, store.manifest(number))
            manifest = self._caught_up(index, number, store)
            self.encoders.follow(manifest)
            mean = np.array(manifest.text_mean, np.float32)
            index.search([Search(TEXT, mean, self.settings.ranking.candidates)])
            return read_generation(number, index, manifest, self.settings)
        except BaseException:
            index.close()
            raise

    def _check_count(self, number: int, index: Index, manifest: Manifest) -> None:
        """Raise if the index has not the number of items that its manifest says."""
        from semrec.workspace.catch_up import check_count

        n_missed = float("inf")  # without its database the journal is not known
        with suppress(StoreLockedError, StoreUnavailableError, StoreDamagedError):
            journal = self.journal()
            n_missed = journal.n_items_since(manifest.journal) if journal else 0
        check_count(self.store(), number, index, manifest, n_missed)

    def _caught_up(self, index: Index, number: int, store: Store) -> Manifest:
        """Return the manifest after all changes; without the database or its lock, answers go on."""
        from semrec.workspace.catch_up import is_behind

        try:
            journal = self.journal()
            if journal and is_behind(journal, store.manifest(number)):
                with journal.applying(_WAIT_TO_ASK_S):
                    return self.catch_up(journal, index, number)
        except (StoreLockedError, StoreUnavailableError, StoreDamagedError) as error:
            log.warning("changes by other processes are not known: %s", error)
        return store.manifest(number)

    # -- the event log ---------------------------------------------------------------------------------

    def event_log(self, *, create: bool = True) -> EventLog:
        """Return the event log, for any thread; see `Recommender.event_log`."""
        from semrec.events.log import EventLog
        from semrec.workspace.event_rules import counting_rules

        self._guard.check()
        with self._log_lock:
            if self._log is None:
                url = self.settings.event_log.url
                self._log = EventLog.open(
                    url.get_secret_value() if url else self.folder,
                    create=create,
                    timeout_s=self.settings.event_log.wait_s,
                    rules=lambda: counting_rules(self),
                )
            return self._log

    # -- changes of items ------------------------------------------------------------------------------

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Change items of the generation that answers, after the changes it has missed; one at a time."""
        from semrec.events.deleted_items import DeletedItems
        from semrec.events.item_changes import ChangeJournal

        self.remove_dead_builds()
        with self.write_lock, self.live_index.pin() as handle:
            journal = ChangeJournal(self.event_log())
            with journal.applying(self.settings.event_log.wait_s):
                handle.generation.index.require_writable()  # before the journal takes a change
                index = WriteGate(self.live_index, handle)
                manifest = self.catch_up(journal, index, handle.generation.number)
                memory = DeletedItems(self.event_log())
                change = Change(handle, index, manifest, journal, self.store(), self.settings, memory)
                change.commit(manifest)
                yield change

    def remove_dead_builds(self) -> None:
        """Remove what dead builds have left, once in a process; the next build removes what cannot be now."""
        if not self._has_reclaimed:
            self._has_reclaimed = True
            with suppress(StoreError):
                self.store().remove_dead()

    def follow_change(self, change: Change) -> None:
        """Make a change of the journal also in the generation that answers now, if that is another one."""
        self.follow()
        while not self.live_index.answers_from(change.handle):
            with self.change() as change:
                pass

    @contextmanager
    def building(self) -> Iterator[None]:
        """Hold the right to build, see `semrec.store.build.building`; a renewal is waited for."""
        self.renewal.finish()
        with building(self.store(), self.folder):
            yield

    def tidy(self, n_changes: int) -> None:
        """Remove what the journal and the index need no longer, after a number of changes."""
        self._n_untrimmed += n_changes
        if self._n_untrimmed > TRIM_AFTER and not is_building(self.folder):
            self._n_untrimmed = 0
            self.trim_journal()
        self.renewal.start_if_due()

    def catch_up(self, journal: ChangeJournal, index: EditableIndex, number: int) -> Manifest:
        """Make the changes of the journal that a generation has missed; return its manifest after them."""
        from semrec.workspace.catch_up import catch_up

        store = self.store()
        before = store.manifest(number)
        manifest = catch_up(
            journal, index, before, lambda: self.encoders.of(before), self.settings.index.max_text_bytes
        )
        if manifest != before:
            store.rewrite_manifest(number, manifest)
        return manifest

    def last_change(self) -> int:
        """Return the number of the last change: a catalog that is read from now on includes it."""
        journal = self.journal()
        return journal.last() if journal else 0

    def trim_journal(self) -> None:
        """Remove the changes that no generation needs; if the store fails, the next build removes them.

        A build that has begun needs those that came after. On this machine its lock is seen before it reads
        the number of the last change. On others it is seen later, so the changes of the last hour stay.
        """
        store = self.store()
        with suppress(StoreError):
            if store.builder() or not (journal := self.journal()):
                return
            known = min(store.manifest(number).journal for number in store.generations())
            journal.forget(known if journal.is_local else min(known, _an_hour_ago()))
            journal.compact()

    def journal(self) -> ChangeJournal | None:
        """Return the journal; None if there is no database for it yet."""
        if self.settings.event_log.url is None and not (self.folder / events.FILE_NAME).exists():
            return None
        from semrec.events.item_changes import ChangeJournal

        try:
            return ChangeJournal(self.event_log(create=False))
        except (StoreLockedError, StoreUnavailableError, StoreDamagedError):
            raise
        except StoreError:  # the database has no event log
            return None


@dataclass(slots=True)
class Change:
    """A generation while one caller changes it.

    Parameters
    ----------
    handle : the generation.
    index : where to write; each write waits for the reads of answers.
    manifest : as it is stored.
    journal : where to note a change before it is made.
    memory : what the models of `fit` know of deleted items.
    """

    handle: IndexHandle
    index: EditableIndex
    manifest: Manifest
    journal: ChangeJournal
    store: Store
    settings: Settings
    memory: DeletedItems

    def commit(self, manifest: Manifest) -> None:
        """Store the manifest after a change, and read again what answers keep in memory of the items."""
        generation = self.handle.generation
        number, index, known = generation.number, generation.index, generation.manifest
        if manifest != self.manifest:
            self.store.rewrite_manifest(number, manifest)
        self.manifest = manifest
        if manifest == replace(known, journal=manifest.journal):
            self.handle.generation = replace(generation, manifest=manifest)
        else:
            self.handle.generation = read_generation(number, index, manifest, self.settings)


def _an_hour_ago() -> int:
    """Return the number of a change that was made an hour ago."""
    return (time.time_ns() - 3600 * 10**9) // 1000
