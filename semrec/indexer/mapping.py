"""Which column of a catalog is what: given, or guessed from names and values; and the types of metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from semrec.errors import CatalogError
from semrec.indexer.column_formats import ColumnFormat, guess_format, widening_note, wider
from semrec.indexer.columns import (
    Role,
    assign_columns,
    missing_role,
    only_id_column,
    quoted,
    require_columns,
    without_empty,
)
from semrec.indexer.sources.list_cells import BRACKETS, guess_separator
from semrec.indexer.sources.table import FileOptions
from semrec.indexer.sources.values import Kind, kind_of
from semrec.indexer.template import DEFAULT_TEMPLATE, ROLES, rename_template, template_names
from semrec.plain_values import MisfitError, plain, to_text
from semrec.store.payload_indexes import MAX_INDEXED_FIELDS
from semrec.store.protocol import FieldType

SHORT_CHARACTERS = 200
"""Columns with longer values are not guessed to be metadata."""

COLUMN_ROLES = {
    "item_id": Role(
        "item id",
        "--id",
        "item_id id handle sku parent_asin asin uid uuid guid slug isbn product_id item article_id doc_id "
        "document_id movie_id book_id news_id track_id song_id video_id app_id game_id anime_id business_id "
        "artist_id restaurant_id recipe_id hotel_id place_id venue_id listing_id job_id course_id post_id "
        "paper_id key code index "
        "编号 商品编号 物品编号 商品id 物品id 标识 货号",
    ),
    "title": Role(
        "title",
        "--title",
        "title name headline product_title product_name item_name item_title label subject "
        "标题 名称 题目 名字 商品名称 书名 片名 品名",
    ),
    "text": Role(
        "text",
        "--text",
        "text description body_(html) body_html body content overview abstract summary synopsis plot details "
        "product_description long_description short_description desc comment "
        "内容 正文 描述 简介 摘要 介绍 概述 详情 商品描述",
    ),
}


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """Which column of a catalog is what; None is guessed.

    Parameters
    ----------
    item_id, title, text : columns.
    metadata : columns that are kept for filters.
    lists : metadata columns with several values in one text.
    list_separator : between these values; None: guessed, for `lists` a comma; empty: only `lists` are split.
    template : the text that is encoded, for instance `{title} by {author}. {text}`; its columns become
        metadata.
    header : names of the columns of files that do not name them; empty: their places.
    encoding : of text files, as Python names it.
    with_hidden : take products that their shop hides, too.
    """

    item_id: str | None = None
    title: str | None = None
    text: str | None = None
    metadata: tuple[str, ...] | None = None
    lists: tuple[str, ...] = ()
    list_separator: str | None = None
    template: str | None = None
    header: tuple[str, ...] | None = None
    encoding: str | None = None
    with_hidden: bool = False

    def file_options(self, format: str | None) -> FileOptions:  # noqa: A002
        """Return how to read files."""
        return FileOptions(format, self.header, self.encoding, self.with_hidden)


@dataclass(slots=True)
class Profile:
    """The values of one column in the first rows of a source, their types and lengths."""

    values: list[Any] = field(default_factory=list)
    kinds: set[Kind] = field(default_factory=set)
    longest: int = 0

    def add(self, value: Any, *, parse: bool) -> None:
        """Add one value."""
        self.values.append(value)
        kind = kind_of(value, parse=parse)
        if kind is not None:
            self.kinds.add(kind)
        self.longest = max(self.longest, _length(value))


def profile_rows(rows: Iterable[Mapping[str, Any]], *, parse: bool) -> dict[str, Profile]:
    """Return the profile of every column, in order of appearance; names must be valid UTF-8."""
    profiles: dict[str, Profile] = {}
    for row in rows:
        for name, value in row.items():
            if name not in profiles and _is_valid(name):
                profiles[name] = Profile()
            if name in profiles:
                profiles[name].add(value, parse=parse)
    return profiles


def resolve(
    mapping: FieldMapping,
    profiles: Mapping[str, Profile],
    *,
    source: str,
    keep_all: bool = False,
    is_complete: bool = True,
) -> tuple[FieldMapping, list[str]]:
    """Return the mapping with every column named, and the guesses in words.

    Parameters
    ----------
    mapping : as given.
    profiles : of all columns.
    source : its name, for messages.
    keep_all : all other columns are metadata, also with long values.
    is_complete : no row can have other columns; False: fields that are named may come later.

    Raises
    ------
    CatalogError
        A column does not exist, no column looks like the item id, or there would be nothing to encode.
    """
    columns = tuple(profiles)
    roles_given = (mapping.item_id, mapping.title, mapping.text)
    fields_given = (*(mapping.metadata or ()), *mapping.lists)
    given = (*roles_given, *fields_given)
    required = given if is_complete else roles_given
    require_columns([name for name in required if name is not None], columns, source)
    notes: list[str] = []
    free = without_empty(
        COLUMN_ROLES.values(), {name: profiles[name].values for name in columns if name not in given}
    )
    roles = assign_columns(COLUMN_ROLES, {name: getattr(mapping, name) for name in COLUMN_ROLES}, free, notes)
    if roles["item_id"] is None:
        values = {name: profiles[name].values for name in free if name not in roles.values()}
        roles["item_id"] = only_id_column(values, notes, COLUMN_ROLES["item_id"], repeats=False)
    if roles["item_id"] is None:
        raise missing_role(COLUMN_ROLES["item_id"], columns, source)
    if mapping.template is None and roles["title"] is None and roles["text"] is None:
        raise CatalogError(
            f"{source}: no column looks like a title or a text; name one with --title, --text or --encode. "
            f"Columns: {quoted(columns)}"
        )
    template = _resolve_template(mapping.template, roles, columns, source)
    metadata = _resolve_metadata(mapping, roles, profiles, notes, keep_all=keep_all)
    extra = [name for name in template_names(template) if name not in ROLES]
    metadata = tuple(dict.fromkeys((*metadata, *mapping.lists, *extra)))
    named = replace(mapping, item_id=roles["item_id"], title=roles["title"], text=roles["text"])
    return replace(named, metadata=metadata, template=template), notes


def metadata_formats(
    mapping: FieldMapping,
    profiles: Mapping[str, Profile],
    schema: Mapping[str, FieldType],
    before: Mapping[str, ColumnFormat],
    notes: list[str],
    *,
    parse: bool,
) -> dict[str, ColumnFormat]:
    """Return the format of every metadata column: declared by the source, or guessed from the first rows.

    A column without a value has none yet, unless its type is declared.

    Parameters
    ----------
    mapping : with every column named.
    profiles : of all columns.
    schema : types that the source declares.
    before : formats of the fields in the index; a type becomes wider, never narrower.
    notes : each guess is appended, in words.
    parse : the source has text only.
    """
    formats: dict[str, ColumnFormat] = {}
    for name in mapping.metadata or ():
        declared = schema.get(name)
        has_values = name in profiles and bool(profiles[name].kinds)
        if declared in (None, "keyword") and name not in before and not has_values:
            continue  # texts may be lists or prices
        found, note = guess_format(
            profiles[name].values if name in profiles else (),
            parse=parse,
            declared=declared,
            is_list=name in mapping.lists,
            separator=mapping.list_separator,
            before=before.get(name),
        )
        known = before.get(name, found).type
        after = wider(found.type, known)
        if note and after == found.type:
            notes.append(f'"{name}": {note}')
        if after != known:
            notes.append(widening_note(name, known, after))
        formats[name] = replace(found, type=after)
    if len(formats) > MAX_INDEXED_FIELDS:
        notes.append(
            f"the first {MAX_INDEXED_FIELDS} of {len(formats)} metadata fields are indexed; filters by the "
            "rest are slower. Name the fields that you filter by with --meta"
        )
    return formats


def late_roles(mapping: FieldMapping, names: Sequence[str]) -> dict[str, str]:
    """Return the columns for the title and the text, if there were none before, by role."""
    open_roles = {role: COLUMN_ROLES[role] for role in ("title", "text") if getattr(mapping, role) is None}
    found = assign_columns(open_roles, {}, names, [])
    return {role: name for role, name in found.items() if name is not None}


def text_separators(mapping: FieldMapping, profiles: Mapping[str, Profile]) -> dict[str, str]:
    """Return the columns of titles and texts that hold lists as texts; their entries become lines."""
    columns = [name for name in (mapping.title, mapping.text) if name is not None and name in profiles]
    texts = {name: [value for value in profiles[name].values if isinstance(value, str)] for name in columns}
    return {name: BRACKETS for name, found in texts.items() if guess_separator(found) == BRACKETS}


def missing_columns(mapping: FieldMapping, columns: Sequence[str]) -> list[str]:
    """Return the columns for id and encoded text that another file of the same catalog does not have."""
    named = [name for name in template_names(mapping.template or DEFAULT_TEMPLATE) if name not in ROLES]
    needed = (mapping.item_id, mapping.title, mapping.text, *named)
    return [name for name in needed if name is not None and name not in columns]


def _resolve_template(
    template: str | None, roles: Mapping[str, str | None], columns: Sequence[str], source: str
) -> str:
    if template is None:
        return DEFAULT_TEMPLATE
    names = {column: role for role, column in roles.items() if column is not None}
    # `{title}` is the title, even if a column with another role is named "title".
    renamed = rename_template(template, {name: role for name, role in names.items() if name not in ROLES})
    require_columns([name for name in template_names(renamed) if roles.get(name) is None], columns, source)
    return renamed


def _resolve_metadata(
    mapping: FieldMapping,
    roles: Mapping[str, str | None],
    profiles: Mapping[str, Profile],
    notes: list[str],
    *,
    keep_all: bool,
) -> tuple[str, ...]:
    if mapping.metadata is not None:
        return mapping.metadata
    others = [name for name in profiles if name not in roles.values() and name not in mapping.lists]
    objects = [name for name in others if profiles[name].kinds == {"object"}]
    too_long = [
        name
        for name in others
        if name not in objects and not keep_all and profiles[name].longest > SHORT_CHARACTERS
    ]
    kept = [name for name in others if name not in objects and name not in too_long]
    notes.append(f"metadata: {quoted(kept)} (guessed: all other columns with short values)")
    if too_long:
        notes.append(
            f"left out: {quoted(too_long)} (values longer than {SHORT_CHARACTERS} characters; "
            "keep them with --meta)"
        )
    if objects:
        notes.append(f"left out: {quoted(objects)} (filters cannot use nested objects)")
    return tuple(kept)


def _is_valid(name: str) -> bool:
    try:
        return bool(to_text(name))
    except MisfitError:
        return False


def _length(value: Any) -> int:
    """Return the length of a text, or of the longest text of a list; 0 for other values."""
    value = plain(value)
    entries = value if isinstance(value, (list, tuple)) else [value]
    return max((len(entry) for entry in entries if isinstance(entry, (str, bytes))), default=0)
