"""From events to models: load events, learn from them, and measure the recommender on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from semrec.events.append_report import AppendReport
from semrec.events.counting import REASONS, listed_reasons
from semrec.events.event_columns import EventMapping
from semrec.events.interactions import Interactions
from semrec.events.kinds import KindNames
from semrec.indexer.event_source import EventSource, open_events
from semrec.indexer.rejects import Reject
from semrec.store.protocol import TEXT
from semrec.workspace.folder import find_workspace
from semrec.workspace.loading_notes import item_note, kind_notes, loading_notes
from semrec.workspace.preflight import (
    SHARE,
    check_room_to_fit,
    clean_events,
    interactions_to_evaluate,
)
from semrec.workspace.session import OpenWorkspace

if TYPE_CHECKING:
    from semrec.evaluation.evaluate_recommender import EvaluationResult
    from semrec.learning.fit import FitReport


def add_events(
    workspace: OpenWorkspace,
    source: Any,
    mapping: EventMapping | None,
    format: str | None,  # noqa: A002 - the word people use
    announce: Callable[[Any], None] | None,
    on_reject: Callable[[Reject], None] | None,
) -> AppendReport:
    """Add events to the event log; see `Recommender.add_events`."""
    find_workspace(workspace.folder)
    kinds = KindNames.of(workspace.settings.events)
    events = open_events(source, mapping, format=format, kinds=kinds, on_reject=on_reject)
    if announce:
        announce(events)
    stored = workspace.event_log().append(events)
    notes = loading_notes(workspace, events)
    return stored + AppendReport(rejected=dict(events.rejected), examples=events.examples, notes=notes)


def fit(workspace: OpenWorkspace, *, seed: int, progress: Callable[[str], None] | None) -> FitReport:
    """Learn from the event log; see `Recommender.fit`."""
    from semrec.learning.fit import catalog_items, fit_generation  # loads torch: a second

    store = workspace.store()
    with workspace.building(), workspace.snapshot() as (index, manifest):
        check_room_to_fit(workspace)
        catalog = catalog_items(index)
        events = workspace.event_log(create=False).frame()
        interactions = clean_events(events, catalog.item_ids, workspace.settings.events)
        report = fit_generation(
            store, index, manifest, catalog, interactions, workspace.settings, seed=seed, progress=progress
        )
        workspace.trim_journal()
    workspace.follow()
    return report


def evaluate(
    workspace: OpenWorkspace,
    source: Any,
    mapping: EventMapping | None,
    format: str | None,  # noqa: A002 - the word people use
    split: str,
    k: int,
    seed: int,
    baselines: str,
    progress: Callable[[str], None] | None,
) -> EvaluationResult:
    """Measure the recommender on events; see `Recommender.evaluate`."""
    from semrec.evaluation.evaluate_recommender import evaluate_recommender
    from semrec.learning.fit import catalog_items, stored_vectors

    settings = workspace.settings.events
    events = open_events(source, mapping, format=format, kinds=KindNames.of(settings))
    with workspace.snapshot() as (index, manifest):
        catalog = catalog_items(index)
        interactions = interactions_to_evaluate(events, catalog.item_ids, settings, split, seed)
        texts = [" ".join(record.passages) for record in index.records(catalog.keys)]
        vectors = stored_vectors(index, manifest, catalog)
    result = evaluate_recommender(
        interactions,
        vectors.pop(TEXT),
        texts,
        workspace.settings,
        others=vectors,
        split=split,
        share=SHARE,
        k=k,
        seed=seed,
        baselines=baselines,
        progress=progress,
    )
    unknown = item_note(interactions.report.unknown_items, len(events.items))
    kinds = (*events.renamed, *kind_notes(events.kinds, settings))
    notes = (
        *events.notes,
        *kinds,
        *unknown,
        *_left_out_notes(events, interactions),
        *result.evaluation.notes,
    )
    return replace(result, evaluation=replace(result.evaluation, notes=notes))


def _left_out_notes(events: EventSource, interactions: Interactions) -> list[str]:
    """Return in words which rows were refused, and which events were left out."""
    found = interactions.report
    dropped = {REASONS[reason]: count for reason, count in found.dropped.items()}
    examples = {REASONS[reason]: example for reason, example in found.examples.items()}
    notes = {
        "rows refused": listed_reasons(events.rejected, events.examples),
        "events left out": listed_reasons(dropped, examples),
    }
    return [f"{what}: {reasons}" for what, reasons in notes.items() if reasons]
