"""Progress bars and reports of long tasks, on standard error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from semrec.cli.printing import err, print_batch_report, print_index_report, print_notes

if TYPE_CHECKING:
    from semrec.indexer.index_report import IndexReport
    from semrec.indexer.read import Catalog, FieldMapping
    from semrec.ranking.all_users import BatchReport
    from semrec.recommender import Recommender


def index_with_progress(
    recommender: Recommender,
    source: Any,
    *,
    mapping: FieldMapping | None = None,
    source_format: str | None = None,
    sync: bool = False,
    allow_large_delete: bool = False,
    rebuild: bool = False,
) -> IndexReport:
    """Index a catalog, see `Recommender.index`; print its notes, a progress bar and the report."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("indexing", total=None, rate="")
        printed: list[str] = []

        def announce(catalog: Catalog) -> None:
            print_notes(catalog.notes)
            printed.extend(catalog.notes)
            bar.update(task, total=catalog.n_rows)

        def progress(n_rows: int) -> None:
            bar.advance(task, n_rows)
            speed = bar.tasks[task].speed
            bar.update(task, rate=f"{speed:,.0f} items/s" if speed else "")

        report = recommender.index(
            source,
            mapping=mapping,
            format=source_format,
            sync=sync,
            allow_large_delete=allow_large_delete,
            rebuild=rebuild,
            progress=progress,
            announce=announce,
        )
    print_index_report(report, printed_notes=printed)
    return report


def recommend_all_with_progress(recommender: Recommender, output: Path, **options: Any) -> BatchReport:
    """Recommend to all users, see `Recommender.recommend_all`; print a progress bar and the report."""
    columns = (TextColumn("users"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("users", total=None)
        report = recommender.recommend_all(
            output,
            **options,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    print_batch_report(report)
    return report
