"""Commands for the generations of an index: `generations`, `rollback`."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    DebugOption,
    JsonOption,
    QdrantOption,
    WorkspaceOption,
    opened_workspace,
)
from semrec.cli.printing import err, out, print_json

if TYPE_CHECKING:
    from semrec.workspace.generations import GenerationFacts


def generations(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the generations of the index. Use `rollback` to return to an older one."""
    with opened_workspace(workspace, debug, qdrant=qdrant) as recommender:
        found = recommender.generations()
        if as_json:
            print_json({"generations": [asdict(facts) for facts in found]})
            return
        table = Table("generation", "built", "items", "encoder", "models", "MB", "in use by", box=None)
        for facts in found:
            size = "" if facts.n_bytes is None else f"{facts.n_bytes / 2**20:,.1f}"
            table.add_row(*_described(facts), size, facts.owner or "")
        out.print(table)
        if any(facts.is_dead for facts in found):
            err.print("dead: what a killed build has left. The next build removes or continues it.")


def _described(facts: GenerationFacts) -> tuple[str, str, str, str, str]:
    """Return number, time, items, encoder and models of a generation for a table."""
    if facts.is_dead:
        return f"{facts.number} (dead)", "", "", "", ""
    if not facts.is_complete:
        return f"{facts.number} (not complete)", "", "", "", ""
    return (
        f"{facts.number}{' (current)' if facts.is_current else ''}",
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(facts.built_at)),
        f"{facts.n_items:,}",
        facts.encoder,
        "yes" if facts.has_models else "no",
    )


def rollback(
    generation: Annotated[
        int | None, typer.Argument(help="Number of a generation. Default: the one before the current one.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make an older generation of the index current again, also for running processes."""
    with opened_workspace(workspace, debug, qdrant=qdrant) as recommender:
        current = recommender.rollback(generation)
        if as_json:
            print_json({"current": current})
        else:
            err.print(f"generation {current} is current now.")
