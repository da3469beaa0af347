"""What both engines can store of an item: one check for every reader and every writer of items."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from semrec.types import Value

INT64 = range(-(2**63), 2**63)
"""The integers that the engines store."""
MAX_ITEM_BYTES = 8 * 2**20
"""Longest item as JSON. A Qdrant server accepts requests of 32 MB, with the vectors of the item."""
MAX_ITEM_NUMBERS = 1_000_000
"""Most numbers in the passage vectors of one item: about 20 MB as JSON."""
_LONGEST_ESCAPE = 6
"""Bytes of `\\u0001` in JSON, for one byte of text."""


def item_fault(item_id: str, texts: Iterable[str], metadata: Mapping[str, Value]) -> str | None:
    """Return why an item cannot be taken, in words; None if the stores and the databases can hold it.

    Parameters
    ----------
    item_id : of the item.
    texts : title, and text.
    metadata : fields to filter by.
    """
    if "\0" in item_id:
        return "the id holds a NUL character, which databases cannot store"
    texts = tuple(texts)
    return storing_fault(item_id, texts, metadata) or _size_fault([item_id, *texts, metadata])


def storing_fault(item_id: str, texts: Iterable[str], metadata: Mapping[str, Value]) -> str | None:
    """Return why no engine can store an item with these values, in words; None if it can be stored.

    Parameters
    ----------
    item_id, texts, metadata : as in `item_fault`.
    """
    for text in (item_id, *texts, *metadata):
        if fault := _text_fault(text):
            return fault
    for name, value in metadata.items():
        if fault := _value_fault(value):
            return f"field {name!r} {fault}"
    return None


def most_passages(dimension: int) -> int:
    """Return how many passages an item can have, if a vector has `dimension` numbers; at least 1."""
    return max(1, MAX_ITEM_NUMBERS // dimension)


def passages_fault(n_passages: int, dimension: int) -> str | None:
    """Return why an item has too many passages for one request to a server, in words; None if they fit.

    Parameters
    ----------
    n_passages : passages of the item.
    dimension : length of a vector.
    """
    most = most_passages(dimension)
    if n_passages <= most:
        return None
    return f"the text has {n_passages:,} passages; the limit is {most:,} for vectors of {dimension} numbers"


def _size_fault(values: Sequence[Any]) -> str | None:
    """Return why values are too long for one request to a server, in words; None if they fit."""
    if _LONGEST_ESCAPE * sum(map(rough_size, values)) <= MAX_ITEM_BYTES:
        return None
    size = len(json.dumps(values, ensure_ascii=False).encode())
    if size <= MAX_ITEM_BYTES:
        return None
    return f"id, texts and metadata together have {size:,} bytes as JSON; the limit is {MAX_ITEM_BYTES:,}"


def _text_fault(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"{text[:40]!r} is not valid Unicode"
    return None


def _value_fault(value: Value) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "holds NaN or infinity"
    if isinstance(value, int) and value not in INT64:
        return "holds an integer beyond 64 bits"
    for text in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
        if fault := _text_fault(text):
            return fault
    return None


def rough_size(value: Any) -> int:
    """Return at least the number of bytes of a value as JSON, without escapes."""
    if isinstance(value, str):
        return 4 + (len(value) if value.isascii() else 4 * len(value))
    if isinstance(value, Mapping):
        return sum(rough_size(name) + rough_size(entry) for name, entry in value.items())
    return sum(map(rough_size, value)) if isinstance(value, list | tuple) else 24
