"""What must fail is found before anything is encoded or learned: events, the split, and room on the disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from semrec.config import EventSettings
from semrec.errors import ConfigError
from semrec.events.counting import CleaningRules
from semrec.events.interactions import Interactions, build_interactions
from semrec.events.kinds import KindNames
from semrec.indexer.event_source import open_events
from semrec.indexer.read import open_catalog
from semrec.indexer.sources.source_files import regular_files
from semrec.indexer.sources.sql import SqlQuery
from semrec.store.edge import EdgeStore
from semrec.store.edge_files import require_space
from semrec.types import Item

if TYPE_CHECKING:
    from semrec.events.event_columns import EventMapping
    from semrec.workspace.session import OpenWorkspace

LEAST_ITEM_BYTES = 3000
"""What an item takes on the disk at least: two vectors of 384 numbers."""

SHARE = 0.2
"""The part that `evaluate` holds out."""


def clean_events(
    events: Iterable[pl.DataFrame], item_ids: Sequence[str], settings: EventSettings
) -> Interactions:
    """Return which user used which item of the catalog, by the rules of the settings."""
    return build_interactions(
        events,
        kind_weights=settings.kind_weights,
        items=item_ids,
        rating_scale=settings.rating_scale,
        undamped_kinds=settings.undamped_kinds,
        half_life_days=settings.half_life_days,
        rules=CleaningRules(settings.max_user_events, settings.max_user_events_a_day, settings.burst_s),
    )


def interactions_to_evaluate(
    events: Iterable[pl.DataFrame], item_ids: Sequence[str], settings: EventSettings, split: str, seed: int
) -> Interactions:
    """Return the cleaned events of an evaluation.

    Raises
    ------
    ConfigError
        The events are not enough to learn from, or the split leaves nothing to learn or to test.
    """
    from semrec.evaluation.evaluate_recommender import check_split, split_interactions

    check_split(split)
    interactions = clean_events(events, item_ids, settings)
    if interactions.shortage:
        raise ConfigError(f"nothing can be learned: {interactions.shortage}.")
    split_interactions(interactions, split, SHARE, seed)
    return interactions


def check_evaluation(
    workspace: OpenWorkspace,
    source: Any,
    mapping: EventMapping | None,
    format: str | None,  # noqa: A002 - the word people use
    catalog: Any,
    split: str,
    seed: int,
) -> None:
    """Raise what `evaluate` would raise after it has indexed a catalog; nothing is encoded.

    Sources that can be read only once are not checked.

    Parameters
    ----------
    source, mapping, format, split, seed : as in `Recommender.evaluate`.
    catalog : as in `Recommender.index`.

    Raises
    ------
    CatalogError, ConfigError
        The events or the catalog cannot be read, or do not go with the split or with each other.
    """
    from semrec.evaluation.evaluate_recommender import check_split

    check_split(split)
    can_be_read_again = isinstance(source, SqlQuery) or regular_files(source)
    if not (can_be_read_again and regular_files(catalog)):
        return
    settings = workspace.settings
    events = open_events(source, mapping, format=format, kinds=KindNames.of(settings.events))
    items = open_catalog(catalog, max_text_bytes=settings.index.max_text_bytes)
    item_ids = [entry.item_id for entry in items if isinstance(entry, Item)]
    interactions_to_evaluate(events, item_ids, settings.events, split, seed)


def check_room_to_build(workspace: OpenWorkspace, n_items: int | None) -> None:
    """Raise `StoreError` when the disk has no room for an index of so many items; None: not known."""
    if isinstance(workspace.store(), EdgeStore):
        require_space(workspace.folder, LEAST_ITEM_BYTES * (n_items or 0))


def check_room_to_fit(workspace: OpenWorkspace) -> None:
    """Raise `StoreError` when the disk has no room for another generation like the current one."""
    size = workspace.store().size(workspace.current_number())
    if size is not None:
        require_space(workspace.folder, size)
