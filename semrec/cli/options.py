"""Options that several commands share, and how commands open a workspace and report errors."""

from __future__ import annotations

import csv
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import click
import typer
from rich.text import Text

from semrec.cli.printing import err
from semrec.errors import ConfigError, QueryError, SemrecError

if TYPE_CHECKING:
    from semrec.events.event_columns import EventMapping
    from semrec.recommender import Recommender

DEFAULT_WORKSPACE = Path("shop")

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-w", envvar="SEMREC_WORKSPACE", help="Folder of the workspace.")
]
QdrantOption = Annotated[
    str | None,
    typer.Option("--qdrant", help="URL of a Qdrant server. SEMREC_QDRANT_API_KEY holds its key."),
]
CollectionOption = Annotated[
    str | None,
    typer.Option(
        "--collection",
        help="Name of the index on the Qdrant server. Default: the one it has, or the name of the folder.",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Sentence encoder: a hub name or a folder. Default: the bundled one."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]

SourcesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="SOURCE...", help="Files, folders, archives or globs; - is standard input."),
]
SqlOption = Annotated[
    str | None, typer.Option("--sql", help="Read the rows of this SELECT statement, with --url.")
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="SEMREC_SOURCE_URL", help="Database of --sql: sqlite:///FILE or postgresql://…"
    ),
]
NoHeaderOption = Annotated[
    bool, typer.Option("--no-header", help="The first line of the files is a row, not the column names.")
]
ColumnsOption = Annotated[
    str | None, typer.Option("--columns", help="With --no-header: names of the columns: a,b,c.")
]
EncodingOption = Annotated[
    str | None, typer.Option("--encoding", help="Of text files, for instance cp1252. Default: guessed.")
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", help="csv, tsv, jsonl or parquet. Default: from the name or the content."),
]
UserColumnOption = Annotated[str | None, typer.Option("--user", help="Column with the user id.")]
ItemColumnOption = Annotated[str | None, typer.Option("--item", help="Column with the item id.")]
KindColumnOption = Annotated[str | None, typer.Option("--kind", help="Column with the kind.")]
ValueColumnOption = Annotated[str | None, typer.Option("--value", help="Column with a rating or a count.")]
TimeColumnOption = Annotated[str | None, typer.Option("--time", help="Column with the time.")]
DurationColumnOption = Annotated[
    str | None,
    typer.Option(
        "--duration", help="Column with the length of the item, in the unit of --value: the value is a share."
    ),
]
TimeFormatOption = Annotated[
    str | None,
    typer.Option(
        "--time-format", help="s, ms, us, ns (unix time), position (an order), or a pattern like %d/%m/%Y."
    ),
]
UnratedOption = Annotated[
    float | None, typer.Option("--unrated", help='Rating that means "not rated": the event is a view.')
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit with status 1 if a row is rejected.")]

CountOption = Annotated[int, typer.Option("-k", help="Number of recommendations.")]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        help="Filter: brand=Acme, brand!=Acme, price<=20, added>=2024-01-05, tags+=tea (all of), brand=* "
        "(exists), 'brand=Acme | price<20'. Repeat for one of several values, or for more filters.",
    ),
]
GroupOption = Annotated[
    str | None,
    typer.Option("--group", help="FIELD or FIELD=N: at most one item, or N, with the same value of a field."),
]
NearDuplicatesOption = Annotated[
    Literal["auto", "collapse", "keep"] | None,
    typer.Option(
        "--near-duplicates",
        help="collapse: of items with nearly the same text show only the best one. keep: show all. Default: "
        "collapse in lists of 10 or less, if the catalog has many.",
    ),
]
DiversityOption = Annotated[
    float, typer.Option("--diversity", help="From 0 (the best items) to 1 (the most different items).")
]


ADVICE = {
    errno.ENOSPC: "free some space and run the command again",
    errno.EDQUOT: "free some space and run the command again",
    errno.EACCES: "run the command as a user who may do this",
    errno.EPERM: "run the command as a user who may do this",
    errno.EROFS: "the folder is read-only: use another one",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.EMFILE: "allow more open files, for instance: ulimit -n 4096",
}
"""What to do after an error of the operating system."""


