"""A build: the next generation, invisible while it grows, current in one step when it is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from semrec.errors import StoreLockedError
from semrec.store.owner import Builder, building_error
from semrec.store.protocol import Index, Manifest, Store, VectorField


@contextmanager
def building(store: Store, workspace: Path) -> Iterator[None]:
    """Be the only one who builds in a workspace, for as long as the context lasts.

    Parameters
    ----------
    store : where it is built; on a server a builder on another machine counts too, once it writes.
    workspace : an existing folder.

    Raises
    ------
    StoreLockedError
        It names who builds already.
    """
    lock = Builder(workspace)
    try:
        if other := store.builder():
            raise building_error(workspace, other)
        yield
    finally:
        lock.release()


class Build:
    """A context manager that leaves nothing behind when the build fails.

    Parameters
    ----------
    store : where it is built; its current generation goes on answering.
    vectors : the named vectors of every point.

    Attributes
    ----------
    generation : its number, inside the context.
    index : where points are written, until `complete`.
    """

    def __init__(self, store: Store, vectors: Sequence[VectorField]) -> None:
        self._store = store
        self._vectors = tuple(vectors)
        self._completed = False

    def __enter__(self) -> Build:
        self.generation: int
        self.index: Index
        self.generation, self.index = self._store.create(self._vectors)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._completed:
            self.index.close()
            self._store.drop(self.generation)

    def complete(self, manifest: Manifest) -> None:
        """Finish the build, check it, make it current, and keep the one before it to go back to."""
        self._store.complete(self.generation, self.index, manifest)
        self._store.make_current(self.generation)
        self._completed = True
        for older in self._store.generations()[:-2]:
            with suppress(StoreLockedError):  # somebody still reads it; the next build drops it
                self._store.drop(older)
