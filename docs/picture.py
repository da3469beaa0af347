"""Draw docs/demo.svg: what the demo prints, from a workspace that `semrec demo` made."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console

from semrec import Recommender, cli, demo

HERE = Path(__file__).parent


def main() -> None:
    """Draw it."""
    cli.out = Console(record=True, width=108, force_terminal=True, file=StringIO())
    with Recommender.open(HERE.parent / "demo-shop") as recommender:
        cli.out.print(f'$ semrec recommend --text "{demo.TEXT}" -k 3')
        cli.show(recommender.recommend(text=demo.TEXT, k=3))
        cli.out.print(f"\n$ semrec recommend --history {','.join(demo.HISTORY)} -k 3 --diversity 0.3")
        cli.show(recommender.recommend(history=demo.HISTORY, k=3, diversity=0.3))
    cli.out.save_svg(str(HERE / "demo.svg"), title="semrec")


if __name__ == "__main__":
    main()