@contextmanager
def reported_errors(debug: bool) -> Iterator[None]:
    """Print an error as one line on standard error, and exit with its status."""
    try:
        yield
    except SemrecError as error:
        if debug:
            raise
        err.print(Text(f"error: {error}"), style="red", soft_wrap=True)
        raise typer.Exit(2 if isinstance(error, ConfigError | QueryError) else 1) from error
    except KeyboardInterrupt as error:
        err.print("stopped; the index can still be used.", style="yellow")
        raise typer.Exit(130) from error
    except (typer.Exit, typer.Abort, click.ClickException, BrokenPipeError):
        raise
    except OSError as error:
        if debug:
            raise
        err.print(Text(f"error: {os_error_in_words(error)}"), style="red", soft_wrap=True)
        raise typer.Exit(1) from error
    except Exception as error:  # an error in semrec or in a library
        if debug:
            raise
        reason = " ".join(str(error).split()) or "no reason given"
        err.print(
            Text(f"error: unexpected {type(error).__name__}: {reason}. Use --debug for the traceback."),
            style="red",
            soft_wrap=True,
        )
        raise typer.Exit(1) from error


def os_error_in_words(error: OSError) -> str:
    """Return what the operating system refused, to which file, and what to do."""
    reason = error.strerror or str(error) or type(error).__name__
    what = f"{error.filename}: {reason}" if error.filename else reason
    advice = ADVICE.get(error.errno or 0)
    return f"{what}; {advice}" if advice else what


@contextmanager
def opened_workspace(
    workspace: Path,
    debug: bool,
    *,
    qdrant: str | None = None,
    collection: str | None = None,
    model: str | None = None,
    encoder: str | None = None,
    dimension: int | None = None,
    quantize: bool | None = None,
    similar_users: str | None = None,
    keep_html: bool = False,
) -> Iterator[Recommender]:
    """Open the recommender of a workspace, and report all errors.

    Parameters
    ----------
    workspace, debug, qdrant, collection, model : as the options.
    encoder, dimension, quantize, keep_html : as the options of `semrec index`.
    similar_users : see `EventSettings`.
    """
    with reported_errors(debug):
        from semrec.config import EncoderSettings, EventSettings, IndexSettings, Settings, StoreSettings
        from semrec.recommender import Recommender

        index = IndexSettings(text_dimension=dimension, quantize=quantize)
        settings = Settings(
            encoder=EncoderSettings(model=model, backend=encoder),
            index=index.model_copy(update={"keep_html": True}) if keep_html else index,
            store=StoreSettings(collection=collection),
            events=EventSettings(similar_users=similar_users),
        )
        with Recommender.open(workspace, qdrant=qdrant, settings=settings) as recommender:
            yield recommender


def source_of(sources: list[str] | None, sql: str | None, url: str | None) -> Any:
    """Return files, or the query of `--sql`.

    Raises
    ------
    ConfigError
        There are both, or neither; or the URL is missing.
    """
    if bool(sources) == bool(sql):
        raise ConfigError("give files, or --sql and --url: one of the two.")
    if not sql:
        return sources
    if not url:
        raise ConfigError("--sql needs the database: --url sqlite:///FILE or --url postgresql://…")
    from semrec.indexer.sources.sql import SqlQuery

    return SqlQuery(sql, url)


def header_of(no_header: bool, columns: str | None) -> tuple[str, ...] | None:
    """Return the names of the columns of files that do not name them; None for other files.

    Raises
    ------
    ConfigError
        `--columns` is given without `--no-header`.
    """
    if columns and not no_header:
        raise ConfigError("--columns names the columns of a file without them: add --no-header.")
    return comma_separated(columns) if no_header else None


def event_mapping(
    *,
    user: str | None,
    item: str | None,
    kind: str | None,
    value: str | None,
    time: str | None,
    time_format: str | None,
    duration: str | None,
    unrated: float | None,
    no_header: bool,
    columns: str | None,
    encoding: str | None,
) -> EventMapping:
    """Return which column of files with events is what, by the options of these names."""
    from semrec.events.event_columns import EventMapping

    return EventMapping(
        user=user,
        item=item,
        kind=kind,
        value=value,
        time=time,
        duration=duration,
        time_format=time_format,
        unrated=unrated,
        header=header_of(no_header, columns),
        encoding=encoding,
    )


def comma_separated(text: str | None) -> tuple[str, ...]:
    """Return the non-empty parts of `a,b,c`; a part with a comma is in double quotes, as in CSV.

    Raises
    ------
    ConfigError
        A quote is not closed.
    """
    try:
        lines = list(csv.reader([text or ""], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise ConfigError(f'cannot read the list {text!r}: {error}; write a,b or "a,b",c') from error
    return tuple(part.strip() for line in lines for part in line if part.strip())


def comma_separated_ids(texts: list[str] | None) -> list[str]:
    """Return the ids of an option that can be repeated and can hold several ids, as in `--history A,B`."""
    return [item_id for text in texts or [] for item_id in comma_separated(text)]
