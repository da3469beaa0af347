"""Output of the commands: data on standard output, all messages on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from semrec.cli.terminal import shows_unicode
from semrec.events.counting import REASONS
from semrec.ranking.sentences import interests_in_words, reason_sentence, signal_shares
from semrec.types import Recommendation, Recommendations

if TYPE_CHECKING:
    from semrec.evaluation import Evaluation
    from semrec.events.append_report import AppendReport
    from semrec.indexer.index_report import IndexReport
    from semrec.learning.fit import FitReport
    from semrec.ranking.all_users import BatchReport
    from semrec.ranking.rating_prediction import RatingPrediction

out = Console()
err = Console(stderr=True)

MAX_LISTED = 20
"""Largest number of ids in one message."""


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object; where standard output is not Unicode, with escapes for other characters."""
    sys.stdout.write(json.dumps(value, ensure_ascii=not shows_unicode(sys.stdout), indent=2) + "\n")
    sys.stdout.flush()  # a full disk is an error of this command


def print_notes(notes: Iterable[str], style: str = "dim") -> None:
    """Print notes, each on a line, as messages."""
    for note in notes:
        err.print(Text(note), style=style)


def print_warning(text: str) -> None:
    """Print one line as a warning."""
    err.print(Text(text), style="yellow", soft_wrap=True)


def print_rejects(counts: Mapping[str, int], path: Path | None) -> None:
    """Print how many rows were rejected, by reason, and the file that lists them."""
    for reason, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        print_warning(f"rejected {count:,}: {reason}")
    if counts:
        print_warning(f"the rejected rows are listed in {path}")


def print_append_report(report: AppendReport, rejects: Path) -> None:
    """Print what was added to the event log, and what was refused or does not count."""
    print_rejects(report.rejected, rejects)
    for reason, count in report.left_out.items():
        print_warning(f"stored, but not counted, {count:,}: {reason}; first {report.examples[reason]}")
    print_notes(report.notes, "yellow")
    err.print(f"added {report.added:,} events; {report.repeated:,} were already stored.")


def listed(ids: Collection[str]) -> str:
    """Return ids as a list for people, cut after `MAX_LISTED`."""
    return ", ".join(list(ids)[:MAX_LISTED]) + (" …" if len(ids) > MAX_LISTED else "")


# -- answers -------------------------------------------------------------------------------------------


def print_recommendations(answer: Recommendations, as_json: bool = False) -> None:
    """Print an answer: title, score and reasons of each item, or JSON."""
    if answer.unknown_items:
        unknown = answer.unknown_items
        print_warning(f"skipped {len(unknown)} unknown items of the history: {listed(unknown)}")
    if as_json:
        print_json(answer.to_dict())
        return
    print_notes(answer.notes, "yellow")
    if len(answer.interests) > 1:
        out.print(Text(f"Interests: {interests_in_words(answer.interests)}"), style="dim")
    if not answer.recommendations:
        out.print(nothing_left(answer))
    for rank, item in enumerate(answer.recommendations, 1):
        out.print(_headline(rank, item))
        sentence = Text(reason_sentence(item))
        if item.signals:
            sentence.append(f"  [{signal_shares(item)}]", style="dim")
        out.print(Padding(sentence, (0, 0, 0, 5)))


def _headline(rank: int, item: Recommendation) -> Text:
    """Return the first line of a recommended item: title, id, and the numbers."""
    line = Text(f"{rank:>3}. ").append(item.title or item.item_id, style="bold cyan")
    if item.title:
        line.append(f"  {item.item_id}", style="dim")
    if item.n_variants:
        line.append(f"  and {item.n_variants} variant{'' if item.n_variants == 1 else 's'}")
    line.append(f"  {item.score:.2f}", style="dim")
    if item.predicted_rating is not None:
        line.append(f"  rating {item.predicted_rating:.1f}", style="dim")
    if item.explored:
        line.append("  little known", style="dim")
    return line


def print_prediction(found: RatingPrediction, as_json: bool) -> None:
    """Print a predicted rating with its interval and reasons."""
    if as_json:
        print_json(found.to_dict())
        return
    print_notes(found.notes, "yellow")
    line = Text(found.title or found.item_id, style="bold cyan")
    line.append(f"  {found.rating:.1f}", style="bold")
    low, high = found.scale
    out.print(line.append(f" on a scale from {low:g} to {high:g}", style="dim"))
    within = f"{100 * found.share:.0f} % of such ratings are between {found.low:.1f} and {found.high:.1f}."
    out.print(Padding(Text(f"{found.reason} {within}"), (0, 0, 0, 5)))


