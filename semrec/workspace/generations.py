"""The generations of an index: what each holds, and going back to an older one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from semrec.errors import StoreError
from semrec.indexer.upsert import UNCOUNTED
from semrec.ranking.generation import present_signals
from semrec.store import Store
from semrec.store.build import check
from semrec.store.manifests import OLDEST_VERSION
from semrec.store.patience import answering
from semrec.workspace.session import OpenWorkspace


@dataclass(frozen=True, slots=True)
class GenerationFacts:
    """Facts about a generation.

    Parameters
    ----------
    number : its number; a newer generation has a larger one.
    built_at : unix seconds, UTC; 0 for a build that is not complete.
    n_items : number of items.
    encoder : name of the encoder of its texts.
    has_models : `fit` has learned for it.
    is_current : it is the generation that answers.
    owner : the process that has it open or builds it, in words; None if no process has, or if it is complete
        and on a server.
    is_complete : False: a build that is running, or a dead one, which the next build removes.
    n_bytes : space on the disk; None on a server.
    """

    number: int
    built_at: float
    n_items: int
    encoder: str
    has_models: bool
    is_current: bool
    owner: str | None
    is_complete: bool = True
    n_bytes: int | None = None

    @property
    def is_dead(self) -> bool:
        """Whether it is what a build has left whose process has ended."""
        return not self.is_complete and self.owner is None


def list_generations(workspace: OpenWorkspace) -> list[GenerationFacts]:
    """Return all generations, oldest first, also builds that are not complete."""
    store = workspace.store()
    current = store.named()
    manifests = {number: store.manifest(number) for number in store.generations()}
    complete = [
        GenerationFacts(
            number=number,
            built_at=manifest.built_at,
            n_items=manifest.n_items,
            encoder=manifest.encoder,
            has_models=bool(manifest.models),
            is_current=number == current,
            owner=store.owner(number),
            n_bytes=store.size(number),
        )
        for number, manifest in manifests.items()
    ]
    unfinished = [
        GenerationFacts(
            number, 0.0, 0, "", False, False, owner, is_complete=False, n_bytes=store.size(number)
        )
        for number, owner in store.incomplete().items()
    ]
    return sorted([*complete, *unfinished], key=lambda facts: facts.number)


def rollback(workspace: OpenWorkspace, number: int | None) -> int:
    """Make an older generation current; return its number. See `Recommender.rollback`."""
    store = workspace.store()
    with workspace.building():
        target = _rollback_target(store, number)
        check(store, target, store.manifest(target))
        store.make_current(target)
    workspace.follow()
    return target


def _rollback_target(store: Store, number: int | None) -> int:
    """Return the generation with this number; None: the newest one before the current generation."""
    complete = store.generations()
    listed = f"complete ones: {', '.join(map(str, complete)) or 'none'}"
    if number is not None:
        if number not in complete:
            raise StoreError(f"there is no generation {number} to go back to; {listed}")
        return number
    current = store.current()
    older = [other for other in complete if current is not None and other < current]
    if not older:
        raise StoreError(f"there is no generation before the current one ({current}); {listed}")
    return older[-1]


@answering()
def describe(workspace: OpenWorkspace) -> dict[str, Any]:
    """Return what the workspace holds, as plain values; see `Recommender.info`."""
    store = workspace.store()
    current = store.current()
    facts = {"workspace": str(workspace.folder), "store": store.describe(), "current": current}
    if current is None:
        return facts
    manifest = store.manifest(current)
    is_readable = manifest.version >= OLDEST_VERSION
    signals = present_signals(manifest, workspace.settings) if is_readable else []
    return {
        **facts,
        "generations": store.generations(),
        "items": manifest.n_items,
        "passages": None if manifest.n_passages == UNCOUNTED else manifest.n_passages,
        "encoder": manifest.encoder,
        "encoder_fingerprint": manifest.encoder_fingerprint,
        "precision": manifest.precision,
        "dimension": manifest.dimension,
        "unknown_tokens": manifest.unknown_tokens,
        "languages": dict(manifest.languages),
        "template": manifest.template,
        "fields": dict(manifest.fields),
        "items_set_aside": len(manifest.set_aside),
        "set_aside": [reason for _, reason in manifest.set_aside],
        "signals": [signal.name for signal in signals],
        "built_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(manifest.built_at)),
    }
