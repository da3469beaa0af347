"""What needs attention in events that were loaded: their kinds, and items that the catalog does not have."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from semrec.config import EventSettings
from semrec.errors import SemrecError
from semrec.events.counting import shortened
from semrec.store.patience import answering
from semrec.types import item_keys

if TYPE_CHECKING:
    from semrec.indexer.event_source import EventSource
    from semrec.store.protocol import Index
    from semrec.workspace.session import OpenWorkspace

NAMED_KINDS = 5
"""Unknown kinds that the notes name, the most frequent ones."""

BATCH_ITEMS = 50_000
"""Items that the index is asked for at a time."""


def loading_notes(workspace: OpenWorkspace, source: EventSource) -> tuple[str, ...]:
    """Return the notes on a source whose events were loaded."""
    settings = workspace.settings.events
    return (*source.renamed, *kind_notes(source.kinds, settings), *_item_notes(workspace, source.items))


def kind_notes(kinds: Mapping[str, int], settings: EventSettings) -> list[str]:
    """Return which kinds have no weight, with the line that gives them one.

    Parameters
    ----------
    kinds : kind -> number of events.
    """
    known = {*settings.kind_weights, *map(str.lower, settings.shown_kinds)}
    unknown = sorted((kind for kind in kinds if kind not in known), key=lambda kind: -kinds[kind])
    if not unknown:
        return []
    named = unknown[:NAMED_KINDS]
    counts = ", ".join(f'"{shortened(kind)}" ({kinds[kind]:,} events)' for kind in named)
    more = f" and {len(unknown) - len(named):,} more" if len(unknown) > len(named) else ""
    weights = json.dumps(settings.kind_weights | dict.fromkeys(named, 1.0), ensure_ascii=False)
    quoted = weights.replace("'", "'\\''")
    return [
        f"kinds without a weight do not count: {counts}{more}. "
        f"This gives them one: export SEMREC_KIND_WEIGHTS='{quoted}'"
    ]


def item_note(n_unknown: int, n_items: int) -> list[str]:
    """Return how many items are not in the catalog, in words; empty if all are."""
    if not n_unknown:
        return []
    what = "wrong id column?" if 2 * n_unknown > n_items else "their events count once they are indexed."
    return [f"{n_unknown:,} of {n_items:,} items are not in the catalog: {what}"]


def item_notes(index: Index, items: Iterable[str]) -> list[str]:
    """Return the note on items of events that an index does not have; empty if it has all."""
    keys = np.unique(item_keys(items))
    return item_note(_n_unknown(index, keys), len(keys))


def _item_notes(workspace: OpenWorkspace, items: Iterable[str]) -> list[str]:
    """Return the note on unknown items; empty if the catalog cannot be asked."""
    # Events are stored, whatever the state of the index: a server that is away is waited for a short time.
    with suppress(SemrecError), answering():
        if workspace.live_index.generation:
            with workspace.live_index.read() as generation:
                return item_notes(generation.index, items)
        if workspace.current_manifest():
            with workspace.snapshot() as (index, _):
                return item_notes(index, items)
    return []


def _n_unknown(index: Index, keys: np.ndarray) -> int:
    parts = (keys[start : start + BATCH_ITEMS] for start in range(0, len(keys), BATCH_ITEMS))
    return len(keys) - sum(int(index.contains(part).sum()) for part in parts)
