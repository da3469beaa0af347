"""Metadata in the types of the fields, and the types of fields after more values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from semrec.indexer.column_formats import ColumnFormat, guess_format, widened, wider
from semrec.indexer.sources.list_cells import split_cell
from semrec.indexer.sources.values import to_value
from semrec.plain_values import MisfitError
from semrec.store.protocol import FieldType
from semrec.types import Value


def typed_metadata(
    values: Mapping[str, Any], formats: Mapping[str, ColumnFormat], *, parse: bool
) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the values of fields in the types of the fields, and why other values do not fit, by field.

    A decimal number stays one in a field of whole numbers: the field becomes wider, see `widened`. Missing
    values are in neither result.
    """
    metadata: dict[str, Value] = {}
    misfits: dict[str, str] = {}
    for name, form in formats.items():
        value = values.get(name)
        if value is None:
            continue
        cell = split_cell(value, form.separator)
        try:
            found = to_value(cell, form.type, parse=parse, mark=form.mark)
        except MisfitError as fault:
            found = _decimal(cell, form, parse=parse) if form.type == "integer" else None
            if found is None:
                misfits[name] = str(fault)
        if found is not None:
            metadata[name] = found
    return metadata, misfits


def type_after(
    before: ColumnFormat, values: Sequence[Any], known: Callable[[], Sequence[Any]], *, parse: bool = False
) -> FieldType:
    """Return the narrowest type of a field that holds more values, and what it had.

    Values that do not fit are judged together with known ones, as in a column of a file: one word does not
    make the prices of a catalog words.

    Parameters
    ----------
    before : format of the field.
    values : more values, as given.
    known : returns a sample of the values that the field had; called if a value does not fit.
    parse : the source has text only.
    """
    read = [typed_metadata({"": value}, {"": before}, parse=parse) for value in values]
    kind = before.type
    for metadata, _ in read:
        kind = widened({"": kind}, metadata).get("", kind)
    if not any(misfits for _, misfits in read):
        return kind
    return wider(kind, guess_format([*known(), *values], parse=parse, separator="")[0].type)


def _decimal(value: Any, form: ColumnFormat, *, parse: bool) -> float | None:
    """Return a number with decimals; None for other values."""
    try:
        number = to_value(value, "float", parse=parse, mark=form.mark)
    except MisfitError:
        return None
    return number if isinstance(number, float) and not number.is_integer() else None