def nothing_left(answer: Recommendations) -> str:
    """Return why an answer has no items."""
    if answer.query.get("where"):
        return "No item matches the filters."
    return "Nothing is left to recommend: all items are in the history, or excluded."


# -- reports -------------------------------------------------------------------------------------------


def print_index_report(report: IndexReport, printed_notes: Collection[str] = ()) -> None:
    """Print what indexing did; notes that were already printed are left out."""
    print_rejects(report.rejected, report.rejects)
    print_notes((note for note in report.notes if note not in printed_notes), "yellow")
    err.print(Text(index_report_line(report)), soft_wrap=True)


def index_report_line(report: IndexReport) -> str:
    """Return what indexing did, in one line."""
    counts = {
        "new": report.n_added,
        "changed": report.n_changed,
        "with other metadata": report.n_metadata,
        "unchanged": report.n_unchanged,
        "deleted": report.n_deleted,
    }
    changes = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    cached = f" ({report.n_cached:,} of them from the cache)" if report.n_cached else ""
    passages = f"{report.n_encoded + report.n_cached:,} passages{cached}"
    encoded = f", {passages} with {report.encoder} on {report.device}" if report.device else ""
    return (
        f"{changes}: {report.n_items:,} items in generation {report.generation}, "
        f"in {report.seconds:.1f} s{encoded}."
    )


def print_batch_report(report: BatchReport) -> None:
    """Print what `Recommender.recommend_all` did."""
    print_notes(report.notes, "yellow")
    resumed = f", {report.n_resumed:,} of them from an earlier run" if report.n_resumed else ""
    err.print(
        Text(
            f"{report.n_rows:,} recommendations for {report.n_users:,} users{resumed} are in "
            f"{report.output}; {report.seconds:.1f} s, {report.users_a_second:,.0f} users/s."
        ),
        soft_wrap=True,
    )


def print_fit_report(report: FitReport) -> None:
    """Print what a fit learned: the quality of every signal, and what it adds to the blend."""
    out.print(
        f"learned from {report.n_events:,} events of {report.n_users:,} users in {report.seconds:.0f} s; "
        f"generation {report.generation} is current now.",
        soft_wrap=True,
    )
    learning = report.learning
    table = Table("signal", "NDCG@10 alone", "few events", "new items", "adds to the blend")
    for signal in learning["warm"]:
        cells = [learning[kind].get(signal) for kind in ("warm", "short", "cold", "gain")]
        table.add_row(signal, *("" if cell is None else f"{cell:.4f}" for cell in cells))
    out.print(table)
    chosen = ", ".join(f"{name} {value}" for name, value in learning["chosen"].items())
    out.print(Text(f"chosen on a validation part of the events: {chosen}"), style="dim", soft_wrap=True)
    examples = report.cleaning["examples"]
    for reason, count in report.cleaning["dropped"].items():
        print_warning(f"events left out, {count:,}: {REASONS[reason]}; first {examples[reason]}")
    print_notes((*report.notes, *learning["notes"]))


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the main metrics of every recommender, each with its 95 % interval, and its training time."""
    metrics = ("ndcg", "recall", "map", "coverage")
    table = Table("", *(f"{name}@{evaluation.k}" for name in metrics), "training")
    measures = {(m.recommender, m.metric): m for name in metrics for m in evaluation.find(name)}
    for recommender in evaluation.recommenders:
        row = [measures.get((recommender, name)) for name in metrics]
        cells = ["" if m is None else f"{m.value:.4f}  ({m.low:.4f} – {m.high:.4f})" for m in row]
        if any(cells):
            seconds = evaluation.training_s.get(recommender)
            table.add_row(recommender, *cells, "" if seconds is None else f"{seconds:.1f} s")
    out.print(table)
    for measure in (*evaluation.find("rmse"), *evaluation.find("mae")):
        out.print(f"{measure.metric} of ratings, {measure.recommender}: {measure.value:.4f}", highlight=False)
    print_notes(evaluation.notes)
