"""The command line: a command reads its options, calls the library once, and prints.

Data goes to standard output, everything else to standard error. Exit status 2 is bad use, 1 a failure.
"""

from __future__ import annotations

import typer

from semrec.cli import cache
from semrec.cli.asking import recommend, similar
from semrec.cli.catalog import delete, index
from semrec.cli.generations import generations, rollback
from semrec.cli.keys import keys
from semrec.cli.learning import evaluate, events, fit
from semrec.cli.serve import serve
from semrec.cli.workspace import demo, info

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Index a catalog, recommend by text or history, and say why.",
)
for command in (
    index,
    delete,
    generations,
    rollback,
    recommend,
    similar,
    info,
    demo,
    events,
    fit,
    evaluate,
    serve,
):
    app.command()(command)
app.add_typer(keys, name="keys")
app.add_typer(cache.app, name="cache")


def main() -> None:
    """Run the command line."""
    app()
