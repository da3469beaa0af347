"""Values of a source: their types, and their conversion to text, ids and metadata.

`parse` means that the format has text only (CSV, TSV), so numbers and truth values are parsed. A value that
cannot be converted raises `MisfitError` with the reason in words.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal, TypeAlias
from uuid import UUID

from semrec.indexer.sources.written_numbers import Mark, is_currency_alone, read_number
from semrec.plain_values import (
    MisfitError,
    digits_of,
    finite,
    is_missing,
    is_missing_word,
    plain,
    type_in_words,
    valid_text,
)
from semrec.store.item_limits import INT64
from semrec.store.protocol import FieldType
from semrec.types import Value

Kind: TypeAlias = Literal["keyword", "integer", "float", "bool", "object"]
"""The type of one value; an `object` cannot be metadata."""

_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[+-]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_DATES = (datetime.date, datetime.time)
_OBJECTS_WITH_TEXT = (Decimal, UUID, datetime.timedelta)


def kind_of(value: Any, *, parse: bool) -> Kind | None:
    """Return the type of a value; None if it is missing."""
    value = plain(value)
    if isinstance(value, str):
        return _kind_of_text(value) if parse else None if is_missing_word(value) or not value else "keyword"
    if is_missing(value):
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, (float, Decimal)):
        return "float"
    if isinstance(value, (list, tuple)):
        return "keyword" if all(map(_can_be_in_list, value)) else "object"
    return "keyword" if isinstance(value, (*_DATES, *_OBJECTS_WITH_TEXT)) else "object"


def _can_be_in_list(entry: Any) -> bool:
    """Return whether a list with this entry can be metadata; a list in a list cannot."""
    entry = plain(entry)
    return not isinstance(entry, (list, tuple)) and kind_of(entry, parse=False) != "object"


def _kind_of_text(value: str) -> Kind | None:
    value = value.strip()
    if not value or is_missing_word(value) or _NOT_FINITE.fullmatch(value):
        return None
    if value.lower() in ("true", "false"):
        return "bool"
    if _INTEGER.fullmatch(value):
        # Longer numbers are codes, such as EANs: as text they lose no digit.
        return "integer" if len(value) < 20 and int(value) in INT64 else "keyword"
    return "float" if _is_float(value) else "keyword"


def _is_float(value: str) -> bool:
    return bool(_FLOAT.fullmatch(value)) and any(digit.isdigit() for digit in re.split("[eE]", value)[0])


def common_type(kinds: Iterable[Kind]) -> FieldType:
    """Return the type of a field with values of these types: the narrowest one that fits all."""
    found = set(kinds) - {"object"}
    if found == {"integer", "float"}:
        return "float"
    (only,) = found if len(found) == 1 else ("keyword",)
    return only  # type: ignore[return-value]


def to_value(value: Any, kind: FieldType, *, parse: bool, mark: Mark = ".") -> Value | None:
    """Return a metadata value of the type of its field; None if it is missing.

    Parameters
    ----------
    value : of a cell.
    kind : type of the field; a text can be a number or a truth value.
    parse : the source has text only.
    mark : decimal mark of written numbers.
    """
    value = plain(value)
    if value is None or (isinstance(value, str) and not (value.strip() if parse else value)):
        return None
    if is_missing_word(value) or (kind in ("integer", "float") and _is_sign(value)):
        return None
    if kind == "keyword":
        return _keywords(value) if isinstance(value, (list, tuple)) else _keyword(value)
    if isinstance(value, str):
        value = _read(value, kind, mark)
    if kind == "bool":
        return _bool(value)
    return _integer(value) if kind == "integer" else _float(value)


def _read(text: str, kind: FieldType, mark: Mark) -> Any:
    """Return the number or truth value that a text means, or the text itself."""
    plain_number = _parsed(text.strip()) if mark == "." or kind == "bool" else text  # the fast way
    if kind == "bool" or not isinstance(plain_number, str):
        return plain_number
    number = read_number(text, mark)
    return _parsed(text.strip()) if number is None else number


def _is_sign(value: Any) -> bool:
    return isinstance(value, str) and is_currency_alone(value)


def _keywords(values: list[Any] | tuple[Any, ...]) -> tuple[str, ...] | None:
    entries = (plain(value) for value in values)
    kept = (entry for entry in entries if entry is not None and entry != "" and not is_missing_word(entry))
    return tuple(map(_keyword, kept)) or None


def _keyword(value: Any) -> str:
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return digits_of(finite(value))
    if isinstance(value, _DATES):
        return value.isoformat()
    if isinstance(value, _OBJECTS_WITH_TEXT):
        return str(value)
    raise MisfitError(f"is {type_in_words(value)}, not text")


def _integer(value: Any) -> int:
    if isinstance(value, float) and finite(value).is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise MisfitError(f"is {type_in_words(value)}, not an integer")
    if value not in INT64:
        raise MisfitError("is too large for a 64-bit number")
    return value


def _float(value: Any) -> float:
    if not isinstance(value, (int, float, Decimal)) or isinstance(value, bool):
        raise MisfitError(f"is {type_in_words(value)}, not a number")
    try:
        number = float(value)
    except OverflowError as error:
        raise MisfitError("is too large for a 64-bit number") from error
    except ValueError as error:  # a signaling NaN of decimal
        raise MisfitError("is NaN") from error
    return float(finite(number))


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise MisfitError(f"is {type_in_words(value)}, not true or false")


def _parsed(value: str) -> Any:
    """Return the number or truth value of a text, or the text itself."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if _INTEGER.fullmatch(value):
        return int(value) if len(value) < 400 else float(value)
    return float(value) if _NOT_FINITE.fullmatch(value) or _is_float(value) else value
