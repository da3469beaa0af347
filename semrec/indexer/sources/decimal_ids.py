"""Whole numbers as ids in text files that have got a decimal point: 1.0 for 1.

pandas turns a column of integers with a missing value into floats, and writes them so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from semrec.indexer.sources.textfile import RawRow
from semrec.plain_values import is_missing

_WHOLE_DECIMAL = re.compile(r"\s*([+-]?(?:0|[1-9][0-9]*))\.0\s*")


def decimal_id_columns(sample: Sequence[Mapping[str, Any]], columns: Iterable[str | None]) -> tuple[str, ...]:
    """Return the columns with ids where every value of the sample is a text such as 12.0.

    Parameters
    ----------
    sample : values of the first rows, by column.
    columns : with ids; None is left out.
    """
    return tuple(name for name in dict.fromkeys(columns) if name is not None and _all_decimal(sample, name))


def decimal_ids_note(columns: Sequence[str]) -> list[str]:
    """Return what is done with these columns, in words; nothing for no columns."""
    return [f'"{name}": ids such as 1.0 are read as 1 (guessed)' for name in columns]


def with_whole_ids(row: RawRow, columns: Sequence[str]) -> RawRow:
    """Return the row with ids such as 12.0 in these columns as 12; other ids stay."""
    found = {
        name: match[1]
        for name in columns
        if isinstance(value := row.values.get(name), str) and (match := _WHOLE_DECIMAL.fullmatch(value))
    }
    return row._replace(values={**row.values, **found}) if found else row


def _all_decimal(sample: Sequence[Mapping[str, Any]], column: str) -> bool:
    values = [value for row in sample if not is_missing(value := row.get(column))]
    return bool(values) and all(
        isinstance(value, str) and _WHOLE_DECIMAL.fullmatch(value) for value in values
    )
