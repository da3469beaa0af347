"""A build: the next generation, invisible to readers until it is complete, then current in one step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from semrec.errors import StoreError, StoreLockedError, StoreUnavailableError
from semrec.store.owner import Builder, building_error
from semrec.store.protocol import Index, Manifest, Store, VectorField
from semrec.store.verify import verify


@contextmanager
def building(store: Store, workspace: Path) -> Iterator[None]:
    """Hold the right to build in a workspace, for as long as the context lasts.

    Parameters
    ----------
    store : where it is built; on a server, builds on other machines are seen once they have begun to write.
    workspace : an existing folder.

    Raises
    ------
    StoreLockedError
        Another build is running; the message names its process.
    """
    lock = Builder(workspace)
    try:
        if other := store.builder():
            raise building_error(workspace, other)
        yield
    finally:
        lock.release()


class Build:
    """A context manager for a build; if the build fails, everything it wrote is removed.

    Only if a server does not answer, the build stays as it is, and the next one of the same key continues it.

    Parameters
    ----------
    store : where it is built; its current generation answers meanwhile.
    vectors : the named vectors of every point.
    before : the index that answers now, if it is open; the new one is compared with it.
    key : see `Store.create`.
    keep_previous : keep the generation before for `rollback`; False: the caller drops it.

    Attributes
    ----------
    generation : its number, inside the context.
    index : where points are written, until `complete`.
    """

    def __init__(
        self,
        store: Store,
        vectors: Sequence[VectorField],
        *,
        before: Index | None = None,
        key: str = "",
        keep_previous: bool = True,
    ) -> None:
        self._store = store
        self._key = key
        self._before = before
        self._keep_previous = keep_previous
        self._vectors = tuple(vectors)
        self._completed = False

    def __enter__(self) -> Build:
        self.generation: int
        self.index: Index
        self.generation, self.index = self._store.create(self._vectors, self._key)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._completed:
            return
        self.index.close()
        if not isinstance(error, StoreUnavailableError):
            with suppress(StoreUnavailableError):  # the next build drops it
                self._store.drop(self.generation)
        elif self._key:
            raise StoreUnavailableError(
                f"{error}; what was built is kept: run the same command again to continue"
            ) from error

    def complete(self, manifest: Manifest) -> None:
        """Finish the build, verify it and make it current; the previous generation is kept for `rollback`.

        Raises
        ------
        StoreError
            The new generation failed the verification; the previous one stays current.
        """
        store = self._store
        store.complete(self.generation, self.index, manifest)
        check(store, self.generation, manifest, self._before)
        previous = store.named()
        store.make_current(self.generation)
        self._completed = True
        others = [number for number in store.generations() if number not in (self.generation, previous)]
        keeps_previous = previous is not None and self._keep_previous
        n_kept = max(0, store.keep - (2 if keeps_previous else 1))
        for older in others[: len(others) - n_kept]:
            with suppress(StoreLockedError):  # a process still reads it; the next build drops it
                store.drop(older)


def check(store: Store, generation: int, manifest: Manifest, before: Index | None = None) -> None:
    """Verify a complete generation.

    Raises
    ------
    StoreError
        It failed; the message lists the faults.
    """
    index = store.borrow(generation)
    try:
        faults = verify(index, manifest, before).faults
    finally:
        index.close()
    if faults:
        raise StoreError(
            f"generation {generation} was not made current: {'; '.join(faults)}. "
            "The previous index still answers; build again"
        )
