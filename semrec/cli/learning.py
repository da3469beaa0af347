"""Commands that learn and measure: `events`, `fit`, `evaluate`."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from semrec.cli.catalog import run_indexing
from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    CountOption,
    DebugOption,
    JsonOption,
    ModelOption,
    QdrantOption,
    WorkspaceOption,
    readable_errors,
)
from semrec.cli.printing import err, print_evaluation, print_fit, print_json, print_rejects, say_notes
from semrec.errors import ConfigError

if TYPE_CHECKING:
    from semrec.indexer.event_source import EventSource


def events(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Files or globs; - is standard input.")
    ],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    user: Annotated[str | None, typer.Option("--user", help="Column with the user id.")] = None,
    item: Annotated[str | None, typer.Option("--item", help="Column with the item id.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Column with the kind of event.")] = None,
    value: Annotated[str | None, typer.Option("--value", help="Column with a rating or a count.")] = None,
    time: Annotated[str | None, typer.Option("--time", help="Column with the time.")] = None,
    source_format: Annotated[
        str | None, typer.Option("--format", help="csv, tsv, jsonl or parquet; default: by name or content.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with status 1 when a row was rejected.")
    ] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Add what users did to the event log; loading a file twice changes nothing."""
    from semrec.indexer.event_mapping import EventMapping
    from semrec.indexer.rejects import RejectsFile
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace) as recommender:
        rejects = RejectsFile(workspace / "rejected-events.jsonl")
        opened: list[EventSource] = []

        def announce(source: EventSource) -> None:
            say_notes(source)
            opened.append(source)

        report = recommender.add_events(
            sources,
            mapping=EventMapping(user=user, item=item, kind=kind, value=value, time=time),
            format=source_format,
            announce=announce,
            on_reject=rejects.add,
        )
        rejected = dict(opened[0].rejected)
        print_rejects(rejected, rejects.path)
        err.print(f"added {report.added:,} events; {report.repeated:,} were there already.")
        if as_json:
            print_json({**report.to_dict(), "rejected": rejected})
        if (strict and rejected) or not report.total:
            raise typer.Exit(1)


def fit(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Of everything random.")] = 0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Learn from the event log; the new models answer when they are complete, not before."""
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace, qdrant=qdrant) as recommender:
        with err.status("reading the events") as status:
            report = recommender.fit(seed=seed, progress=lambda step: status.update(Text(step)))
        if as_json:
            print_json(report.to_dict())
            return
        print_fit(report)


def evaluate(
    sources: Annotated[list[str], typer.Argument(metavar="EVENTS...", help="Files with events, or globs.")],
    catalog: Annotated[
        str | None, typer.Option("--catalog", help="The catalog; default: the one indexed in --workspace.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    split: Annotated[
        str, typer.Option("--split", help="time, global-time, last, random, cold-items or cold-users.")
    ] = "random",
    k: CountOption = 10,
    seed: Annotated[int, typer.Option("--seed", help="Of the split and of everything learned.")] = 42,
    baselines: Annotated[bool, typer.Option(help="Compare with simple and well-known methods.")] = True,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page with plots: out.html.")
    ] = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure how good recommendations are on events; nothing of them is stored."""
    from semrec.evaluation import SPLITS, render_report
    from semrec.recommender import Recommender

    with readable_errors(debug), ExitStack() as stack:
        if split not in SPLITS:
            raise ConfigError(f"there is no split {split!r}; take one of {', '.join(SPLITS)}.")
        if catalog:
            workspace = Path(stack.enter_context(TemporaryDirectory())) / "evaluation"
        recommender = stack.enter_context(Recommender.open(workspace, model=model))
        if catalog:
            run_indexing(recommender, catalog)
        with err.status("reading the events") as status:
            found = recommender.evaluate(
                sources,
                split=split,
                k=k,
                seed=seed,
                with_baselines=baselines,
                progress=lambda step: status.update(Text(step)),
            )
        if report:
            render_report(found.evaluation, report, weights=found.weights)
            err.print(Text(f"the page is in {report}"), soft_wrap=True)
        if as_json:
            print_json(json.loads(found.evaluation.to_json()))
        else:
            print_evaluation(found.evaluation)
