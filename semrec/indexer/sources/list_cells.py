"""Several values in one cell: `Adventure|Animation`, `a;b`, `["a", "b"]`, `['a', 'b']` and `{a,b}`.

How a column is written is guessed over its values, because one of them alone says little: "Tea; Coffee" can
be a list or a name.
"""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Sequence
from typing import Any

from semrec.plain_values import plain

BRACKETS, BRACES = "[]", "{}"
"""Lists as JSON, Python or numpy write them; and arrays of PostgreSQL."""
SEPARATORS = ("|", ";")
"""Characters that are guessed to separate values; a comma also stands inside names."""

MIN_SHARE = 0.1
"""Least share of the texts of a column that hold a separator which is guessed to be one."""
LONGEST_ENTRY = 60
"""Characters of the longest entry of a list that is guessed by its separator."""
_BARE_ENTRY = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|([^\s,'\"]+)")
_NEIGHBOURS = re.compile(r"""['"]\s+['"]""")
"""Texts without a comma between them, as numpy writes them; Python would join them."""


def split_cell(value: Any, separator: str | None) -> Any:
    """Return the entries of a text; another value, or a text that is no list, is returned unchanged.

    Parameters
    ----------
    value : of a cell.
    separator : between two entries, `BRACKETS` or `BRACES`; None: every text is one value.
    """
    value = plain(value)
    if not isinstance(value, str) or separator is None:
        return value
    if separator == BRACKETS:
        entries = _bracketed(value)
    elif separator == BRACES:
        entries = _braced(value)
    else:
        entries = value.split(separator)
    if entries is None:
        return value
    stripped = [entry.strip() if isinstance(entry, str) else entry for entry in entries]
    return [entry for entry in stripped if entry not in ("", None)]


def guess_separator(texts: Sequence[str]) -> str | None:
    """Return how the lists in the cells of a column are written; None if they are no lists.

    Parameters
    ----------
    texts : the values of the column that are not missing.
    """
    if not texts:
        return None
    if _share(_bracketed(text) is not None for text in texts) >= 0.9:
        return BRACKETS
    if _share(_braced(text) is not None for text in texts) >= 0.9:
        return BRACES
    for separator in SEPARATORS:
        lists = [text.split(separator) for text in texts if separator in text]
        is_often = len(lists) >= MIN_SHARE * len(texts)
        if lists and is_often and all(len(entry) <= LONGEST_ENTRY for entries in lists for entry in entries):
            return separator
    return None


def in_words(separator: str) -> str:
    """Return how lists are written, for messages."""
    forms = {BRACKETS: 'written as ["a", "b"]', BRACES: "written as {a,b}"}
    return forms.get(separator, f"separated by {separator!r}")


def _share(found: Any) -> float:
    results = list(found)
    return sum(results) / len(results)


def _bracketed(text: str) -> list[Any] | None:
    """Return the entries of a list as JSON, Python or numpy write it; None for another text."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    for read in () if _NEIGHBOURS.search(text) else (json.loads, ast.literal_eval):
        try:
            entries = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        is_flat = isinstance(entries, list) and not any(isinstance(one, list | dict) for one in entries)
        return list(entries) if is_flat else None
    inner = text[1:-1]
    is_plain = "[" not in inner and "{" not in inner  # ['a' 'b'] of numpy, or [a, b] without quotes
    return ["".join(found) for found in _BARE_ENTRY.findall(inner)] if is_plain else None


def _braced(text: str) -> list[str] | None:
    """Return the entries of an array as PostgreSQL writes it; None for another text."""
    text = text.strip()
    if not (text.startswith("{") and text.endswith("}")) or re.search(r"[{}:]", text[1:-1]):
        return None
    try:
        entries = next(csv.reader([text[1:-1]], strict=True, escapechar="\\"), [])
    except csv.Error:
        return None
    return [entry for entry in entries if entry != "NULL"]
