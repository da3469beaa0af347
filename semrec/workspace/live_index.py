"""The generation that answers, shared by the threads of a process, and exchanged while they ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from semrec.errors import SemrecError
from semrec.ranking.generation import Generation
from semrec.store import Point, Record
from semrec.types import Keys


@dataclass(slots=True, eq=False)
class Held:
    """An open generation and who needs it.

    Parameters
    ----------
    generation : may be replaced by another view of the same index.
    users : who needs it open.
    answers : those of them who must not see half of a change.
    retired : another one is current; it is closed when nobody needs it any more.
    """

    generation: Generation
    users: int = 0
    answers: int = 0
    retired: bool = False


class LiveGeneration:
    """The generation that answers.

    An answer holds one generation from its first step to its last, so it is never mixed from two. Another one
    is opened beside it, in a thread of its own, while answers go on; the old one is closed when the last
    answer that holds it has ended.

    Parameters
    ----------
    current : returns the number of the generation that is current; cheap.
    open_generation : opens one.

    Attributes
    ----------
    look_s : least seconds between two looks whether another one is current.
    note : why the generation that is current could not be opened and an older one answers; None: it could.
    """

    def __init__(self, current: Callable[[], int], open_generation: Callable[[int], Generation]) -> None:
        self._current = current
        self._open = open_generation
        self.look_s = 0.1
        self._look_at = 0.0
        self._held: Held | None = None
        self._state = threading.Condition()  # guards what is held, and its counts
        self._changing = False
        self._opening = threading.Lock()  # of one thread at a time
        self.note: str | None = None

    @contextmanager
    def answering(self) -> Iterator[Generation]:
        """Hold the generation for one answer. Not to be nested: a change waits for all of them.

        Raises
        ------
        SemrecError
            There is none that could be opened.
        """
        held = self._take(answers=1)
        try:
            yield held.generation
        finally:
            self._give_back(held, answers=1)

    @contextmanager
    def keeping(self) -> Iterator[Held]:
        """Keep the generation open for long, while its items may change; see `Gated` for changing them."""
        held = self._take(answers=0)
        try:
            yield held
        finally:
            self._give_back(held, answers=0)

    @contextmanager
    def changing(self, held: Held) -> Iterator[None]:
        """Keep answers from seeing half of a change: it waits for those that began, others wait for it."""
        with self._state:
            self._state.wait_for(lambda: not self._changing)
            self._changing = True
            self._state.wait_for(lambda: not held.answers)
        try:
            yield
        finally:
            with self._state:
                self._changing = False
                self._state.notify_all()

    def follow(self) -> bool:
        """Open the generation that is current now, if it is another one; return whether it was.

        Raises
        ------
        SemrecError
            It cannot be opened, and none was open before.
        """
        with self._opening:
            return self._open_current()

    def is_held(self, held: Held) -> bool:
        """Whether this is what answers now."""
        return self._held is held

    @property
    def generation(self) -> Generation | None:
        """What answers now, to look at but not to search in; None when none is open."""
        held = self._held
        return held.generation if held else None

    @property
    def is_open(self) -> bool:
        """Whether there is a generation to answer with."""
        return self._held is not None

    def close(self) -> None:
        """Wait for the answers that are being made, and close the generation; the next one opens it again."""
        with self._opening:
            with self._state:
                held, self._held = self._held, None
                if held is None:
                    return
                self._state.wait_for(lambda: not held.users)
            self.note = None
            held.generation.index.close()

    def _take(self, *, answers: int) -> Held:
        self._look()
        while True:
            with self._state:
                if answers:
                    self._state.wait_for(lambda: not self._changing)
                if self._held is not None:
                    self._held.users += 1
                    self._held.answers += answers
                    return self._held
            self.follow()

    def _give_back(self, held: Held, *, answers: int) -> None:
        with self._state:
            held.users -= 1
            held.answers -= answers
            unused = held.retired and not held.users
            self._state.notify_all()
        if unused:
            held.generation.index.close()

    def _look(self) -> None:
        """Follow in the background when another generation is current; a cheap question, asked rarely."""
        held, now = self._held, time.monotonic()
        if held is None or now < self._look_at:
            return
        self._look_at = now + self.look_s
        try:
            if self._current() == held.generation.number or self._opening.locked():
                return
        except SemrecError as error:
            self.note = f"an older index answers, because the current one is not known: {error}"
            return
        threading.Thread(target=self._follow_if_open, name="semrec-follow", daemon=True).start()

    def _follow_if_open(self) -> None:
        with self._opening:
            if self.is_open:  # else it was closed in the meantime, and nobody asks
                self._open_current()

    def _open_current(self) -> bool:
        try:
            number = self._current()
            if self._held is not None and self._held.generation.number == number:
                self.note = None
                return False
            opened = Held(self._open(number))
        except SemrecError as error:
            if self._held is None:
                raise
            self.note = f"an older index answers, because the current one cannot be opened: {error}"
            return False
        with self._state:
            old, self._held = self._held, opened
            unused = old is not None and not old.users
            if old is not None:
                old.retired = True
        self.note = None
        if old is not None and unused:
            old.generation.index.close()
        return True


class Gated:
    """The index of a generation that answers, for whoever changes it: every write waits for the answers.

    Parameters
    ----------
    live, held : the generation, as `LiveGeneration.keeping` gives it.
    """

    def __init__(self, live: LiveGeneration, held: Held) -> None:
        self._live = live
        self._held = held
        self._index = held.generation.index

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points; each replaces the one of the same item id as a whole."""
        with self._live.changing(self._held):
            self._index.upsert(points)

    def delete(self, keys: Keys) -> None:
        """Delete points; unknown keys are ignored."""
        with self._live.changing(self._held):
            self._index.delete(keys)

    def update_records(self, records: Sequence[Record]) -> None:
        """Replace the records of items that are there; their vectors stay."""
        with self._live.changing(self._held):
            self._index.update_records(records)
