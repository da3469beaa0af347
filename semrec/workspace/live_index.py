"""The generation that answers, shared by the threads of a process and replaced while they ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from semrec.errors import SemrecError
from semrec.ranking.generation import Generation
from semrec.store import FieldType, Hits, Items, Point, Record, Search
from semrec.store.patience import answering
from semrec.types import Keys
from semrec.workspace.fork_guard import ForkGuard


@dataclass(slots=True, eq=False)
class IndexHandle:
    """An open generation with the number of its users.

    Parameters
    ----------
    generation : a change may replace it by another view of the same index.
    n_pins : uses that need the index open, reads included.
    n_reads : uses that must not see a change half done.
    is_retired : another generation answers now; the index is closed when `n_pins` becomes 0.
    """

    generation: Generation
    n_pins: int = 0
    n_reads: int = 0
    is_retired: bool = False


class LiveIndex:
    """The generation that answers.

    An answer reads one generation from its first step to its last, so no answer mixes two. A new generation
    is opened in a thread of its own while the old one answers; the old one is closed after its last use.

    Parameters
    ----------
    current : returns the number of the current generation; cheap.
    open_generation : opens the generation with a number.
    guard : refuses the use in a fork of the process that opened the workspace.

    Attributes
    ----------
    look_s : shortest time between two looks at the current number, in seconds.
    note : why an older generation than the current one answers; None if the current one answers.
    """

    def __init__(
        self,
        current: Callable[[], int],
        open_generation: Callable[[int], Generation],
        guard: ForkGuard | None = None,
    ) -> None:
        self._guard = guard or ForkGuard()
        self._current = current
        self._open = open_generation
        self.look_s = 0.1
        self._look_at = 0.0
        self._handle: IndexHandle | None = None
        self._state = threading.Condition()  # guards the handle, its counts and `_is_changing`
        self._is_changing = False
        self._opening = threading.Lock()
        self.note: str | None = None

    @contextmanager
    def read(self) -> Iterator[Generation]:
        """Hold the generation for one answer; changes wait until it ends. Do not nest: that can deadlock.

        A server that is away is waited for only a short time inside, see `semrec.store.patience`.

        Raises
        ------
        SemrecError
            No generation can be opened.
        """
        with answering():
            handle = self._acquire(n_reads=1)
            try:
                yield handle.generation
            finally:
                self._release(handle, n_reads=1)

    @contextmanager
    def pin(self) -> Iterator[IndexHandle]:
        """Keep the generation open, while its items may change; see `WriteGate` for changing them.

        Raises
        ------
        SemrecError
            No generation can be opened.
        """
        handle = self._acquire(n_reads=0)
        try:
            yield handle
        finally:
            self._release(handle, n_reads=0)

    @contextmanager
    def exclusive(self, handle: IndexHandle) -> Iterator[None]:
        """Write without reads: wait until all reads have ended, and let new reads wait."""
        with self._state:
            self._state.wait_for(lambda: not self._is_changing)
            self._is_changing = True
            self._state.wait_for(lambda: not handle.n_reads)
        try:
            yield
        finally:
            with self._state:
                self._is_changing = False
                self._state.notify_all()

    def follow(self) -> bool:
        """Open the current generation if another one is open; return whether it did.

        Raises
        ------
        SemrecError
            It cannot be opened, and no generation was open before.
        """
        self._guard.check()
        with self._opening:
            return self._open_current()

    def answers_from(self, handle: IndexHandle) -> bool:
        """Return whether new answers read this generation."""
        return self._handle is handle

    @property
    def generation(self) -> Generation | None:
        """The generation that answers, for its number and manifest; None if none is open.

        Its index may be closed at any time: use `read` or `pin` to search in it.
        """
        handle = self._handle
        return handle.generation if handle else None

    @property
    def is_open(self) -> bool:
        """Whether a generation is open."""
        return self._handle is not None

    def close(self) -> None:
        """Wait until the generation is not used any more, and close it; the next use opens it again."""
        with self._opening:
            with self._state:
                handle, self._handle = self._handle, None
                if handle is None:
                    return
                self._state.wait_for(lambda: not handle.n_pins)
            self.note = None
            handle.generation.index.close()

    def _acquire(self, *, n_reads: int) -> IndexHandle:
        self._guard.check()
        self._look()
        while True:
            with self._state:
                if n_reads:
                    self._state.wait_for(lambda: not self._is_changing)
                if self._handle is not None:
                    self._handle.n_pins += 1
                    self._handle.n_reads += n_reads
                    return self._handle
            self.follow()

    def _release(self, handle: IndexHandle, *, n_reads: int) -> None:
        with self._state:
            handle.n_pins -= 1
            handle.n_reads -= n_reads
            is_unused = handle.is_retired and not handle.n_pins
            self._state.notify_all()
        if is_unused:
            handle.generation.index.close()

    def _look(self) -> None:
        """Follow in the background if another generation is current; look at most every `look_s` seconds."""
        handle, now = self._handle, time.monotonic()
        if handle is None or now < self._look_at:
            return
        self._look_at = now + self.look_s
        try:
            if self._current() == handle.generation.number or self._opening.locked():
                return
        except SemrecError as error:
            self.note = f"an older index answers, because the current one is not known: {error}"
            return
        threading.Thread(target=self._follow_if_open, name="semrec-follow", daemon=True).start()

    def _follow_if_open(self) -> None:
        with self._opening:
            if self.is_open:  # it may have been closed meanwhile
                self._open_current()

    def _open_current(self) -> bool:
        try:
            number = self._current()
            if self._handle is not None and self._handle.generation.number == number:
                self.note = None
                return False
            opened = IndexHandle(self._open(number))
        except SemrecError as error:
            if self._handle is None:
                raise
            self.note = f"an older index answers, because the current one cannot be opened: {error}"
            return False
        with self._state:
            old, self._handle = self._handle, opened
            is_unused = old is not None and not old.n_pins
            if old is not None:
                old.is_retired = True
        self.note = None
        if old is not None and is_unused:
            old.generation.index.close()
        return True


class WriteGate:
    """The index of a generation that answers, for changing items: each write is `LiveIndex.exclusive`.

    Parameters
    ----------
    live_index : the generation that answers.
    handle : that generation, pinned.
    """

    def __init__(self, live_index: LiveIndex, handle: IndexHandle) -> None:
        self._live_index = live_index
        self._handle = handle
        self._index = handle.generation.index

    def upsert(self, points: Sequence[Point]) -> None:
        """See `Index.upsert`; waits for reads."""
        with self._live_index.exclusive(self._handle):
            self._index.upsert(points)

    def update_records(self, records: Sequence[Record]) -> None:
        """See `Index.update_records`; waits for reads."""
        with self._live_index.exclusive(self._handle):
            self._index.update_records(records)

    def delete(self, keys: Keys) -> None:
        """See `Index.delete`; waits for reads."""
        with self._live_index.exclusive(self._handle):
            self._index.delete(keys)

    def add_fields(self, fields: Mapping[str, FieldType]) -> None:
        """See `Index.add_fields`; no answer can see it, so it does not wait."""
        self._index.add_fields(fields)

    def retype_fields(self, fields: Mapping[str, FieldType]) -> None:
        """See `Index.retype_fields`; waits for reads."""
        with self._live_index.exclusive(self._handle):
            self._index.retype_fields(fields)

    def search(self, searches: Sequence[Search]) -> list[Hits]:
        """See `Index.search`."""
        return self._index.search(searches)

    def fetch(self, keys: Keys, vectors: Sequence[str] = (), *, records: bool = False) -> Items:
        """See `Index.fetch`."""
        return self._index.fetch(keys, vectors, records=records)

    def contains(self, keys: Keys) -> np.ndarray:
        """See `Index.contains`."""
        return self._index.contains(keys)

    def records(self, keys: Keys) -> list[Record]:
        """See `Index.records`."""
        return self._index.records(keys)

    def points(self, keys: Keys) -> list[Point]:
        """See `Index.points`."""
        return self._index.points(keys)

    def sample(self, n_items: int) -> Keys:
        """See `Index.sample`."""
        return self._index.sample(n_items)

    def count(self) -> int:
        """Return the number of items."""
        return self._index.count()
