"""Commands that ask: `recommend`, `similar`."""

from __future__ import annotations

from typing import Annotated

import typer

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
from semrec.terminal import show
from semrec.where import parse_filters


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
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    model: ModelOption = None,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Recommend items by a text, by a history, for a user, or by several of them."""
    from semrec.recommender import Recommender

    with readable_errors(debug), Recommender.open(workspace, qdrant=qdrant, model=model) as recommender:
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
