"""Commands that change the items of an index: `index`, `delete`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    CollectionOption,
    ColumnsOption,
    DebugOption,
    EncodingOption,
    FormatOption,
    JsonOption,
    ModelOption,
    NoHeaderOption,
    QdrantOption,
    SourcesArgument,
    SqlOption,
    StrictOption,
    UrlOption,
    WorkspaceOption,
    comma_separated,
    header_of,
    opened_workspace,
    source_of,
)
from semrec.cli.printing import err, listed, print_json, print_warning
from semrec.cli.progress import index_with_progress
from semrec.errors import ConfigError

IdOption = Annotated[str | None, typer.Option("--id", help="Column with the item id.")]
TitleOption = Annotated[str | None, typer.Option("--title", help="Column with the title.")]
TextOption = Annotated[str | None, typer.Option("--text", help="Column with the text.")]
MetaOption = Annotated[str | None, typer.Option("--meta", help="Columns for filters: a,b,c.")]
ListsOption = Annotated[
    str | None, typer.Option("--lists", help="Columns for filters that hold several values in one text: a,b.")
]
ListSeparatorOption = Annotated[
    str | None,
    typer.Option(
        "--list-separator",
        help='Between the values of one text, for instance "|". Default: guessed; "" splits only --lists.',
    ),
]
WithHiddenOption = Annotated[
    bool, typer.Option("--with-hidden", help="Take products that their shop hides, too.")
]
KeepHtmlOption = Annotated[bool, typer.Option("--keep-html", help="Do not turn HTML into text.")]
TemplateOption = Annotated[
    str | None,
    typer.Option("--encode", help='Template of the encoded text: "{title} by {author}. {text}".'),
]
SyncOption = Annotated[bool, typer.Option("--sync", help="Delete items that the sources do not contain.")]
YesOption = Annotated[
    bool, typer.Option("--yes", help="With --sync: delete also more than a fifth of the items.")
]
RebuildOption = Annotated[bool, typer.Option("--rebuild", help="Build a new index from the sources alone.")]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        help="auto (the fastest with the quality of float32), torch, torch-bf16 or onnx-int8.",
    ),
]
DimensionOption = Annotated[
    int | None, typer.Option("--dimension", help="Cut text vectors to this many numbers.", min=1)
]
QuantizeOption = Annotated[
    bool | None,
    typer.Option(
        "--quantize/--no-quantize",
        help="Search text vectors in int8, then score the hits exactly: a quarter of the memory.",
    ),
]


def index(
    sources: SourcesArgument = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    id_column: IdOption = None,
    title: TitleOption = None,
    text: TextOption = None,
    meta: MetaOption = None,
    lists: ListsOption = None,
    list_separator: ListSeparatorOption = None,
    keep_html: KeepHtmlOption = False,
    template: TemplateOption = None,
    source_format: FormatOption = None,
    no_header: NoHeaderOption = False,
    columns: ColumnsOption = None,
    encoding: EncodingOption = None,
    sql: SqlOption = None,
    url: UrlOption = None,
    with_hidden: WithHiddenOption = False,
    sync: SyncOption = False,
    yes: YesOption = False,
    rebuild: RebuildOption = False,
    model: ModelOption = None,
    encoder: EncoderOption = None,
    dimension: DimensionOption = None,
    quantize: QuantizeOption = None,
    qdrant: QdrantOption = None,
    collection: CollectionOption = None,
    strict: StrictOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Index a catalog, or bring the index up to date: only what changed is encoded and written."""
    from semrec.indexer.read import FieldMapping

    with opened_workspace(
        workspace,
        debug,
        qdrant=qdrant,
        collection=collection,
        model=model,
        encoder=encoder,
        dimension=dimension,
        quantize=quantize,
        keep_html=keep_html,
    ) as recommender:
        mapping = FieldMapping(
            item_id=id_column,
            title=title,
            text=text,
            metadata=None if meta is None else comma_separated(meta),
            lists=comma_separated(lists),
            list_separator=list_separator,
            template=template,
            header=header_of(no_header, columns),
            encoding=encoding,
            with_hidden=with_hidden,
        )
        report = index_with_progress(
            recommender,
            source_of(sources, sql, url),
            mapping=mapping,
            source_format=source_format,
            sync=sync,
            allow_large_delete=yes,
            rebuild=rebuild,
        )
        if as_json:
            print_json(report.to_dict())
        if strict and report.n_rejected:
            raise typer.Exit(1)


def delete(
    item_ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Ids of items.")] = None,
    from_file: Annotated[
        str | None, typer.Option("--from", help="File with one id on each line; - is standard input.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    qdrant: QdrantOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Delete items from the index."""
    with opened_workspace(workspace, debug, qdrant=qdrant) as recommender:
        ids = [*(item_ids or []), *(read_ids(from_file) if from_file else [])]
        if not ids:
            raise ConfigError("name the items to delete: semrec delete ID..., or --from FILE.")
        report = recommender.delete_items(ids)
        if report.unknown:
            print_warning(f"not in the index: {listed(report.unknown)}")
        err.print(f"items deleted: {len(report.deleted):,}; not in the index: {len(report.unknown):,}.")
        if as_json:
            print_json({"deleted": list(report.deleted), "unknown": list(report.unknown)})


def read_ids(file: str) -> list[str]:
    """Return the lines of a file without blank ones; `-` is standard input.

    Raises
    ------
    ConfigError
        The file cannot be read as UTF-8 text.
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read ids from {file}: {error}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
