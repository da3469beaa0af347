"""Commands about what is kept for all workspaces: `cache`, `cache clear`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from semrec.cli.options import DebugOption, JsonOption, readable_errors
from semrec.cli.printing import err, out, print_json
from semrec.config import Settings
from semrec.encoder.cache_folder import cache_facts, clear_cache, short

app = typer.Typer(invoke_without_command=True)


@app.callback()
def cache(context: typer.Context, as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Tell what is kept so that nothing is encoded twice; `clear` removes it."""
    if context.invoked_subcommand:
        return
    with readable_errors(debug):
        settings = Settings()
        facts = cache_facts(settings.cache.folder)
        if as_json:
            print_json({**facts.to_dict(), "limit_mb": settings.cache.mb})
            return
        out.print(Text(f"{'folder':10}{facts.folder}"), soft_wrap=True)
        out.print(f"{'passages':10}{facts.passage_bytes / 1e6:,.1f} MB of at most {settings.cache.mb:,} MB")
        out.print(f"{'exports':10}ONNX encoders: {len(facts.exports)}, {facts.export_bytes / 1e6:,.1f} MB")
        if facts.encoders:
            table = Table("encoder", "fingerprint", "passages", "last used")
            for one in facts.encoders:
                day = datetime.fromtimestamp(one.last_used).strftime("%Y-%m-%d %H:%M")
                table.add_row(Text(one.name), short(one.fingerprint), f"{one.n_passages:,}", day)
            out.print(table)


@app.command()
def clear(
    encoder: Annotated[
        str | None,
        typer.Option("--encoder", help="Only what is of this encoder: how its fingerprint begins."),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Remove what is kept: passage vectors and ONNX exports."""
    with readable_errors(debug):
        cleared = clear_cache(Settings().cache.folder, encoder)
        err.print(
            f"removed {cleared.n_passages:,} passages and {cleared.n_exports} exports, "
            f"{cleared.n_bytes / 1e6:,.1f} MB."
        )
