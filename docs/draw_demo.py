"""Draw docs/demo.svg: what `semrec recommend` prints. Needs the workspace of `semrec demo`."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console

from semrec import Recommender
from semrec.cli import demo_data, printing

HERE = Path(__file__).parent


def main() -> None:
    """Recommend by a text and by a history, and save the output as a picture."""
    text, history = demo_data.TEXT, demo_data.HISTORY
    out = printing.out = Console(record=True, width=108, force_terminal=True, file=StringIO())
    with Recommender.open(HERE.parent / "demo-shop") as recommender:
        out.print(f'$ semrec recommend --text "{text}" -k 3')
        printing.print_recommendations(recommender.recommend(text=text, k=3))
        out.print(f"\n$ semrec recommend --history {','.join(history)} -k 3 --diversity 0.3")
        printing.print_recommendations(recommender.recommend(history=history, k=3, diversity=0.3))
    out.save_svg(str(HERE / "demo.svg"), title="semrec")


if __name__ == "__main__":
    main()
