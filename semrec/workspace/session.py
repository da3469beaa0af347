"""A workspace in use: its store, its event log and journal, its encoders, and the generation that answers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, cast

import numpy as np

from semrec import events
from semrec.config import Settings
from semrec.encoder import Encoder
from semrec.errors import StoreError, StoreLockedError, StoreUnavailableError, WorkspaceError
from semrec.ranking.generation import Generation, read_generation
from semrec.store import Index, Manifest, Search, Store, open_store
from semrec.store.protocol import TEXT
from semrec.workspace.encoders import Encoders
from semrec.workspace.folder import MARKER, Workspace, find_workspace, make_workspace
from semrec.workspace.live_index import Gated, Held, LiveGeneration

if TYPE_CHECKING:
    from semrec.events.item_changes import ChangeJournal
    from semrec.events.log import EventLog

_LOOK_AT_SERVER_S = 1.0
"""Least seconds between two questions to a server which generation is current."""

log = logging.getLogger("semrec")


class OpenWorkspace:
    """What a process has open of a workspace; each part is opened when it is first needed, and once.

    Parameters
    ----------
    folder : the workspace; `make` makes it when it is not there.
    settings : of this process.
    store, encoder : ones that are open already.

    Attributes
    ----------
    encoders : to index with, and to ask with.
    live : the generation that answers.
    changing : held by whoever changes items, or needs them to stay; changes are made one after the other.
    """

    def __init__(
        self, folder: Path, settings: Settings, *, store: Store | None = None, encoder: Encoder | None = None
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.encoders = Encoders(settings, encoder)
        self.live = LiveGeneration(self.current_number, self._open_generation)
        self.changing = Lock()
        self._store = store
        self._log: EventLog | None = None
        self._log_lock = Lock()
        self._opening = Lock()  # of the store

    def close(self) -> None:
        """Release everything; answers that have begun are finished."""
        self.live.close()
        if self._log:
            self._log.close()
        self._log = None
        if self._store:
            self._store.close()
        self._store = None

    def follow(self) -> bool:
        """Answer from the generation that is current now, if one answers; return whether it is another."""
        return self.live.is_open and self.live.follow()

    # -- the store and its generations -----------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether the folder is a workspace."""
        return (self.folder / MARKER).exists()

    def make(self) -> None:
        """Make the folder a workspace, or write down what the settings say of one that is there."""
        remembered = find_workspace(self.folder) if self.exists else None
        qdrant = self.settings.store.qdrant or (remembered.qdrant if remembered else None)
        collection = self.settings.store.collection or (remembered.collection if remembered else None)
        make_workspace(self.folder, qdrant=qdrant, collection=collection)

    def store(self) -> Store:
        """Return the store.

        Raises
        ------
        StoreError, WorkspaceError
            The folder is no workspace, or the store cannot be opened.
        """
        workspace = find_workspace(self.folder)
        with self._opening:
            if self._store is None:
                asked = self.settings.store
                remembered = {
                    "qdrant": asked.qdrant or workspace.qdrant,
                    "collection": asked.collection or workspace.collection,
                }
                self._store = open_store(asked.model_copy(update=remembered), workspace.folder)
                if remembered["qdrant"]:
                    self.live.look_s = _LOOK_AT_SERVER_S
            return self._store

    def current_number(self) -> int:
        """Return the number of the generation that is current.

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
        """Return the manifest of the generation that is current; None before the first one."""
        if not self.exists:
            return None
        number = self.store().current()
        return None if number is None else self.store().manifest(number)

    @property
    def rejects(self) -> Path:
        """The file with the rows that the last indexing could not use."""
        return Workspace(self.folder).rejects

    @contextmanager
    def reading(self) -> Iterator[tuple[Index, Manifest]]:
        """Read the current generation for long, as it is now: a copy of it while somebody answers from it."""
        store, number = self.store(), self.current_number()
        with self.changing:
            journal = self._journal()
            with journal.applying() if journal else nullcontext():
                manifest, index = store.manifest(number), store.borrow(number)
        try:
            yield index, manifest
        finally:
            index.close()

    def _open_generation(self, number: int) -> Generation:
        """Open a generation with the changes that it has missed, as fast as it will be later."""
        store = self.store()
        index = store.open(number)
        try:
            manifest = self._caught_up(index, number, store)
            self.encoders.follow(manifest)
            mean = np.array(manifest.text_mean, np.float32)
            index.search([Search(TEXT, mean, self.settings.ranking.candidates)])
            return read_generation(number, index, manifest, self.settings)
        except BaseException:
            index.close()
            raise

    def _caught_up(self, index: Index, number: int, store: Store) -> Manifest:
        """Return the manifest after all changes; a database that is down must not stop answers."""
        try:
            if journal := self._journal():
                with journal.applying():
                    return self.catch_up(journal, index, number)
        except (StoreLockedError, StoreUnavailableError) as error:
            log.warning("changes that were made elsewhere are not known: %s", error)
        return store.manifest(number)

    # -- the event log ---------------------------------------------------------------------------------

    def event_log(self, *, create: bool = True) -> EventLog:
        """Return the event log; any thread may use it, see `Recommender.event_log`."""
        from semrec.events.log import EventLog

        with self._log_lock:
            if self._log is None:
                url = self.settings.event_log.url
                self._log = EventLog.open(
                    url.get_secret_value() if url else self.folder,
                    create=create,
                    timeout_s=self.settings.event_log.wait_s,
                )
            return self._log

    # -- changes of items ------------------------------------------------------------------------------

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Hold off other changes, and make those that the generation has missed."""
        from semrec.events.item_changes import ChangeJournal

        with self.changing, self.live.keeping() as held:
            journal = ChangeJournal(self.event_log())
            with journal.applying():
                index = cast("Index", Gated(self.live, held))
                manifest = self.catch_up(journal, index, held.generation.number)
                change = Change(held, index, manifest, journal, self.store(), self.settings)
                change.take_over(manifest)
                yield change

    def tell_others(self, change: Change) -> None:
        """Make a change also in the generation that answers now, when that is another one."""
        self.follow()
        while not self.live.is_held(change.held):
            with self.change() as change:
                pass

    def catch_up(self, journal: ChangeJournal, index: Index, number: int) -> Manifest:
        """Make the changes of the journal that a generation has missed; return its manifest after them."""
        from semrec.workspace.catch_up import replay

        store = self.store()
        before = store.manifest(number)
        manifest = replay(
            journal, index, before, lambda: self.encoders.of(before), self.settings.index.max_text_bytes
        )
        if manifest != before:
            store.rewrite_manifest(number, manifest)
        return manifest

    def last_change(self) -> int:
        """Return the number of the last change: what is built from now on need not see those before."""
        journal = self._journal()
        return journal.last() if journal else 0

    def forget_changes(self) -> None:
        """Remove the changes from the journal that no generation lacks; without it they wait for the next."""
        store = self.store()
        with suppress(StoreError):
            if journal := self._journal():
                journal.forget(min(store.manifest(number).journal for number in store.generations()))

    def _journal(self) -> ChangeJournal | None:
        """Return the journal when there can be one."""
        if self.settings.event_log.url is None and not (self.folder / events.FILE_NAME).exists():
            return None
        from semrec.events.item_changes import ChangeJournal

        try:
            return ChangeJournal(self.event_log(create=False))
        except (StoreLockedError, StoreUnavailableError):
            raise
        except StoreError:  # nothing was ever stored there
            return None


@dataclass(slots=True)
class Change:
    """A generation for the only one who changes it.

    Parameters
    ----------
    held : the generation.
    index : where changes are written, and wait for answers.
    manifest : as it is stored.
    journal : where changes are written down first.
    """

    held: Held
    index: Index
    manifest: Manifest
    journal: ChangeJournal
    store: Store
    settings: Settings

    def take_over(self, manifest: Manifest) -> None:
        """Store the manifest after a change, and look anew at the items that are kept in memory."""
        generation = self.held.generation
        number, index, known = generation.number, generation.index, generation.manifest
        if manifest != self.manifest:
            self.store.rewrite_manifest(number, manifest)
        self.manifest = manifest
        if manifest == replace(known, journal=manifest.journal):
            self.held.generation = replace(generation, manifest=manifest)
        else:
            self.held.generation = read_generation(number, index, manifest, self.settings)
