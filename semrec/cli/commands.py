"""All commands."""

from __future__ import annotations

import typer

from semrec.cli import cache_commands, key_commands
from semrec.cli.event_commands import events, forget
from semrec.cli.finetune_command import finetune
from semrec.cli.generation_commands import generations, rollback
from semrec.cli.index_commands import delete, index
from semrec.cli.learning_commands import evaluate, fit
from semrec.cli.recommend_commands import predict, recommend, similar
from semrec.cli.serve_command import serve
from semrec.cli.workspace_commands import check, demo, info, take_over

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Index a catalog, recommend by text or history, and explain why.",
)
for command in (
    index,
    delete,
    generations,
    rollback,
    recommend,
    similar,
    predict,
    info,
    check,
    take_over,
    demo,
    events,
    forget,
    fit,
    finetune,
    evaluate,
    serve,
):
    app.command()(command)
app.add_typer(key_commands.app, name="keys")
app.add_typer(cache_commands.app, name="cache")
