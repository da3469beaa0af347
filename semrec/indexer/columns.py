"""Columns of a source: which one plays which role, found by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semrec.errors import LONGEST_SHOWN, CatalogError
from semrec.events.event_columns import folded
from semrec.plain_values import as_number, is_missing

_DATE = re.compile(r"\d{4}[-/]\d\d?[-/]\d\d?")
NEARLY_ALL = 0.95
"""Share of the rows that a column of ids has a value in, where another column could be it."""
SHOWN_COLUMNS = 30
"""Column names in a message; a table may have thousands."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a column can be, for instance the item id.

    Parameters
    ----------
    label : for messages.
    option : the command-line option that names the column.
    usual_names : names by which the column is recognised, separated by spaces, the most specific first.
    """

    label: str
    option: str
    usual_names: str


def assign_columns(
    roles: Mapping[str, Role], given: Mapping[str, str | None], free: Sequence[str], notes: list[str]
) -> dict[str, str | None]:
    """Return the column of every role: the given one, or the first free column with a usual name.

    Upper and lower case, spaces, hyphens and underscores make no difference.

    Parameters
    ----------
    roles : by name, in the order in which they choose.
    given : the column of a role, where it is known.
    free : columns that a role can have.
    notes : each guess is appended, in words.

    Returns
    -------
    The column of every role; None where no column has a usual name.
    """
    by_name = {folded(name): name for name in reversed(free)}
    assigned: dict[str, str | None] = {}
    for name, role in roles.items():
        assigned[name] = given.get(name)
        if assigned[name] is None:
            usual = (folded(usual_name) for usual_name in role.usual_names.split())
            assigned[name] = found = next((by_name.pop(name) for name in usual if name in by_name), None)
            notes.append(_guess_in_words(role, found))
    return assigned


def without_empty(roles: Iterable[Role], columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return the columns that can have a role: of those with usual names for one, not the emptier ones.

    Files have several columns of ids, of which one is complete: a book without an ASIN has an ISBN.

    Parameters
    ----------
    roles : that are looked for.
    columns : the values in the first rows, by name.
    """
    n_rows = max(map(len, columns.values()), default=0)
    sizes = {name: sum(not is_missing(value) for value in values) for name, values in columns.items()}
    empty: set[str] = set()
    for role in roles:
        usual = [folded(name) for name in role.usual_names.split()]
        named = [name for name in columns if folded(name) in usual]
        least = NEARLY_ALL * n_rows if role.usual_names.split()[0].endswith("_id") else 1
        least = min(least, max((sizes[name] for name in named), default=0))
        empty |= {name for name in named if sizes[name] < least}
    return [name for name in columns if name not in empty]


def only_id_column(
    columns: Mapping[str, Sequence[Any]], notes: list[str], role: Role, *, repeats: bool
) -> str | None:
    """Return the only column with an id in each of the first rows and a name that ends in "id"; None: none.

    Parameters
    ----------
    columns : the values in the first rows, by name.
    notes : the guess is appended, in words.
    role : of the column.
    repeats : whether ids repeat, as those of items do in events; False: all differ.
    """
    found = []
    for name, values in columns.items():
        ids = [str(value) for value in values if not is_missing(value)]
        is_whole = len(ids) == max(map(len, columns.values())) and len(ids) > 1
        if folded(name).endswith("id") and is_whole and (len(set(ids)) < len(ids)) == repeats:
            found.append(name)
    if len(found) != 1:
        return None
    notes[:] = [note for note in notes if not note.startswith(f"{role.label}: none")]
    notes.append(f'{role.label}: column "{found[0]}" (guessed: the only one of ids)')
    return found[0]


def missing_role(role: Role, columns: Sequence[str], source: str) -> CatalogError:
    """Return the error for a source without a column for this role."""
    advice = ""
    if any(as_number(name) is not None or _DATE.match(name) for name in columns):  # the names are a row
        advice = "; if the first line is a row, add --no-header --columns and name the columns: a,b,c"
    return CatalogError(
        f"{source}: no column looks like the {role.label}; name it with {role.option}{advice}. "
        f"Columns: {quoted(columns)}"
    )


def require_columns(names: Iterable[str], columns: Sequence[str], source: str) -> None:
    """Raise `CatalogError` unless the source has all of these columns."""
    absent = [name for name in names if name not in columns]
    if absent:
        raise CatalogError(f"{source}: there is no column {quoted(absent)}. Columns: {quoted(columns)}")


def quoted(columns: Iterable[str]) -> str:
    """Return column names for a message, at most `SHOWN_COLUMNS`, long ones cut; "none" for no columns."""
    names = [f'"{name if len(name) <= LONGEST_SHOWN else name[:LONGEST_SHOWN] + "…"}"' for name in columns]
    shown = ", ".join(names[:SHOWN_COLUMNS])
    n_more = len(names) - SHOWN_COLUMNS
    return f"{shown} and {n_more} more" if n_more > 0 else shown or "none"


def _guess_in_words(role: Role, column: str | None) -> str:
    if column is not None:
        return f'{role.label}: column "{column}" (guessed)'
    return f"{role.label}: none (no column looks like it; name one with {role.option})"
