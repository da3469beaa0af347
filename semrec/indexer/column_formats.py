"""How the values of a metadata column are read: their type, how numbers are written, and how lists are.

All three are guessed over the values of the first rows, because one value says little: a price of "9,99 €" in
a thousand says that commas are decimal marks, and one "call us" does not make the other prices words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semrec.indexer.sources.list_cells import guess_separator, in_words
from semrec.indexer.sources.values import Kind, common_type, kind_of
from semrec.indexer.sources.written_numbers import (
    Mark,
    column_mark,
    decimal_mark,
    has_currency,
    is_currency_alone,
    read_number,
)
from semrec.plain_values import is_missing, is_missing_word, plain
from semrec.store.item_limits import INT64
from semrec.store.protocol import FieldType, Manifest
from semrec.types import Value

AMOUNTS, INTEGERS = (0.25, 0.05), (0.05, 0.0)
"""Largest share of words such as "call us", and of other texts with digits such as "12-15", in a column of
numbers: with decimals or currency signs, or of whole numbers alone. Whole numbers may be codes or sizes."""
MOSTLY_BOOL = 0.95
"""Smallest share of truth values in a column of truth values; other values are left out."""


@dataclass(frozen=True, slots=True)
class ColumnFormat:
    """How the values of a metadata column are read.

    Parameters
    ----------
    type : of the field.
    mark : decimal mark of written numbers.
    separator : between the entries of a list in one cell, see `list_cells`; None: a cell holds one value.
    """

    type: FieldType
    mark: Mark = "."
    separator: str | None = None


def plain_formats(fields: Mapping[str, FieldType]) -> dict[str, ColumnFormat]:
    """Return the formats of fields whose values are not written by people."""
    return {name: ColumnFormat(kind) for name, kind in fields.items()}


def stored_formats(manifest: Manifest, fields: Mapping[str, FieldType]) -> dict[str, ColumnFormat]:
    """Return how values of fields are read that are written as in the catalog of an index.

    Parameters
    ----------
    manifest : of the index; it keeps how its catalog was written.
    fields : types of the fields.
    """
    return {
        name: ColumnFormat(
            kind,
            mark="," if name in manifest.decimal_commas else ".",
            separator=manifest.separators.get(name) if kind == "keyword" else None,
        )
        for name, kind in fields.items()
    }


def guess_format(
    values: Sequence[Any],
    *,
    parse: bool,
    declared: FieldType | None = None,
    is_list: bool = False,
    separator: str | None = None,
    before: ColumnFormat | None = None,
) -> tuple[ColumnFormat, str | None]:
    """Return the format of a column, and what was guessed, in words.

    Parameters
    ----------
    values : of the first rows.
    parse : the source has text only.
    declared : type that the source declares.
    is_list : the values are lists.
    separator : of lists, where it is given; empty: no text is a list.
    before : format of the field in the index, which holds where the values do not say another one.
    """
    present = [plain(value) for value in values]
    present = [value for value in present if not is_missing(value) and not is_missing_word(value)]
    if before is not None and not present:
        return before, None
    texts = [value for value in present if isinstance(value, str)]
    if is_list:
        return ColumnFormat("keyword", separator=separator or guess_separator(texts) or ","), None
    if texts and len(texts) == len(present) and separator != "":
        if separator is not None and any(separator in text for text in texts):
            return ColumnFormat("keyword", separator=separator), None
        if before is not None and before.separator is not None:
            return before, None
        if separator is None and (found := guess_separator(texts)):
            return ColumnFormat("keyword", separator=found), _list_note(found)
    if declared is not None and not (declared == "keyword" and any(map(has_currency, texts))):
        return ColumnFormat(declared), None
    if number := _number_format(present, parse=parse, usual=before.mark if before else "."):
        return number, _number_note(number, texts, parse=parse)
    every_kind = [kind for value in present if (kind := kind_of(value, parse=parse))]
    if every_kind and every_kind.count("bool") >= MOSTLY_BOOL * len(every_kind):
        return ColumnFormat("bool"), None
    kinds = set(every_kind)
    return ColumnFormat(common_type(kinds)), _mixed_note(kinds)


def wider(one: FieldType, other: FieldType) -> FieldType:
    """Return the narrowest type that holds the values of both: integer, float, then text."""
    return common_type({one, other})


def widening_note(name: str, before: FieldType, after: FieldType) -> str:
    """Return in words that the type of a field has become wider."""
    words = {
        "integer": "whole numbers",
        "float": "decimal numbers",
        "bool": "truth values",
        "keyword": "texts",
    }
    return f'"{name}" had {words[before]}; from now on it has {words[after]}'


def type_of(value: Value) -> FieldType:
    """Return the narrowest type of a field with this value."""
    return kind_of(value, parse=False) or "keyword"  # type: ignore[return-value]


def widened(fields: Mapping[str, FieldType], metadata: Mapping[str, Value]) -> dict[str, FieldType]:
    """Return the fields that are new, or that must be wider, for these values of an item.

    A whole number is no reason to widen a field of decimal numbers, and nothing one of texts.
    """
    changed: dict[str, FieldType] = {}
    for name, value in metadata.items():
        kind = type_of(value)
        before = fields.get(name, kind)
        after = wider(before, kind)
        if name not in fields or after != before:
            changed[name] = after
    return changed


def _number_format(present: Sequence[Any], *, parse: bool, usual: Mark) -> ColumnFormat | None:
    """Return the format of a column of numbers, with the usual mark if none shows; None for another one."""
    texts: list[str] = []
    numbers: list[Any] = []
    n_others = 0  # truth values, lists and dates
    for value in present:
        kind = kind_of(value, parse=parse)
        if kind in ("integer", "float"):
            numbers.append(value)
        elif kind == "keyword" and isinstance(value, str):
            texts.append(value)
        elif kind is not None:
            n_others += 1
    texts = [text for text in texts if not is_currency_alone(text)]
    is_priced = any(map(has_currency, texts))
    if not (numbers or is_priced or parse):
        return None  # the source says that they are texts
    mark = column_mark((value for value in present if isinstance(value, str)), usual)
    odd = [text for text in texts if not _is_number(text, mark)]
    has_decimals = any(kind_of(value, parse=parse) == "float" for value in numbers)
    is_amount = is_priced or has_decimals or any(map(decimal_mark, texts))
    n_all = len(numbers) + len(texts) + n_others
    if not _are_few(odd, n_others, n_all, AMOUNTS if is_amount else INTEGERS):
        return None
    written = [text for text in texts if _is_number(text, mark)]
    is_whole = all(_is_whole(value, mark) for value in (*numbers, *written))
    return ColumnFormat("integer" if is_whole else "float", mark=mark)


def _are_few(odd: Sequence[str], n_others: int, n_all: int, most: tuple[float, float]) -> bool:
    """Return whether a column is one of numbers, although some of its values are none.

    Parameters
    ----------
    odd : texts that are no numbers.
    n_others : values that are neither texts nor numbers.
    n_all : values of the column.
    most : largest shares, see `AMOUNTS`.
    """
    n_codes = sum(any(map(str.isdigit, text)) for text in odd)
    n_words = len(odd) - n_codes + n_others
    most_words, most_codes = most
    return n_codes + n_words < n_all and n_words <= most_words * n_all and n_codes <= most_codes * n_all


def _is_number(text: str, mark: Mark) -> bool:
    number = read_number(text, mark)
    return number is not None and (isinstance(number, float) or number in INT64)


def _is_whole(value: Any, mark: Mark) -> bool:
    if isinstance(value, str):
        return is_currency_alone(value) or isinstance(read_number(value, mark), int)
    return isinstance(value, int)


def _number_note(found: ColumnFormat, texts: Sequence[str], *, parse: bool) -> str | None:
    unusual = [text for text in texts if kind_of(text, parse=parse) == "keyword"]
    written = next((text for text in unusual if _is_number(text, found.mark)), None)
    if written is None:
        return None
    return f"numbers, also written as {written!r} (guessed; the decimal mark is {found.mark!r})"


def _list_note(separator: str) -> str:
    return f'lists {in_words(separator)} (guessed; --list-separator "" keeps them as texts)'


def _mixed_note(kinds: set[Kind]) -> str | None:
    mixed = sorted("text" if kind == "keyword" else kind for kind in kinds - {"object"})
    return f"{' and '.join(mixed)} values; all are kept as text" if len(mixed) > 1 else None
