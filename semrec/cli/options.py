"""Options that several commands share, and how commands open a workspace and report errors."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click
import typer
from rich.text import Text

from semrec.cli.printing import err
from semrec.errors import ConfigError, QueryError, SemrecError

if TYPE_CHECKING:
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
    list[str], typer.Argument(metavar="SOURCE...", help="Files or globs; - is standard input.")
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", help="csv, tsv, jsonl or parquet. Default: from the name or the content."),
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
) -> Iterator[Recommender]:
    """Open the recommender of a workspace, and report all errors.

    Parameters
    ----------
    workspace, debug, qdrant, collection, model : as the options.
    encoder, dimension, quantize : as the options of `semrec index`.
    similar_users : see `EventSettings`.
    """
    with reported_errors(debug):
        from semrec.config import EncoderSettings, EventSettings, IndexSettings, Settings, StoreSettings
        from semrec.recommender import Recommender

        settings = Settings(
            encoder=EncoderSettings(model=model, backend=encoder),
            index=IndexSettings(text_dimension=dimension, quantize=quantize),
            store=StoreSettings(collection=collection),
            events=EventSettings(similar_users=similar_users),
        )
        with Recommender.open(workspace, qdrant=qdrant, settings=settings) as recommender:
            yield recommender


def comma_separated(text: str | None) -> tuple[str, ...]:
    """Return the non-empty parts of `a,b,c`."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def comma_separated_ids(texts: list[str] | None) -> list[str]:
    """Return the ids of an option that can be repeated and can hold several ids, as in `--history A,B`."""
    return [item_id for text in texts or [] for item_id in comma_separated(text)]
