"""What the command line prints: data on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from semrec.ranking.sentences import interests_in_words, reason_sentence, signal_shares
from semrec.types import Recommendations

if TYPE_CHECKING:
    from semrec.evaluation import Evaluation
    from semrec.indexer.index_report import IndexReport
    from semrec.learning.fit import FitReport

out = Console()
err = Console(stderr=True)


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def say_notes(source: Any) -> None:
    """Say on standard error what was guessed about a source."""
    for note in source.notes:
        err.print(Text(note), style="dim")


def print_rejects(counts: dict[str, int], path: Path | None) -> None:
    """Say on standard error how many rows were rejected and why, and where they are listed."""
    for reason, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        err.print(Text(f"rejected {count:,}: {reason}"), style="yellow", soft_wrap=True)
    if counts:
        err.print(Text(f"the rejected rows are listed in {path}"), style="yellow", soft_wrap=True)


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the main figures of every recommender, each with its 95 % interval."""
    metrics = ("ndcg", "recall", "map", "coverage")
    table = Table("", *(f"{name}@{evaluation.k}" for name in metrics))
    figures = {(m.recommender, m.metric): m for name in metrics for m in evaluation.find(name)}
    for recommender in evaluation.recommenders:
        cells = [figures.get((recommender, name)) for name in metrics]
        shown = ["" if m is None else f"{m.value:.4f}  ({m.low:.4f} – {m.high:.4f})" for m in cells]
        if any(shown):
            table.add_row(recommender, *shown)
    out.print(table)
    for measure in (*evaluation.find("rmse"), *evaluation.find("mae")):
        out.print(f"{measure.metric} of ratings, {measure.recommender}: {measure.value:.4f}", highlight=False)
    for note in evaluation.notes:
        err.print(Text(note), style="dim")


def print_fit(report: FitReport) -> None:
    """Print what a fit learned: the quality of every signal and what it adds to the blend."""
    out.print(
        f"learned from {report.n_events:,} events of {report.n_users:,} users in {report.seconds:.0f} s; "
        f"generation {report.generation} answers now."
    )
    learning = report.learning
    table = Table("signal", "NDCG@10 alone", "few events", "new items", "adds to the blend")
    for signal in learning["warm"]:
        cells = [learning[kind].get(signal) for kind in ("warm", "short", "cold", "gain")]
        table.add_row(signal, *("" if cell is None else f"{cell:.4f}" for cell in cells))
    out.print(table)
    chosen = ", ".join(f"{name} {value}" for name, value in learning["chosen"].items())
    out.print(Text(f"chosen on a validation part of the events: {chosen}"), style="dim")
    dropped = {reason: count for reason, count in report.cleaning["dropped"].items() if count}
    if dropped:
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
        err.print(Text(f"events left out: {left_out}".replace("_", " ")), style="yellow")
    for note in (*report.notes, *learning["notes"]):
        err.print(Text(note), style="dim")


def show(answer: Recommendations, as_json: bool = False) -> None:
    """Print an answer: a line and a reason for each item, or JSON."""
    if answer.unknown_items:
        skipped = ", ".join(answer.unknown_items)
        err.print(
            Text(f"skipped {len(answer.unknown_items)} unknown items of the history: {skipped}"),
            style="yellow",
        )
    if as_json:
        print_json(answer.to_dict())
        return
    for note in answer.notes:
        err.print(Text(note), style="yellow")
    if len(answer.interests) > 1:
        out.print(Text(f"Interests: {interests_in_words(answer.interests)}"), style="dim")
    if not answer.recommendations:
        out.print("Nothing passes the filters.")
    for place, item in enumerate(answer.recommendations, 1):
        line = Text(f"{place:>3}. ").append(item.title or item.item_id, style="bold cyan")
        if item.title:
            line.append(f"  {item.item_id}", style="dim")
        out.print(line.append(f"  {item.score:.2f}", style="dim"))
        sentence = Text(reason_sentence(item)).append(f"  [{signal_shares(item)}]", style="dim")
        out.print(Padding(sentence, (0, 0, 0, 5)))


def indexing_in_words(report: IndexReport) -> str:
    """Return what indexing did, in one line."""
    counts = {
        "new": report.n_added,
        "changed": report.n_changed,
        "with other metadata": report.n_metadata,
        "unchanged": report.n_unchanged,
        "deleted": report.n_deleted,
    }
    did = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    known = f" ({report.n_cached:,} of them known from before)" if report.n_cached else ""
    passages = f"{report.n_encoded + report.n_cached:,} passages{known}"
    encoded = f", {passages} with {report.encoder} on {report.device}" if report.device else ""
    return (
        f"{did}: {report.n_items:,} items in generation {report.generation}, "
        f"in {report.seconds:.1f} s{encoded}."
    )
