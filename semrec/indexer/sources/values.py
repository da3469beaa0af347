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

import numpy as np

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


class MisfitError(Exception):
    """A value that cannot be converted; the message is the reason."""


def is_missing(value: Any) -> bool:
    """Return whether a value is missing: None, NaN, `NA` or `NaT` of pandas, or an empty string or list."""
    if value is None or isinstance(value, (str, bytes, list, tuple)):
        return not value
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas need not be installed
        return True
    return isinstance(value, float) and value != value


def plain(value: Any) -> Any:
    """Return numpy values as Python values, and bytes as text; invalid UTF-8 becomes lone surrogates."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def kind_of(value: Any, *, parse: bool) -> Kind | None:
    """Return the type of a value; None if it is missing."""
    value = plain(value)
    if isinstance(value, str):
        return _kind_of_text(value) if parse else "keyword" if value else None
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
    if not value or _NOT_FINITE.fullmatch(value):
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


def to_id(value: Any) -> str:
    """Return an item id: any string that is not blank; a number is converted."""
    value = plain(value)
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        raise MisfitError("is missing; every item needs an id")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (int, float, UUID)) and not isinstance(value, bool):
        return _digits(_finite(value))
    return to_text(value)


def to_text(value: Any) -> str:
    """Return a valid UTF-8 text; empty if the value is missing."""
    value = plain(value)
    if isinstance(value, str):
        return _clean(value)
    if is_missing(value):
        return ""
    raise MisfitError(f"is {_words(value)}, not text")


def to_value(value: Any, kind: FieldType, *, parse: bool) -> Value | None:
    """Return a metadata value of the type of its field; None if it is missing."""
    value = plain(value)
    if value is None or (isinstance(value, str) and not (value.strip() if parse else value)):
        return None
    if kind == "keyword":
        return _keywords(value) if isinstance(value, (list, tuple)) else _keyword(value)
    if parse and isinstance(value, str):
        value = _parsed(value.strip())
    if kind == "bool":
        return _bool(value)
    return _integer(value) if kind == "integer" else _float(value)


def as_number(value: Any) -> float | None:
    """Return the number that a value or a text is, also NaN and infinite; None for anything else."""
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def split_list(value: Any) -> Any:
    """Return the parts of a comma-separated text; other values are returned unchanged."""
    value = plain(value)
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _keywords(values: list[Any] | tuple[Any, ...]) -> tuple[str, ...] | None:
    entries = (plain(value) for value in values)
    return tuple(_keyword(entry) for entry in entries if entry is not None and entry != "") or None


def _keyword(value: Any) -> str:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return _digits(_finite(value))
    if isinstance(value, _DATES):
        return value.isoformat()
    if isinstance(value, _OBJECTS_WITH_TEXT):
        return str(value)
    raise MisfitError(f"is {_words(value)}, not text")


def _integer(value: Any) -> int:
    if isinstance(value, float) and _finite(value).is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise MisfitError(f"is {_words(value)}, not an integer")
    if value not in INT64:
        raise MisfitError("is too large for a 64-bit number")
    return value


def _float(value: Any) -> float:
    if not isinstance(value, (int, float, Decimal)) or isinstance(value, bool):
        raise MisfitError(f"is {_words(value)}, not a number")
    try:
        number = float(value)
    except OverflowError as error:
        raise MisfitError("is too large for a 64-bit number") from error
    except ValueError as error:  # a signaling NaN of decimal
        raise MisfitError("is NaN") from error
    return float(_finite(number))


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise MisfitError(f"is {_words(value)}, not true or false")


def _digits(value: Any) -> str:
    try:
        return str(value)
    except ValueError as error:  # Python does not print integers of more than some thousand digits
        raise MisfitError("is a number with too many digits") from error


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        if value != value:
            raise MisfitError("is NaN")
        if value in (float("inf"), float("-inf")):
            raise MisfitError("is infinite")
    return value


def _parsed(value: str) -> Any:
    """Return the number or truth value of a text, or the text itself."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if _INTEGER.fullmatch(value):
        return int(value) if len(value) < 400 else float(value)
    return float(value) if _NOT_FINITE.fullmatch(value) or _is_float(value) else value


def _clean(value: str) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError as error:
        code = ord(value[error.start])
        what = f"byte 0x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"lone surrogate U+{code:04X}"
        raise MisfitError(f"is not valid UTF-8 ({what} at character {error.start + 1})") from error
    return value


def _words(value: Any) -> str:
    if isinstance(value, str):
        return f"the text {value if len(value) <= 40 else value[:40] + '…'!r}"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, (int, float, Decimal)):
        return "a number"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"
