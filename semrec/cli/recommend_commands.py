"""Commands that recommend and predict: `recommend`, `similar`, `predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    CountOption,
    DebugOption,
    DiversityOption,
    GroupOption,
    JsonOption,
    ModelOption,
    NearDuplicatesOption,
    QdrantOption,
    WhereOption,
    WorkspaceOption,
    comma_separated_ids,
    opened_workspace,
)
from semrec.cli.printing import print_json, print_prediction, print_recommendations
from semrec.cli.progress import recommend_all_with_progress
from semrec.errors import ConfigError
from semrec.ranking.typed_filters import parse_filters

TextOption = Annotated[str | None, typer.Option("--text", help="Query text.")]
HistoryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--history",
        help="Item ids, oldest first: A,B,C. Can be repeated. An id with a comma is in quotes: '\"A,1\",B'.",
    ),
]
UserOption = Annotated[str | None, typer.Option("--user", help="A user of the event log.")]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="Item ids that are never recommended, as in --history."),
]
IncludeSeenOption = Annotated[
    bool, typer.Option("--include-seen", help="Also recommend items of the history.")
]
AfterOption = Annotated[
    str | None, typer.Option("--after", help="The next page: `next` of the last answer with --json.")
]
ExploreOption = Annotated[
    float, typer.Option("--explore", help="Share of the places for little-known items, from 0 to 1.")
]
AllUsersOption = Annotated[
    bool, typer.Option("--all-users", help="Recommend to all users of the event log, into --output.")
]
OutputOption = Annotated[Path | None, typer.Option("--output", help="Parquet file for --all-users.")]
PopularOption = Annotated[
    bool,
    typer.Option(help="With --all-users: users without usable events get popular, new or typical items."),
]


def recommend(
    text: TextOption = None,
    history: HistoryOption = None,
    user: UserOption = None,
    k: CountOption = 10,
    where: WhereOption = None,
    exclude: ExcludeOption = None,
    include_seen: IncludeSeenOption = False,
    diversity: DiversityOption = 0.0,
    group: GroupOption = None,
    near_duplicates: NearDuplicatesOption = None,
    explore: ExploreOption = 0.0,
    after: AfterOption = None,
    all_users: AllUsersOption = False,
    output: OutputOption = None,
    popular: PopularOption = True,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    model: ModelOption = None,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Recommend items by text, by history, for a user, or by several of them; or for all users."""
    with opened_workspace(workspace, debug, qdrant=qdrant, model=model) as recommender:
        filters = parse_filters(where or [])
        alike: dict[str, Any] = {"group": group, "near_duplicates": near_duplicates}
        if not (all_users or output):
            answer = recommender.recommend(
                text=text,
                history=comma_separated_ids(history),
                user=user,
                k=k,
                where=filters,
                exclude=comma_separated_ids(exclude),
                exclude_seen=not include_seen,
                diversity=diversity,
                explore=explore,
                after=after,
                **alike,
            )
            print_recommendations(answer, as_json)
            return
        if not (all_users and output):
            raise ConfigError("--all-users and --output FILE need each other.")
        if text or history or user or exclude or include_seen or diversity or explore or after:
            known = "-k, --where, --group, --near-duplicates and --no-popular"
            raise ConfigError(f"--all-users can only be combined with {known}.")
        report = recommend_all_with_progress(
            recommender, output, k=k, where=filters, popular=popular, **alike
        )
        if as_json:
            print_json(report.to_dict())


def similar(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Id of an item.")],
    k: CountOption = 10,
    where: WhereOption = None,
    diversity: DiversityOption = 0.0,
    group: GroupOption = None,
    near_duplicates: NearDuplicatesOption = None,
    after: AfterOption = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Recommend the items that are most similar to one item."""
    with opened_workspace(workspace, debug, qdrant=qdrant) as recommender:
        filters = parse_filters(where or [])
        answer = recommender.similar(
            item,
            k=k,
            where=filters,
            diversity=diversity,
            group=group,
            near_duplicates=near_duplicates,
            after=after,
        )
        print_recommendations(answer, as_json)


def predict(
    user: Annotated[str, typer.Option("--user", help="A user of the event log.")],
    item: Annotated[str, typer.Option("--item", help="Id of an item.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Predict the rating that a user would give to an item."""
    with opened_workspace(workspace, debug, qdrant=qdrant) as recommender:
        print_prediction(recommender.predict(item, user=user), as_json)
