"""Commands for the event log: `events` adds, lists and deletes events, `forget` deletes a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    ColumnsOption,
    DebugOption,
    DurationColumnOption,
    EncodingOption,
    FormatOption,
    ItemColumnOption,
    JsonOption,
    KindColumnOption,
    NoHeaderOption,
    SqlOption,
    StrictOption,
    TimeColumnOption,
    TimeFormatOption,
    UnratedOption,
    UrlOption,
    UserColumnOption,
    ValueColumnOption,
    WorkspaceOption,
    event_mapping,
    opened_workspace,
    source_of,
)
from semrec.cli.printing import err, out, print_append_report, print_json, print_notes
from semrec.errors import ConfigError
from semrec.events.times import TimeFormat
from semrec.plain_values import MisfitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from semrec.events.event_columns import EventMapping
    from semrec.events.stored_events import StoredEvent
    from semrec.recommender import Recommender

OptionalSourcesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="SOURCE...", help="Files or globs; - is standard input.")
]
ListOption = Annotated[
    bool,
    typer.Option("--list", help="List stored events, those of a --user, --item, --kind and --time if given."),
]
DeleteOption = Annotated[bool, typer.Option("--delete", help="Delete stored events, chosen as by --list.")]
LeftOutOption = Annotated[
    bool, typer.Option("--left-out", help="With --list and --delete: only events that do not count.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="With --list: most events.")]


def events(
    sources: OptionalSourcesArgument = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    user: UserColumnOption = None,
    item: ItemColumnOption = None,
    kind: KindColumnOption = None,
    value: ValueColumnOption = None,
    time: TimeColumnOption = None,
    time_format: TimeFormatOption = None,
    duration: DurationColumnOption = None,
    unrated: UnratedOption = None,
    source_format: FormatOption = None,
    no_header: NoHeaderOption = False,
    columns: ColumnsOption = None,
    encoding: EncodingOption = None,
    sql: SqlOption = None,
    url: UrlOption = None,
    strict: StrictOption = False,
    list_them: ListOption = False,
    delete: DeleteOption = False,
    left_out: LeftOutOption = False,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Add events to the event log, or list or delete stored ones.

    An event that is already stored changes nothing.
    """
    with opened_workspace(workspace, debug) as recommender:
        from semrec.events.stored_events import EventChoice

        source = source_of(sources, sql, url) if sources or sql else None
        if bool(source) + list_them + delete != 1:
            raise ConfigError("give files with events, or --list, or --delete: one of the three.")
        if not source:
            of_files = (value, time_format, duration, source_format, no_header, encoding, strict)
            if any(of_files) or unrated is not None:
                raise ConfigError(
                    "--value, --time-format, --duration, --unrated, --format, --no-header, --encoding and "
                    "--strict are for files with events."
                )
            choice = EventChoice(user, item, kind, _seconds(time), left_out)
            if delete:
                print_deleted(recommender.delete_events(choice), as_json)
            else:
                print_events(recommender.events(choice, limit=limit + 1), limit, as_json)
            return
        if left_out:
            raise ConfigError("--left-out is for --list and --delete.")
        mapping = event_mapping(
            user=user,
            item=item,
            kind=kind,
            value=value,
            time=time,
            time_format=time_format,
            duration=duration,
            unrated=unrated,
            no_header=no_header,
            columns=columns,
            encoding=encoding,
        )
        add(recommender, source, mapping, source_format, strict, as_json)


def _seconds(time: str | None) -> float | None:
    """Return the unix seconds, or the position, that an option names.

    Raises
    ------
    ConfigError
        It is no time.
    """
    if time is None:
        return None
    try:
        return TimeFormat().seconds(time)
    except MisfitError as fault:
        raise ConfigError(f"--time {time!r} {fault}") from fault


def add(
    recommender: Recommender,
    source: Any,
    mapping: EventMapping,
    source_format: str | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Add the events of files, and print what was stored; see `events`."""
    from semrec.indexer.rejects import RejectsFile

    rejects = RejectsFile(recommender.folder / "rejected-events.jsonl")
    report = recommender.add_events(
        source,
        mapping=mapping,
        format=source_format,
        announce=lambda source: print_notes(source.notes),
        on_reject=rejects.add,
    )
    print_append_report(report, rejects.path)
    if as_json:
        print_json(report.to_dict())
    if (strict and report.rejected) or not report.added + report.repeated:
        raise typer.Exit(1)


def forget(
    user: Annotated[str, typer.Argument(metavar="USER", help="Id of a user.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Delete all stored events and preferences of a user; the next fit no longer knows the user."""
    with opened_workspace(workspace, debug) as recommender:
        deleted = recommender.delete_user(user)
        if as_json:
            print_json(deleted.to_dict())
        if not deleted.events + deleted.preferences:
            err.print(Text(f"nothing is stored of user {user!r}."), soft_wrap=True)
            return
        message = (
            f"deleted {deleted.events:,} events and {deleted.preferences:,} preferences of user {user!r}. "
            "The next `semrec fit` no longer knows them."
        )
        err.print(Text(message), soft_wrap=True)


def print_events(found: Sequence[StoredEvent], limit: int, as_json: bool) -> None:
    """Print stored events, at most `limit`."""
    if as_json:
        events = [event.to_dict() for event in found[:limit]]
        print_json({"events": events, "more": len(found) > limit})
        return
    table = Table("user", "item", "kind", "value", "time", "does not count, because")
    for event in found[:limit]:
        table.add_row(*map(Text, _cells(event)))
    if found:
        out.print(table)
    more = f"; there are more, see --limit {2 * limit}" if len(found) > limit else ""
    err.print(f"{min(len(found), limit):,} events{more}.", soft_wrap=True)


def _cells(event: StoredEvent) -> list[str]:
    """Return the fields of an event as texts."""
    from semrec.events.counting import shortened
    from semrec.events.times import time_in_words

    return [
        shortened(event.user_id),
        shortened(event.item_id),
        shortened(event.kind),
        "" if event.value is None else f"{event.value:g}",
        "" if event.time is None else time_in_words(event.time),
        event.left_out or "",
    ]


def print_deleted(deleted: int, as_json: bool) -> None:
    """Print how many events were deleted."""
    if as_json:
        print_json({"deleted": deleted})
    again = " The next `semrec fit` no longer knows them." if deleted else ""
    err.print(f"deleted {deleted:,} events.{again}", soft_wrap=True)
