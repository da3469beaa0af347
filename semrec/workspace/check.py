"""The full check of a workspace: every file that decides what is answered is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from semrec.errors import SemrecError
from semrec.store import Store
from semrec.store.index_check import Checked, check_index
from semrec.workspace.folder import find_workspace
from semrec.workspace.session import OpenWorkspace


def check_workspace(workspace: OpenWorkspace) -> list[Checked]:
    """Check all parts of a workspace; see `Recommender.check`."""
    folder = workspace.folder
    parts = [checked("workspace", lambda: find_workspace(folder).qdrant or "embedded")]
    if parts[0].faults:
        return parts
    store = workspace.store()
    parts.append(checked("current generation", lambda: str(store.current() or "none")))
    for number in store.generations():
        parts += _check_generation(store, number)
    parts.append(_check_log(workspace))
    return parts


def checked(name: str, read: Callable[[], str]) -> Checked:
    """Return a part whose content `read` returns, or the error that it raises."""
    try:
        return Checked(name, read())
    except SemrecError as error:
        return Checked(name, faults=(str(error),))


def _check_generation(store: Store, number: int) -> Iterator[Checked]:
    """Check one generation; a copy of it, if another process has it open."""
    name = f"generation {number}"
    manifest = checked(f"{name}: manifest", lambda: store.manifest(number).encoder)
    yield manifest
    if manifest.faults:
        return
    try:
        index = store.borrow(number)
    except SemrecError as error:
        yield Checked(f"{name}: items", faults=(str(error),))
        return
    try:
        parts = list(check_index(index, store.manifest(number)))
    finally:
        index.close()
    for part in parts:
        faults = part.faults
        if faults and "`semrec" not in faults[-1]:
            faults = (str(store.damaged(number, "; ".join(faults))),)
        yield Checked(f"{name}: {part.part}", part.content, faults)


def _check_log(workspace: OpenWorkspace) -> Checked:
    """Check the event log, with the journal of item changes."""
    name = "event log"
    try:
        journal = workspace.journal()
        if journal is None:
            return Checked(name, "none")
        log = workspace.event_log(create=False)
        if faults := list(log.faults()):
            return Checked(name, faults=(str(log.damaged("; ".join(faults))),))
        journal.since(0)
        return Checked(name, f"{log.count():,} events")
    except SemrecError as error:
        return Checked(name, faults=(str(error),))
