"""A build: the next generation, invisible while it grows, current in one step when it is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from semrec.errors import StoreError, StoreLockedError
from semrec.store.owner import Builder, building_error
from semrec.store.protocol import Index, Manifest, Store, VectorField
from semrec.store.verify import verify


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
    before : the index that answers now, where it is open; the new one is compared with it.

    Attributes
    ----------
    generation : its number, inside the context.
    index : where points are written, until `complete`.
    """

    def __init__(self, store: Store, vectors: Sequence[VectorField], *, before: Index | None = None) -> None:
        self._store = store
        self._before = before
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
        """Finish the build, verify it, make it current, and keep the one before it to go back to.

        Raises
        ------
        StoreError
            It must not answer; the index before goes on.
        """
        store = self._store
        store.complete(self.generation, self.index, manifest)
        check(store, self.generation, manifest, self._before)
        previous = store.named()
        store.make_current(self.generation)
        self._completed = True
        others = [number for number in store.generations() if number not in (self.generation, previous)]
        n_kept = max(0, store.keep - (1 if previous is None else 2))
        for older in others[: len(others) - n_kept]:
            with suppress(StoreLockedError):  # somebody still reads it; the next build drops it
                store.drop(older)


def check(store: Store, generation: int, manifest: Manifest, before: Index | None = None) -> None:
    """Verify a complete generation.

    Raises
    ------
    StoreError
        It must not answer.
    """
    index = store.borrow(generation)
    try:
        faults = verify(index, manifest, before).faults
    finally:
        index.close()
    if faults:
        raise StoreError(
            f"generation {generation} was not made current: {'; '.join(faults)}. "
            "The index before it answers; build again"
        )
