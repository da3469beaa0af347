"""Commands about a whole workspace: `info`, `demo`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from rich.text import Text

from semrec.cli.catalog import run_indexing
from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    DebugOption,
    JsonOption,
    QdrantOption,
    WorkspaceOption,
    readable_errors,
)
from semrec.cli.printing import err, out, print_json, show


def info(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Tell what a workspace holds."""
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace, qdrant=qdrant) as recommender:
        facts = recommender.info()
        if as_json:
            print_json(facts)
            return
        for name, value in facts.items():
            parts = [f"{n} ({t})" for n, t in value.items()] if isinstance(value, dict) else value
            shown = ", ".join(map(str, parts)) if isinstance(parts, list) else parts
            out.print(Text(f"{name.replace('_', ' '):20} {shown!s}"), soft_wrap=True)


def demo(workspace: WorkspaceOption = Path("demo-shop"), debug: DebugOption = False) -> None:
    """Index the bundled catalog and recommend from it."""
    from semrec.cli import demo_data as bundled
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace) as recommender:
        if (workspace / "semrec.json").exists() and recommender.info()["current"]:
            err.print(f"the demo catalog is indexed in {workspace} already")
        else:
            err.print("indexing 7,528 packages of Debian 12; a laptop needs a minute or two …")
            run_indexing(recommender, bundled.CATALOG, mapping=bundled.MAPPING)
        out.print(f"\n[bold]Recommended for the text “{bundled.TEXT}”[/bold]")
        show(recommender.recommend(text=bundled.TEXT, k=5))
        out.print(f"\n[bold]Recommended for a history: {', '.join(bundled.HISTORY)}[/bold]")
        show(recommender.recommend(history=bundled.HISTORY, k=5, diversity=0.3))
        out.print(Text(f"\n{bundled.ATTRIBUTION}"), style="dim")
    out.print("\nNow try your own words:")
    out.print(
        Text(f'  {command_here()} recommend -w {workspace} --text "draw charts" --where categories=python'),
        style="bold",
        soft_wrap=True,  # so that it can be copied
    )


def command_here() -> str:
    """Return what starts semrec in this shell: by its name, or by the path it was started by."""
    return "semrec" if shutil.which("semrec") else sys.argv[0]
