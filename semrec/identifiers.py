"""Ids of items and users: what callers give, as the text that is stored.

Files, frames, Python, HTTP and the command line all use `identifier`, so the same id has the same text
everywhere: 42, 42.0 and numpy's 42 are "42"; outer spaces do not count; and a letter with an accent is the
same id, whether it is stored as one character or as two (Unicode normal forms NFC and NFD).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np

from semrec.errors import InvalidIdError, shown

AnyId: TypeAlias = str | int | float | Decimal | UUID
"""What a caller can give as an id."""


def identifier(value: Any) -> str:
    """Return the id that a value means, as stored: not empty, in NFC, without outer spaces.

    Parameters
    ----------
    value : a text, a whole or decimal number, or a UUID; also of numpy.

    Raises
    ------
    InvalidIdError
        The value is missing, blank, or of another type; the message goes on after the name of the id.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return _of_text(value)
    if value is None or _is_nan(value):
        raise InvalidIdError("is missing")
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | UUID):
        raise InvalidIdError(f"is {_kind_in_words(value)}, not text")
    return _of_number(value)


def identifiers(values: Iterable[Any] | None, name: str) -> tuple[str, ...]:
    """Return the ids of items to look up, in order; a blank text becomes "", which no item has.

    Parameters
    ----------
    values : several ids; None: no id.
    name : of the argument, for messages.

    Raises
    ------
    InvalidIdError
        One id is given instead of a list, or an entry cannot be an id.
    """
    if values is None:
        return ()
    require_list(values, name)
    found = []
    for place, value in enumerate(values):
        if isinstance(value, str) and not value.strip():
            found.append("")
            continue
        try:
            found.append(identifier(value))
        except InvalidIdError as fault:
            raise InvalidIdError(f"{name}[{place}] {fault}.") from None
    return tuple(found)


def require_list(values: Any, name: str) -> None:
    """Raise `InvalidIdError` for one id instead of a list of ids; the message shows the right form."""
    is_single = isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable)
    if is_single:
        raise InvalidIdError(f"{name} is a list, not a single value; write {name}=[{shown(values)}].")


def named_identifier(value: Any, name: str) -> str:
    """Return the id that a value means; raises `InvalidIdError` with a whole sentence that names it."""
    try:
        return identifier(value)
    except InvalidIdError as fault:
        raise InvalidIdError(f"{name} {fault}.") from None


def _is_nan(value: Any) -> bool:
    return value.is_nan() if isinstance(value, Decimal) else isinstance(value, float) and value != value


def _of_text(value: str) -> str:
    text = value.strip()
    if not text:
        raise InvalidIdError("is missing")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _of_number(value: float | Decimal | UUID) -> str:
    if isinstance(value, float | Decimal):
        if abs(value) == float("inf"):
            raise InvalidIdError("is infinite")
        value = int(value) if value == int(value) else value
    try:
        return str(value)
    except ValueError as error:  # Python does not print integers of more than some thousand digits
        raise InvalidIdError("is a number with too many digits") from error


def _kind_in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, list | tuple):
        return "a list"
    return "an object" if isinstance(value, Mapping) else f"a {type(value).__name__}"
