"""Commands that ask: `recommend`, `similar`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    CountOption,
    DebugOption,
    DiversityOption,
    JsonOption,
    ModelOption,
    QdrantOption,
    WhereOption,
    WorkspaceOption,
    ids,
    readable_errors,
)
from semrec.cli.printing import err, print_json, show
from semrec.errors import ConfigError
from semrec.ranking.filters import parse_filters

if TYPE_CHECKING:
    from semrec.ranking.all_users import BatchReport
    from semrec.recommender import Recommender


def recommend(
    text: Annotated[str | None, typer.Option("--text", help="What is wanted, in words.")] = None,
    history: Annotated[
        list[str] | None,
        typer.Option("--history", help="Item ids, oldest first: A,B,C; or the option several times."),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="A user of the event log.")] = None,
    k: CountOption = 10,
    where: WhereOption = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Item ids never to recommend: A,B.")
    ] = None,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Recommend items of the history too.")
    ] = False,
    diversity: DiversityOption = 0.0,
    all_users: Annotated[
        bool, typer.Option("--all-users", help="For every user of the event log, into the file --output.")
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", help="Parquet file for --all-users.")] = None,
    popular: Annotated[
        bool, typer.Option(help="With --all-users: users of whom nothing is known get what is popular.")
    ] = True,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    model: ModelOption = None,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Recommend items by a text, by a history, for a user, or by several of them; or for all users."""
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace, qdrant=qdrant, model=model) as recommender:
        if all_users or output:
            if not (all_users and output):
                raise ConfigError("--all-users needs --output FILE, and the other way round.")
            if text or history or user or exclude or include_seen or diversity:
                raise ConfigError("--all-users goes with -k, --where and --no-popular only.")
            report = run_batch(recommender, output, k=k, where=parse_filters(where or []), popular=popular)
            if as_json:
                print_json(report.to_dict())
            return
        answer = recommender.recommend(
            text=text,
            history=ids(history),
            user=user,
            k=k,
            where=parse_filters(where or []),
            exclude=ids(exclude),
            exclude_seen=not include_seen,
            diversity=diversity,
        )
        show(answer, as_json)


def run_batch(recommender: Recommender, output: Path, **options: Any) -> BatchReport:
    """Recommend to all users with a progress bar and a spoken report on standard error."""
    columns = (TextColumn("users"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("users", total=None)
        report = recommender.recommend_all(
            output, progress=lambda done, total: bar.update(task, completed=done, total=total), **options
        )
    for note in report.notes:
        err.print(Text(note), style="yellow")
    resumed = f", {report.n_resumed:,} of them by an earlier run" if report.n_resumed else ""
    err.print(
        Text(
            f"{report.n_rows:,} recommendations for {report.n_users:,} users{resumed} are in "
            f"{report.output}; {report.seconds:.1f} s, {report.users_a_second:,.0f} users/s."
        ),
        soft_wrap=True,
    )
    return report


def similar(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Id of an item.")],
    k: CountOption = 10,
    where: WhereOption = None,
    diversity: DiversityOption = 0.0,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Recommend the items that are most like one item."""
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace, qdrant=qdrant) as recommender:
        show(recommender.similar(item, k=k, where=parse_filters(where or []), diversity=diversity), as_json)
