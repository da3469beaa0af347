"""The options that commands share, and how their errors are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import click
import typer
from rich.text import Text

from semrec.cli.printing import err
from semrec.errors import ConfigError, QueryError, SemrecError

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


def comma_separated(written: str | None) -> tuple[str, ...]:
    """Return the non-empty parts of `a,b,c`."""
    return tuple(part.strip() for part in (written or "").split(",") if part.strip())


def ids(written: list[str] | None) -> list[str]:
    """Return the ids of options that hold one id or several, separated by commas."""
    return [item_id for part in written or [] for item_id in comma_separated(part)]
