"""Commands that write the index: `index`."""

from __future__ import annotations

import sys
from pathlib import Path
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
from semrec.cli.printing import err, indexing_in_words, print_json, print_rejects, say_notes
from semrec.errors import ConfigError


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
    sync: Annotated[
        bool, typer.Option("--sync", help="Delete the items that the sources do not name.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --sync: even when that is more than a fifth of the items.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Build from the sources alone, whatever there is.")
    ] = False,
    model: ModelOption = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            help="auto (the fastest that finds what float32 finds), torch, torch-bf16 or onnx-int8.",
        ),
    ] = None,
    dimension: Annotated[
        int | None,
        typer.Option("--dimension", help="Cut text vectors to their first so many numbers.", min=1),
    ] = None,
    quantize: Annotated[
        bool | None,
        typer.Option(
            "--quantize/--no-quantize",
            help="Search text vectors in int8 and score what is found exactly: a quarter of the memory.",
        ),
    ] = None,
    qdrant: QdrantOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with status 1 when a row was rejected.")
    ] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Bring the index up to date with a catalog: what differs is encoded and written, nothing else."""
    from semrec.config import EncoderSettings, IndexSettings, Settings
    from semrec.indexer.read import FieldMapping
    from semrec.recommender import Recommender

    with (
        readable_errors(debug),
        Recommender.open(
            workspace,
            qdrant=qdrant,
            settings=Settings(
                encoder=EncoderSettings(model=model, backend=encoder),
                index=IndexSettings(text_dimension=dimension, quantize=quantize),
            ),
        ) as recommender,
    ):
        mapping = FieldMapping(
            item_id=id_column,
            title=title,
            text=text,
            metadata=None if meta is None else comma_separated(meta),
            lists=comma_separated(lists),
            template=encode,
        )
        report = run_indexing(
            recommender,
            sources,
            mapping=mapping,
            format=source_format,
            sync=sync,
            allow_large_delete=yes,
            rebuild=rebuild,
        )
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
    err.print(Text(indexing_in_words(report)), soft_wrap=True)
    return report


def delete(
    item_ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Ids of items.")] = None,
    from_file: Annotated[
        str | None, typer.Option("--from", help="File with an id on every line; - is standard input.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Delete items from the index; ids that it does not hold are named."""
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace, qdrant=qdrant) as recommender:
        wanted = [*(item_ids or []), *(ids_in(from_file) if from_file else [])]
        if not wanted:
            raise ConfigError("name the items to delete: semrec delete ID..., or --from FILE.")
        report = recommender.delete_items(wanted)
        if report.unknown:
            unknown = ", ".join(report.unknown[:20]) + (" …" if len(report.unknown) > 20 else "")
            err.print(Text(f"not in the index: {unknown}"), style="yellow", soft_wrap=True)
        err.print(f"items deleted: {len(report.deleted):,}; not there: {len(report.unknown):,}.")
        if as_json:
            print_json({"deleted": list(report.deleted), "unknown": list(report.unknown)})


def ids_in(file: str) -> list[str]:
    """Return the lines of a file that are not blank.

    Raises
    ------
    ConfigError
        It cannot be read as text.
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read ids from {file}: {error}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
