"""Commands for models: `fit`, `evaluate`."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer
from rich.text import Text

from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    ColumnsOption,
    CountOption,
    DebugOption,
    DurationColumnOption,
    EncodingOption,
    FormatOption,
    ItemColumnOption,
    JsonOption,
    KindColumnOption,
    ModelOption,
    NoHeaderOption,
    QdrantOption,
    SqlOption,
    TimeColumnOption,
    TimeFormatOption,
    UnratedOption,
    UrlOption,
    UserColumnOption,
    ValueColumnOption,
    WorkspaceOption,
    event_mapping,
    opened_workspace,
    source_of,
)
from semrec.cli.printing import (
    err,
    print_evaluation,
    print_fit_report,
    print_json,
)
from semrec.cli.progress import index_with_progress
from semrec.errors import ConfigError


def fit(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all random numbers.")] = 0,
    leave_out_similar_users: Annotated[
        bool,
        typer.Option(
            "--leave-out-similar-users",
            help="Leave out users of groups with nearly the same history; else a group counts as one user.",
        ),
    ] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Learn from the event log. The new models are used once all of them are complete."""
    similar_users = "leave_out" if leave_out_similar_users else None
    with opened_workspace(workspace, debug, qdrant=qdrant, similar_users=similar_users) as recommender:
        with err.status("reading the events") as status:
            report = recommender.fit(seed=seed, progress=lambda step: status.update(Text(step)))
        if as_json:
            print_json(report.to_dict())
        else:
            print_fit_report(report)


def evaluate(
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="EVENTS...", help="Files with events, or globs.")
    ] = None,
    catalog: Annotated[
        str | None, typer.Option("--catalog", help="The catalog. Default: the index of --workspace.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    split: Annotated[
        str, typer.Option("--split", help="time, global-time, last, random, cold-items or cold-users.")
    ] = "random",
    k: CountOption = 10,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the split and of all models.")] = 42,
    baselines: Annotated[
        Literal["none", "quick", "all"],
        typer.Option("--baselines", help="Methods to compare with; all: slow ones as well."),
    ] = "quick",
    report: Annotated[
        Path | None, typer.Option("--report", help="Write an HTML page with plots to this file.")
    ] = None,
    user: UserColumnOption = None,
    item: ItemColumnOption = None,
    kind: KindColumnOption = None,
    value: ValueColumnOption = None,
    time: TimeColumnOption = None,
    time_format: TimeFormatOption = None,
    duration: DurationColumnOption = None,
    unrated: UnratedOption = None,
    source_format: FormatOption = None,
    no_header: NoHeaderOption = False,
    columns: ColumnsOption = None,
    encoding: EncodingOption = None,
    sql: SqlOption = None,
    url: UrlOption = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure the quality of recommendations on held-out events. Nothing is stored."""
    from semrec.evaluation import render_report

    with ExitStack() as stack:
        if catalog:
            workspace = Path(stack.enter_context(TemporaryDirectory())) / "evaluation"
        recommender = stack.enter_context(opened_workspace(workspace, debug, model=model))
        if k < 1:
            raise ConfigError(f"-k is the length of the lists, 1 or more; got {k}.")
        if report and not report.absolute().parent.is_dir():
            raise ConfigError(f"the folder of the report does not exist: {report.absolute().parent}")
        source = source_of(sources, sql, url)
        mapping = event_mapping(
            user=user,
            item=item,
            kind=kind,
            value=value,
            time=time,
            time_format=time_format,
            duration=duration,
            unrated=unrated,
            no_header=no_header,
            columns=columns,
            encoding=encoding,
        )
        if catalog:
            with err.status("checking the events"):
                recommender.check_evaluation(
                    source, catalog, mapping=mapping, format=source_format, split=split, seed=seed
                )
            index_with_progress(recommender, catalog)
        with err.status("reading the events") as status:
            found = recommender.evaluate(
                source,
                mapping=mapping,
                format=source_format,
                split=split,
                k=k,
                seed=seed,
                baselines=baselines,
                progress=lambda step: status.update(Text(step)),
            )
        if report:
            render_report(found.evaluation, report, weights=found.weights)
            err.print(Text(f"the report is in {report}"), soft_wrap=True)
        if as_json:
            print_json(json.loads(found.evaluation.to_json()))
        else:
            print_evaluation(found.evaluation)
