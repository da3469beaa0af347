"""The command line: a command reads its options, calls the library once, and prints.

Data goes to standard output, everything else to standard error. Exit status 2 is bad use, 1 a failure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from semrec.errors import ConfigError, QueryError, SemrecError
from semrec.terminal import err, out, print_evaluation, print_fit, print_json, print_rejects, say_notes, show
from semrec.where import parse_filters

if TYPE_CHECKING:
    from semrec.event_source import EventSource

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Index a catalog, recommend by text or history, and say why.",
)

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-w", envvar="SEMREC_WORKSPACE", help="Folder of the shop.")
]
QdrantOption = Annotated[
    str | None,
    typer.Option("--qdrant", help="URL of a Qdrant server; its key comes from SEMREC_QDRANT_API_KEY."),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Sentence encoder: a hub name or a folder. Default: the bundled one."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
CountOption = Annotated[int, typer.Option("-k", help="How many to recommend.")]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        help="Keep items with FIELD=VALUE or FIELD>=NUMBER; the same field twice means any of the values.",
    ),
]
DiversityOption = Annotated[
    float, typer.Option("--diversity", help="0: the best items, 1: the most different ones.")
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
DEFAULT_WORKSPACE = Path("shop")


def main() -> None:
    """Run the command line."""
    app()


@contextmanager
def readable_errors(debug: bool) -> Iterator[None]:
    """Turn errors into one line on standard error and an exit status."""
    try:
        yield
    except SemrecError as error:
        if debug:
            raise
        err.print(Text(f"error: {error}"), style="red", soft_wrap=True)
        raise typer.Exit(2 if isinstance(error, ConfigError | QueryError) else 1) from error
    except KeyboardInterrupt as error:
        err.print("stopped; the previous index, if any, still answers.", style="yellow")
        raise typer.Exit(130) from error
    except (typer.Exit, typer.Abort, click.ClickException):
        raise
    except Exception as error:  # a fault of ours or of a library; people see one line all the same
        if debug:
            raise
        reason = " ".join(str(error).split()) or "no reason given"
        err.print(
            Text(f"error: unexpected {type(error).__name__}: {reason}. Add --debug to see where."),
            style="red",
            soft_wrap=True,
        )
        raise typer.Exit(1) from error


@app.command()
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
    err.print(
        f"indexed {report.n_items:,} items ({report.n_passages:,} passages) in {report.seconds:.1f} s, "
        f"{report.n_items / report.seconds:,.0f} items/s, with {report.encoder} on {report.device}."
    )
    return report


def comma_separated(written: str | None) -> tuple[str, ...]:
    """Return the non-empty parts of `a,b,c`."""
    return tuple(part.strip() for part in (written or "").split(",") if part.strip())


@app.command()
def recommend(
    text: Annotated[str | None, typer.Option("--text", help="What is wanted, in words.")] = None,
    history: Annotated[
        list[str] | None,
        typer.Option("--history", help="Item ids, oldest first: A,B,C; or the option several times."),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="A user of the event log.")] = None,
    k: CountOption = 10,
    where: WhereOption = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Item ids never to recommend: A,B.")
    ] = None,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Recommend items of the history too.")
    ] = False,
    diversity: DiversityOption = 0.0,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    model: ModelOption = None,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Recommend items by a text, by a history, for a user, or by several of them."""
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace, qdrant=qdrant, model=model) as recommender:
        answer = recommender.recommend(
            text=text,
            history=ids(history),
            user=user,
            k=k,
            where=parse_filters(where or []),
            exclude=ids(exclude),
            exclude_seen=not include_seen,
            diversity=diversity,
        )
        show(answer, as_json)


@app.command()
def similar(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Id of an item.")],
    k: CountOption = 10,
    where: WhereOption = None,
    diversity: DiversityOption = 0.0,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Recommend the items that are most like one item."""
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace, qdrant=qdrant) as recommender:
        show(recommender.similar(item, k=k, where=parse_filters(where or []), diversity=diversity), as_json)


@app.command()
def info(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Tell what a workspace holds."""
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace, qdrant=qdrant) as recommender:
        facts = recommender.info()
        if as_json:
            print_json(facts)
            return
        for name, value in facts.items():
            shown = ", ".join(f"{n} ({t})" for n, t in value.items()) if isinstance(value, dict) else value
            out.print(Text(f"{name.replace('_', ' '):20} {shown!s}"), soft_wrap=True)


@app.command()
def demo(workspace: WorkspaceOption = Path("demo-shop"), debug: DebugOption = False) -> None:
    """Index the bundled catalog and recommend from it."""
    from semrec import demo as bundled
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace) as recommender:
        if (workspace / "semrec.json").exists() and recommender.info()["current"]:
            err.print(f"the demo catalog is indexed in {workspace} already")
        else:
            err.print("indexing 7,528 packages of Debian 12; a laptop needs a few minutes …")
            run_indexing(recommender, bundled.CATALOG, mapping=bundled.MAPPING)
        out.print(f"\n[bold]Recommended for the text “{bundled.TEXT}”[/bold]")
        show(recommender.recommend(text=bundled.TEXT, k=5))
        out.print(f"\n[bold]Recommended for a history: {', '.join(bundled.HISTORY)}[/bold]")
        show(recommender.recommend(history=bundled.HISTORY, k=5, diversity=0.3))
        out.print(Text(f"\n{bundled.ATTRIBUTION}"), style="dim")
    out.print("\nNow try your own words:")
    out.print(
        Text(f'  semrec recommend -w {workspace} --text "draw charts" --where categories=python'),
        style="bold",
    )


@app.command()
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
    from indexer.pipeline import RejectsFile
    from semrec.event_source import EventMapping
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


@app.command()
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


@app.command()
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
            found = recommender.study(
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


def ids(written: list[str] | None) -> list[str]:
    """Return the ids of options that hold one id or several, separated by commas."""
    return [item_id for part in written or [] for item_id in comma_separated(part)]
