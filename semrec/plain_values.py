"""Single values from outside, of any type: missing or not, and their conversion to text and numbers.

A value that cannot be converted raises `MisfitError` with the reason in words.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from semrec.errors import InvalidIdError
from semrec.identifiers import identifier


class MisfitError(Exception):
    """A value that cannot be converted; the message is the reason."""


def is_missing(value: Any) -> bool:
    """Return whether a value is missing: None, NaN, `NA` or `NaT` of pandas, or an empty string or list."""
    if value is None or isinstance(value, (str, bytes, list, tuple)):
        return not value
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas need not be installed
        return True
    return isinstance(value, float) and value != value


MISSING_WORDS = frozenset(
    ["NULL", "null", "nan", "NaN", "NAN", "None", "N/A", "n/a", "#N/A", "<NA>", "NaT", "\\N"]
)
"""Texts that programs write for a missing value. An id can be one of them: there is a package "nan"."""


def is_missing_word(value: Any) -> bool:
    """Return whether a value is a text that stands for a missing value."""
    return isinstance(value, str) and len(value) <= 8 and value.strip() in MISSING_WORDS


def plain(value: Any) -> Any:
    """Return numpy values as Python values, and bytes as text; invalid UTF-8 becomes lone surrogates."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def to_id(value: Any) -> str:
    """Return an id as stored, see `semrec.identifiers`; bytes are UTF-8 text."""
    value = plain(value)
    if is_missing(value):
        raise MisfitError("is missing")
    try:
        return valid_text(identifier(value))
    except InvalidIdError as fault:
        raise MisfitError(str(fault)) from None


def to_text(value: Any) -> str:
    """Return a valid UTF-8 text; empty if the value is missing. The texts of a list become lines."""
    value = plain(value)
    if isinstance(value, str):
        return valid_text(value)
    if is_missing(value):
        return ""
    if isinstance(value, (list, tuple)) and not any(isinstance(entry, (list, tuple)) for entry in value):
        return "\n".join(text for entry in value if (text := to_text(entry)))
    raise MisfitError(f"is {type_in_words(value)}, not text")


def as_number(value: Any) -> float | None:
    """Return the number that a value or a text is, also NaN and infinite; None for anything else."""
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def digits_of(value: Any) -> str:
    """Return a number as text; raises `MisfitError` for an integer of thousands of digits."""
    try:
        return str(value)
    except ValueError as error:  # Python does not print integers of more than some thousand digits
        raise MisfitError("is a number with too many digits") from error


def finite(value: Any) -> Any:
    """Return the value; raises `MisfitError` for NaN and infinity."""
    if isinstance(value, float):
        if value != value:
            raise MisfitError("is NaN")
        if value in (float("inf"), float("-inf")):
            raise MisfitError("is infinite")
    return value


def valid_text(value: str) -> str:
    """Return the text; raises `MisfitError` unless it can be written in UTF-8."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError as error:
        code = ord(value[error.start])
        what = f"byte 0x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"lone surrogate U+{code:04X}"
        raise MisfitError(f"is not valid UTF-8 ({what} at character {error.start + 1})") from error
    return value


def type_in_words(value: Any) -> str:
    """Return what a value is, for messages."""
    if isinstance(value, str):
        return f"the text {value if len(value) <= 40 else value[:40] + '…'!r}"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, (int, float, Decimal)):
        return "a number"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"
