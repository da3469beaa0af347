"""Commands about the builds of an index: `generations`, `rollback`."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    DebugOption,
    JsonOption,
    QdrantOption,
    WorkspaceOption,
    readable_errors,
)
from semrec.cli.printing import err, out, print_json


def generations(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the complete builds of the index; one is current, the others can be gone back to."""
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace, qdrant=qdrant) as recommender:
        found = recommender.generations()
        if as_json:
            print_json({"generations": [asdict(facts) for facts in found]})
            return
        table = Table("generation", "built", "items", "encoder", "models", "in use by", box=None)
        for facts in found:
            table.add_row(
                f"{facts.number}{' (current)' if facts.is_current else ''}",
                time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(facts.built_at)),
                f"{facts.n_items:,}",
                facts.encoder,
                "yes" if facts.has_models else "no",
                facts.owner or "",
            )
        out.print(table)


def rollback(
    generation: Annotated[
        int | None, typer.Argument(help="Number of a build; default: the one before the current one.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Let an older build of the index answer again; running processes follow."""
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace, qdrant=qdrant) as recommender:
        current = recommender.rollback(generation)
        if as_json:
            print_json({"current": current})
        else:
            err.print(f"generation {current} answers now.")
