"""Commands for the cache of all workspaces: `cache`, `cache clear`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from semrec.cli.options import DebugOption, JsonOption, reported_errors
from semrec.cli.printing import err, out, print_json
from semrec.config import Settings
from semrec.encoder.cache_folder import cache_facts, clear_cache, short

app = typer.Typer(invoke_without_command=True)


@app.callback()
def cache(context: typer.Context, as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Show the cache of passage vectors and ONNX exports; `clear` empties it."""
    if context.invoked_subcommand:
        return
    with reported_errors(debug):
        settings = Settings().cache
        facts = cache_facts(settings.folder)
        if as_json:
            print_json({**facts.to_dict(), "limit_mb": settings.mb})
            return
        out.print(Text(f"{'folder':10}{facts.folder}"), soft_wrap=True)
        out.print(f"{'passages':10}{facts.passage_bytes / 1e6:,.1f} MB of at most {settings.mb:,} MB")
        out.print(f"{'exports':10}ONNX encoders: {len(facts.exports)}, {facts.export_bytes / 1e6:,.1f} MB")
        if facts.encoders:
            table = Table("encoder", "fingerprint", "passages", "last used")
            for encoder in facts.encoders:
                day = datetime.fromtimestamp(encoder.last_used).strftime("%Y-%m-%d %H:%M")
                table.add_row(Text(encoder.name), short(encoder.fingerprint), f"{encoder.n_passages:,}", day)
            out.print(table)


@app.command()
def clear(
    encoder: Annotated[
        str | None,
        typer.Option("--encoder", help="Only for the encoder whose fingerprint starts with this."),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Delete cached passage vectors and ONNX exports."""
    with reported_errors(debug):
        cleared = clear_cache(Settings().cache.folder, encoder)
        err.print(
            f"removed {cleared.n_passages:,} passages and {cleared.n_exports} exports, "
            f"{cleared.n_bytes / 1e6:,.1f} MB."
        )
