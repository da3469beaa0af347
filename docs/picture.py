"""Draw docs/demo.svg: what the demo prints, from a workspace that `semrec demo` made."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console

from semrec import Recommender
from semrec.cli import demo_data as demo
from semrec.cli import printing as terminal

HERE = Path(__file__).parent


def main() -> None:
    """Draw it."""
    terminal.out = Console(record=True, width=108, force_terminal=True, file=StringIO())
    with Recommender.open(HERE.parent / "demo-shop") as recommender:
        terminal.out.print(f'$ semrec recommend --text "{demo.TEXT}" -k 3')
        terminal.print_recommendations(recommender.recommend(text=demo.TEXT, k=3))
        terminal.out.print(f"\n$ semrec recommend --history {','.join(demo.HISTORY)} -k 3 --diversity 0.3")
        terminal.print_recommendations(recommender.recommend(history=demo.HISTORY, k=3, diversity=0.3))
    terminal.out.save_svg(str(HERE / "demo.svg"), title="semrec")


if __name__ == "__main__":
    main()
