"""Commands that write the index: `index`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    DebugOption,
    JsonOption,
    ModelOption,
    QdrantOption,
    WorkspaceOption,
    comma_separated,
    readable_errors,
)
from semrec.terminal import err, print_json, print_rejects, say_notes


def index(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Files or globs; - is standard input.")
    ],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    id_column: Annotated[str | None, typer.Option("--id", help="Column with the item id.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="Column with the title.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="Column with the text.")] = None,
    meta: Annotated[str | None, typer.Option("--meta", help="Columns to filter by: a,b,c.")] = None,
    lists: Annotated[
        str | None,
        typer.Option("--lists", help="Columns to filter by that hold comma-separated values: a,b."),
    ] = None,
    encode: Annotated[
        str | None,
        typer.Option("--encode", help='What is encoded, for instance "{title} by {author}. {text}".'),
    ] = None,
    source_format: Annotated[
        str | None, typer.Option("--format", help="csv, tsv, jsonl or parquet; default: by name or content.")
    ] = None,
    model: ModelOption = None,
    qdrant: QdrantOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with status 1 when a row was rejected.")
    ] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Index a catalog; the new index answers when it is complete, not before."""
    from indexer.read import FieldMapping
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace, qdrant=qdrant, model=model) as recommender:
        mapping = FieldMapping(
            item_id=id_column,
            title=title,
            text=text,
            metadata=None if meta is None else comma_separated(meta),
            lists=comma_separated(lists),
            template=encode,
        )
        report = run_indexing(recommender, sources, mapping=mapping, format=source_format)
        if as_json:
            print_json(report.to_dict())
        if strict and report.n_rejected:
            raise typer.Exit(1)


def run_indexing(recommender: Any, source: Any, **options: Any) -> Any:
    """Index with a progress bar and a spoken report on standard error; return the report."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("indexing", total=None, rate="")
        said: list[str] = []

        def announce(catalog: Any) -> None:
            say_notes(catalog)
            said.extend(catalog.notes)
            bar.update(task, total=catalog.n_rows)

        def progress(n_rows: int) -> None:
            bar.advance(task, n_rows)
            speed = bar.tasks[task].speed
            bar.update(task, rate=f"{speed:,.0f} items/s" if speed else "")

        report = recommender.index(source, progress=progress, announce=announce, **options)
    print_rejects(report.rejected, report.rejects)
    for note in report.notes:
        if note not in said:
            err.print(Text(note), style="yellow")
    known = f", {report.n_cached:,} of them known from before" if report.n_cached else ""
    err.print(
        f"indexed {report.n_items:,} items ({report.n_passages:,} passages{known}) "
        f"in {report.seconds:.1f} s, {report.n_items / report.seconds:,.0f} items/s, "
        f"with {report.encoder} on {report.device}."
    )
    return report
