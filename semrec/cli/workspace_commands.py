"""Commands for a whole workspace: `info`, `check`, `demo`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    CollectionOption,
    DebugOption,
    JsonOption,
    QdrantOption,
    WorkspaceOption,
    opened_workspace,
)
from semrec.cli.printing import err, out, print_json, print_recommendations
from semrec.cli.progress import index_with_progress


def info(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what a workspace holds."""
    with opened_workspace(workspace, debug, qdrant=qdrant) as recommender:
        facts = recommender.info()
        if as_json:
            print_json(facts)
            return
        for name, value in facts.items():
            out.print(Text(f"{name.replace('_', ' '):20} {in_one_line(value)}"), soft_wrap=True)


def take_over(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    collection: CollectionOption = None,
    debug: DebugOption = False,
) -> None:
    """Make an index on a Qdrant server that of this workspace; its old workspace is refused from then on."""
    with opened_workspace(workspace, debug, qdrant=qdrant, collection=collection) as recommender:
        err.print(Text(f"{recommender.take_over()} belongs to {workspace} now."), soft_wrap=True)


def check(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Read everything that is stored and compare it with its checksums. Exit status 1 means damage."""
    from semrec.service.api_keys import ApiKeys
    from semrec.workspace.check import checked

    with opened_workspace(workspace, debug, qdrant=qdrant) as recommender:
        parts = recommender.check()
        keys = ApiKeys(workspace)
        parts.append(checked("API keys", lambda: f"{len(keys.all())} keys"))
        if as_json:
            print_json({"parts": [part.to_dict() for part in parts]})
        for part in parts if not as_json else ():
            style = "red" if part.faults else None
            state = f"damaged: {'; '.join(part.faults)}" if part.faults else f"ok  {part.content}"
            out.print(Text(f"{part.part:30} {state}"), style=style, soft_wrap=True)
        if any(part.faults for part in parts):
            raise typer.Exit(1)


def in_one_line(value: Any) -> str:
    """Return a fact for people: lists as `a, b`, dicts as `a (b), c (d)`."""
    if isinstance(value, dict):
        return ", ".join(f"{name} ({entry})" for name, entry in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def demo(workspace: WorkspaceOption = Path("demo-shop"), debug: DebugOption = False) -> None:
    """Index the bundled catalog and recommend from it."""
    from semrec.cli import demo_data

    with opened_workspace(workspace, debug) as recommender:
        if (workspace / "semrec.json").exists() and recommender.info()["current"]:
            err.print(f"the demo catalog is already indexed in {workspace}")
        else:
            err.print("indexing 7,528 packages of Debian 12; a laptop needs one or two minutes …")
            index_with_progress(recommender, demo_data.CATALOG, mapping=demo_data.MAPPING)
        out.print(f"\n[bold]Recommended for the text “{demo_data.TEXT}”[/bold]")
        print_recommendations(recommender.recommend(text=demo_data.TEXT, k=5))
        out.print(f"\n[bold]Recommended for the history {', '.join(demo_data.HISTORY)}[/bold]")
        print_recommendations(recommender.recommend(history=demo_data.HISTORY, k=5, diversity=0.3))
        out.print(Text(f"\n{demo_data.ATTRIBUTION}"), style="dim")
    out.print("\nNow try your own words:")
    example = f'{command_here()} recommend -w {workspace} --text "draw charts" --where categories=python'
    out.print(Text(f"  {example}"), style="bold", soft_wrap=True)  # one line, so that it can be copied


def command_here() -> str:
    """Return how to start semrec in this shell: by its name, or by the path of this process."""
    return "semrec" if shutil.which("semrec") else sys.argv[0]
