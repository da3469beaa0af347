"""Columns of a source: which one plays which role, found by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from semrec.errors import LONGEST_SHOWN, CatalogError
from semrec.events.event_columns import folded

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


def missing_role(role: Role, columns: Sequence[str], source: str) -> CatalogError:
    """Return the error for a source without a column for this role."""
    return CatalogError(
        f"{source}: no column looks like the {role.label}; name it with {role.option}. "
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
